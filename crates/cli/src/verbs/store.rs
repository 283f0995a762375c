//! `axme store`: the store itself.

use crate::context::Context;
use crate::failure::Failure;
use crate::runtime;
use axme_gateway::proof;
use serde_json::json;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Store {
    Conformance(Conformance),
}

/// Prove that a PostgreSQL server does what the gateway counts on
///
/// Tells every story of the conformance suite in a schema of its own, and removes it again. Nothing
/// else in the database is touched; no gateway needs to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Conformance {
    /// The server: postgres://USER@HOST,HOST/DATABASE; the user may create schemas
    #[arg(long, value_name = "URL", env = "AXME_STORE")]
    store: String,
}

impl Store {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Conformance(verb) => verb.run(context),
        }
    }
}

impl Conformance {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let proven = runtime::block_on(proof::prove(&self.store, |_| {}))?;
        let told = proven.map_err(|error| runtime::failure("cannot use the store", &error))?;
        let broken = told.iter().filter(|story| story.broken.is_some()).count();
        let stories: Vec<_> = told
            .iter()
            .map(|story| json!({ "story": story.story, "broken": story.broken }))
            .collect();
        let answer = json!({ "ok": broken == 0, "stories": stories });
        context.output.answer(&answer, |output| {
            for story in &told {
                let name = story.story.replace('_', " ");
                match &story.broken {
                    None => output.line(format_args!("holds   {name}"))?,
                    Some(why) => output.line(format_args!("BROKEN  {name}: {why}"))?,
                }
            }
            output.line(format_args!("{} of {} stories hold.", told.len() - broken, told.len()))
        })?;
        if broken == 0 {
            return Ok(());
        }
        Err(Failure::Failed {
            what: format!("{broken} of {} stories do not hold at this server.", told.len()),
            next: "Do not run a gateway on it.".to_owned(),
        })
    }
}
