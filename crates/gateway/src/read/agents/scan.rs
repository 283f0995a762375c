//! Looking at every agent of a workspace, for lists that are searched or sorted.
//!
//! The control state is read in chunks, so that a kill never waits for a long list.

use axme_api::mesh::MeshSummary;
use axme_core::address::Address;
use axme_core::health::Health;
use axme_core::hold::RunState;
use axme_core::id::AddressId;
use axme_core::state::{Agent, State};
use axme_core::time::Timestamp;
use axme_engine::Engine;
use axme_store::ledger::Usage;

use super::page::{CHUNK_AGENTS, is_listed};
use super::{Asked, Reported, SortBy, summary};
use crate::read::ReadError;

/// Agents that are sorted at most: more than anybody looks through.
const SORTED_AGENTS_MAX: usize = 100_000;

/// An agent that may come into the page.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) address_id: AddressId,
    pub(super) address: Address,
    /// What it is called, in lower case, when it is sorted by that.
    pub(super) name: String,
    pub(super) health: Health,
    pub(super) seen: Option<Timestamp>,
    /// What it reported in the period.
    pub(super) usage: Usage,
}

/// Everything that the search matches.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Those that the filters let through, by address.
    pub(super) candidates: Vec<Candidate>,
    /// All of them.
    pub(super) summary: MeshSummary,
}

/// Looks at every agent that is asked about.
pub(super) async fn all(
    engine: &Engine,
    asked: &Asked,
    usage: &Reported,
) -> Result<Scanned, ReadError> {
    let mut scanned = Scanned::default();
    let mut after = None;
    loop {
        let chunk = engine.control.read(|state| chunk(state, asked, after.as_ref()));
        for seen in chunk.seen {
            take(engine, asked, usage, seen, &mut scanned);
        }
        if scanned.candidates.len() > SORTED_AGENTS_MAX {
            let problem = format!(
                "more than {SORTED_AGENTS_MAX} agents match; search for fewer, or list them by address"
            );
            return Err(ReadError::query("sort", problem));
        }
        let Some(last) = chunk.more_after else { break };
        after = Some(last);
        tokio::task::yield_now().await;
    }
    summary::close(&mut scanned.summary);
    Ok(scanned)
}

fn take(engine: &Engine, asked: &Asked, usage: &Reported, seen: Seen, scanned: &mut Scanned) {
    let Seen { address_id, address, name } = seen;
    let cell = engine.enforcer.cell(asked.workspace, &address);
    let (health, run_state, seen) = cell
        .map_or((Health::Unknown, RunState::Active, None), |cell| {
            (engine.heartbeats.health(&cell), cell.run_state(), cell.last_seen())
        });
    summary::add(&mut scanned.summary, health, run_state);
    let usage = usage.get(&address_id).copied().unwrap_or_default();
    summary::add_usage(&mut scanned.summary, &usage);
    if asked.wants(health, run_state) {
        scanned.candidates.push(Candidate { address_id, address, name, health, seen, usage });
    }
}

/// What is taken out of the control state of an agent that the search finds.
struct Seen {
    address_id: AddressId,
    address: Address,
    name: String,
}

/// Agents that were looked at together, and where to go on when there are more.
struct Chunk {
    seen: Vec<Seen>,
    more_after: Option<Address>,
}

fn chunk(state: &State, asked: &Asked, after: Option<&Address>) -> Chunk {
    let see = |agent: &Agent| Seen {
        address_id: agent.address_id,
        address: agent.address.clone(),
        name: match asked.order.by {
            SortBy::Name => agent.display_name().to_lowercase(),
            SortBy::Address
            | SortBy::Trouble
            | SortBy::Health
            | SortBy::LastHeartbeat
            | SortBy::Instances
            | SortBy::Intents
            | SortBy::Cost => String::new(),
        },
    };
    if let Some(own) = &asked.only {
        let own = own.address_id().and_then(|id| state.agent(id));
        let own = own.filter(|agent| asked.finds(agent));
        return Chunk { seen: own.map(see).into_iter().collect(), more_after: None };
    }
    let (mut seen, mut read, mut last) = (Vec::new(), 0, None);
    for agent in state.agents_of(asked.workspace, after).take(CHUNK_AGENTS) {
        read += 1;
        last = Some(&agent.address);
        let listed = is_listed(agent.live_account().is_some(), state.run_state(agent));
        if listed && asked.finds(agent) {
            seen.push(see(agent));
        }
    }
    Chunk { seen, more_after: last.filter(|_| read == CHUNK_AGENTS).cloned() }
}
