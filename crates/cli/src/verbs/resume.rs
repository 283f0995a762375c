//! `axme resume`: look at the hold, then lift it and nothing newer.

use super::kill::{for_each, report};
use super::mesh::list_agents;
use crate::client::{self, Client, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::{names, wording};
use axme_api::mesh::{MeshAgent, ResumeAnswer, ResumeRequest};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Let stopped agents run again.
///
/// Shows who stopped them and why, and lifts what was shown: if somebody kills the agent again in
/// the meantime, that kill stands.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// Names, addresses, ids or patterns
    #[arg(required = true, value_name = "NAME", value_parser = super::not_empty())]
    names: Vec<String>,
    /// Why, for the audit
    #[arg(long, short, value_name = "TEXT")]
    reason: Option<String>,
}

/// The part of an agent's page that a resume needs.
#[derive(Deserialize)]
struct Page {
    agent: MeshAgent,
}

impl Resume {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let targets = names::resolve(&self.names, || stopped_agents(&client))?;
        let mut seen = BTreeMap::new();
        for (target, page) in targets.iter().zip(for_each(&targets, |name| get(&client, name))) {
            let agent = client::read::<Page>(&page?)?.agent;
            if let Some(hold) = &agent.kill {
                context.output.note(wording::hold_sentence(&agent.address, hold))?;
            }
            seen.insert(target.as_str(), agent.revision);
        }
        context.confirm("resume", "agents", &targets)?;
        let answers = for_each(&targets, |target| {
            let revision = seen.get(target).copied();
            let order = ResumeRequest { revision, reason: self.reason.clone() };
            client.post(&format!("/v1/mesh/agents/{}/resume", path_part(target)), &order)
        });
        report(&mut context.output, &targets, answers, tell)
    }
}

fn get(client: &Client, target: &str) -> Result<Value, Failure> {
    client.get(&format!("/v1/mesh/agents/{}", path_part(target)), &json!({}))
}

/// A pattern means the stopped agents among those it matches.
fn stopped_agents(client: &Client) -> Result<Vec<MeshAgent>, Failure> {
    let mut agents = list_agents(client)?;
    agents.retain(|agent| agent.run_state != "active");
    Ok(agents)
}

fn tell(output: &mut Output<'_>, target: &str, answer: &Value) -> Result<(), Failure> {
    match client::read::<ResumeAnswer>(answer) {
        Ok(resumed) => output.line(wording::resume_sentence(&resumed)),
        Err(_) => output.line(format_args!("{target} resumed. The gateway answered: {answer}")),
    }
}
