//! `axme audit`: read and verify the audit.

use crate::client;
use crate::context::Context;
use crate::failure::Failure;
use crate::wording::{or_dash, time, word};
use axme_api::audit::{AuditEvent, AuditEventsAnswer, AuditQuery};

mod verify;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Audit {
    /// Show who did what, newest first
    List(Box<List>),
    Verify(verify::Verify),
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only actions that begin so, such as agent. or key.revoked
    #[arg(long, value_name = "PREFIX")]
    action: Option<String>,
    /// Only this actor: the name of a key
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// From this time on, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many (500 at a time)
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Go on where a list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl Audit {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(context),
            Self::Verify(verb) => verb.run(context),
        }
    }
}

impl List {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let query = AuditQuery {
            action_prefix: self.action,
            actor: self.actor,
            agent: self.agent,
            since: self.since,
            until: self.until,
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let answer = context.client()?.get("/v1/audit/events", &query)?;
        context.output.answer(&answer, |output| {
            let list = client::read::<AuditEventsAnswer>(&answer)?;
            let heading = ["AT", "ACTION", "RESULT", "BY", "TARGET", "REASON", "EVENT"];
            output.table(&heading, list.events.iter().map(row).collect(), "No audit events.")?;
            super::more(output, "axme audit list", list.next_cursor.as_ref())
        })
    }
}

fn row(event: &AuditEvent) -> Vec<String> {
    vec![
        time(Some(&event.at)),
        event.action.clone(),
        word(&event.result),
        event.actor_id.clone(),
        or_dash(event.target.as_ref()),
        or_dash(event.reason.as_ref()),
        event.event_id.clone(),
    ]
}
