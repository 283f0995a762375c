//! What can be asked for, one file a verb.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;

mod agents;
mod audit;
mod demo;
mod intents;
mod keys;
mod keys_offline;
mod kill;
mod login;
mod logout;
mod mesh;
mod policies;
mod replicas;
mod resume;
mod serve;
mod status;
mod store;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<serve::Serve>),
    Demo(demo::Demo),
    Login(login::Login),
    Logout(logout::Logout),
    Status(status::Status),
    Ps(mesh::List),
    Kill(kill::Kill),
    Resume(resume::Resume),
    Replicas(replicas::Replicas),
    /// The mesh: list, get, kill, resume, events
    #[command(subcommand)]
    Mesh(mesh::Mesh),
    /// Make, list and delete agents
    #[command(subcommand)]
    Agents(agents::Agents),
    /// Which intents an agent may send and receive, and how much
    #[command(subcommand)]
    Policies(policies::Policies),
    /// Make, list and revoke keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Send and read intents
    #[command(subcommand)]
    Intents(intents::Intents),
    /// The store itself
    #[command(subcommand)]
    Store(store::Store),
    /// Read and verify the audit
    #[command(subcommand)]
    Audit(audit::Audit),
}

impl Command {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Serve(verb) => verb.run(context),
            Self::Demo(verb) => verb.run(context),
            Self::Login(verb) => verb.run(context),
            Self::Logout(verb) => verb.run(context),
            Self::Status(verb) => verb.run(context),
            Self::Ps(verb) => verb.run(context),
            Self::Kill(verb) => verb.run(context),
            Self::Resume(verb) => verb.run(context),
            Self::Replicas(verb) => verb.run(context),
            Self::Mesh(verb) => verb.run(context),
            Self::Agents(verb) => verb.run(context),
            Self::Policies(verb) => verb.run(context),
            Self::Keys(verb) => verb.run(context),
            Self::Intents(verb) => verb.run(context),
            Self::Store(verb) => verb.run(context),
            Self::Audit(verb) => verb.run(context),
        }
    }
}

/// Where to act, for keys that reach further than one workspace.
#[derive(Debug, clap::Args)]
struct Place {
    /// Id of the organization; your key's own when absent
    #[arg(long, value_name = "ORG_ID")]
    org: Option<String>,
    /// Id of the workspace; your key's own when absent
    #[arg(long, value_name = "WORKSPACE_ID")]
    workspace: Option<String>,
}

fn not_empty() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

/// Says how to read on when a list was cut.
fn more(output: &mut Output<'_>, command: &str, cursor: Option<&String>) -> Result<(), Failure> {
    match cursor {
        Some(cursor) => output.note(format_args!("More: {command} --cursor {cursor}")),
        None => Ok(()),
    }
}
