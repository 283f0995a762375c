//! `axme mesh` (and `axme ps`): which agents live, what happened to them.

mod dashboard;
mod instances;

use super::{kill, resume};
use crate::client::{self, Client, path_part};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::wording::{or_dash, time};
use axme_api::mesh::{
    AgentListAnswer, AgentListQuery, EventsAnswer, EventsQuery, MeshAgent, MeshEvent,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Entries asked for at a time when a whole list is read.
const PAGE_COUNT: u32 = 500;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Mesh {
    List(List),
    /// Show one agent
    Get(Get),
    /// List the running copies of an agent
    Instances(instances::Instances),
    Kill(kill::Kill),
    Resume(resume::Resume),
    /// Show what happened, newest first
    Events(Events),
    Dashboard(dashboard::Dashboard),
}

/// List agents, their health and whether they are stopped.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only this health: healthy, degraded, unreachable, killed, unknown
    #[arg(long, value_name = "WORD")]
    health: Option<String>,
    /// Only those whose name or address holds this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Period of the counts: day, week, month
    #[arg(long, value_name = "PERIOD")]
    window: Option<String>,
    /// At most so many; all when absent
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// Name, address or id
    #[arg(value_parser = super::not_empty())]
    name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    /// Only this type, such as agent.killed or killed
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
}

impl Mesh {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(context),
            Self::Get(verb) => verb.run(context),
            Self::Instances(verb) => verb.run(context),
            Self::Kill(verb) => verb.run(context),
            Self::Resume(verb) => verb.run(context),
            Self::Events(verb) => verb.run(context),
            Self::Dashboard(verb) => verb.run(context),
        }
    }
}

/// All agents that the key sees.
pub(super) fn list_agents(client: &Client) -> Result<Vec<MeshAgent>, Failure> {
    let query = AgentListQuery { limit: Some(PAGE_COUNT), ..AgentListQuery::default() };
    let answer = client.get_all("/v1/mesh/agents", &query, "agents")?;
    Ok(client::read::<AgentListAnswer>(&answer)?.agents)
}

impl List {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let client = context.client()?;
        let query = AgentListQuery {
            limit: Some(self.limit.unwrap_or(PAGE_COUNT)),
            health: self.health,
            search: self.search,
            window: self.window,
            ..AgentListQuery::default()
        };
        let answer = match self.limit {
            Some(_) => client.get("/v1/mesh/agents", &query)?,
            None => client.get_all("/v1/mesh/agents", &query, "agents")?,
        };
        context.output.answer(&answer, |output| {
            let agents = client::read::<AgentListAnswer>(&answer)?.agents;
            let heading =
                ["AGENT", "STATE", "HEALTH", "LAST HEARTBEAT", "SENT", "DENIED", "COST", "STREAMS"];
            let none = "No agents. Make one: axme agents create NAME";
            output.table(&heading, agents.iter().map(list_row).collect(), none)
        })
    }
}

fn list_row(agent: &MeshAgent) -> Vec<String> {
    vec![
        agent.address.clone(),
        agent.run_state.clone(),
        agent.health_status.clone(),
        time(agent.last_heartbeat_at.as_ref()),
        agent.counts.admitted.to_string(),
        agent.counts.denied.to_string(),
        format!("{:.2}", agent.cost_period),
        agent.open_streams.to_string(),
    ]
}

/// The parts of an agent's page that are shown.
#[derive(Deserialize)]
struct Page {
    agent: MeshAgent,
    #[serde(default)]
    events: Vec<MeshEvent>,
}

impl Get {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let path = format!("/v1/mesh/agents/{}", path_part(&self.name));
        let answer = context.client()?.get(&path, &json!({}))?;
        context.output.answer(&answer, |output| show(output, &client::read::<Page>(&answer)?))
    }
}

fn show(output: &mut Output<'_>, page: &Page) -> Result<(), Failure> {
    let agent = &page.agent;
    output.line(format_args!("{} ({})", agent.address, agent.address_id))?;
    output.line(format_args!("  state      {}", agent.run_state))?;
    if let Some(hold) = &agent.kill {
        output.line(format_args!("  stopped    by {} at {}", hold.by, time(Some(&hold.at))))?;
        output.line(format_args!("  reason     {}", or_dash(hold.reason.as_ref())))?;
        output.line(format_args!("  kill       {}", hold.kill_id))?;
        output.line(format_args!("  resume     axme resume {}", agent.address))?;
    }
    let beat = time(agent.last_heartbeat_at.as_ref());
    output.line(format_args!("  health     {}, last heartbeat {beat}", agent.health_status))?;
    let counts = &agent.counts;
    output.line(format_args!(
        "  requests   {} admitted, {} denied (counted by the gateway)",
        counts.admitted, counts.denied
    ))?;
    output.line(format_args!(
        "  reported   {} intents, ${:.2} (by the agent, this period)",
        agent.intents_period, agent.cost_period
    ))?;
    output.line(format_args!("  streams    {} open", agent.open_streams))?;
    if page.events.is_empty() {
        return Ok(());
    }
    output.line("")?;
    event_table(output, &page.events)
}

impl Events {
    fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let query =
            EventsQuery { limit: Some(self.limit), event_type: self.event_type, cursor: None };
        let answer = context.client()?.get("/v1/mesh/events", &query)?;
        context.output.answer(&answer, |output| {
            event_table(output, &client::read::<EventsAnswer>(&answer)?.events)
        })
    }
}

fn event_table(output: &mut Output<'_>, events: &[MeshEvent]) -> Result<(), Failure> {
    let row = |event: &MeshEvent| {
        let reason = event.details.as_ref().and_then(|details| details.get("reason"));
        vec![
            time(Some(&event.created_at)),
            event.event_type.clone(),
            or_dash(event.address.as_ref()),
            or_dash(event.actor_id.as_ref()),
            reason.and_then(Value::as_str).unwrap_or("-").to_owned(),
        ]
    };
    let heading = ["AT", "EVENT", "AGENT", "BY", "REASON"];
    output.table(&heading, events.iter().map(row).collect(), "No events yet.")
}
