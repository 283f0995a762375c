//! One page of a workspace's agents, and the summary over all of them.
//!
//! The control state is read in chunks, so that a kill never waits for a long list.

use std::sync::Arc;

use axme_api::mesh::{AgentListQuery, MeshSummary};
use axme_core::address::Address;
use axme_core::health::Health;
use axme_core::hold::RunState;
use axme_core::id::{AddressId, WorkspaceId};
use axme_core::state::State;
use axme_engine::Caller;
use axme_engine::enforcer::Cell;
use axme_store::ledger::Usage;

use super::Found;
use crate::http::Api;
use crate::http::answers::list_limit;
use crate::http::compat::health_filter;
use crate::http::error::ApiError;

/// Agents that are looked at before the control state is let go.
const CHUNK_AGENTS: usize = 1_024;

/// What is asked of the list.
#[derive(Debug)]
pub(super) struct Asked {
    workspace: WorkspaceId,
    /// The caller itself, when its key is an agent's.
    only: Option<Arc<Cell>>,
    after: Option<Address>,
    limit: usize,
    health: Filter,
}

#[derive(Debug)]
enum Filter {
    All,
    One(Health),
    /// A word that nobody knows matches no agent.
    Nothing,
}

/// Some agents in the order of their addresses.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) found: Vec<Found>,
    pub(super) next_cursor: Option<String>,
}

impl Asked {
    pub(super) fn read(
        query: &AgentListQuery,
        workspace: WorkspaceId,
        caller: &Caller,
    ) -> Result<Self, ApiError> {
        let after = match query.cursor.as_deref() {
            None | Some("") => None,
            Some(cursor) => Some(Address::parse_lenient(cursor).map_err(|problem| {
                ApiError::query("cursor", format!("take it from next_cursor: {problem}"))
            })?),
        };
        let health = match query.health.as_deref() {
            None | Some("") => Filter::All,
            Some(word) => health_filter(word).map_or(Filter::Nothing, Filter::One),
        };
        let only = caller.agent().map(Arc::clone);
        Ok(Self { workspace, only, after, limit: list_limit(query.limit)?, health })
    }

    fn wants(&self, health: Health) -> bool {
        match self.health {
            Filter::All => true,
            Filter::One(wanted) => wanted == health,
            Filter::Nothing => false,
        }
    }
}

/// Reads the page that is asked for.
pub(super) async fn read(api: &Api, asked: &Asked) -> Page {
    let mut page = Page::default();
    let mut after = asked.after.clone();
    loop {
        let chunk = api.engine().control.read(|state| chunk(state, asked, after.as_ref()));
        for found in chunk.found {
            if !asked.wants(found.standing(api).0) {
                continue;
            }
            if page.found.len() == asked.limit {
                let last = page.found.last().map(|last| last.agent.address.to_string());
                return Page { next_cursor: last, ..page };
            }
            page.found.push(found);
        }
        let Some(last) = chunk.more_after else { return page };
        after = Some(last);
        tokio::task::yield_now().await;
    }
}

/// Agents that were read together, and where to go on when there are more.
struct Chunk {
    found: Vec<Found>,
    more_after: Option<Address>,
}

fn chunk(state: &State, asked: &Asked, after: Option<&Address>) -> Chunk {
    if let Some(own) = &asked.only {
        let own = own.address_id().and_then(|id| state.agent(id));
        let own = own.filter(|agent| after.is_none_or(|after| agent.address > *after));
        let found = own.map(|agent| Found::of(state, agent)).into_iter().collect();
        return Chunk { found, more_after: None };
    }
    // Without a filter nothing is read beyond the page.
    let enough = match asked.health {
        Filter::All => asked.limit + 1,
        Filter::One(_) => CHUNK_AGENTS,
        Filter::Nothing => 0,
    };
    let (mut found, mut read, mut last) = (Vec::new(), 0, None);
    for agent in state.agents_of(asked.workspace, after).take(CHUNK_AGENTS) {
        read += 1;
        last = Some(&agent.address);
        if is_listed(agent.live_account().is_some(), state.run_state(agent)) {
            found.push(Found::of(state, agent));
        }
        if found.len() >= enough {
            break;
        }
    }
    let more = enough > 0 && (read == CHUNK_AGENTS || found.len() >= enough);
    Chunk { found, more_after: last.filter(|_| more).cloned() }
}

/// Whether the mesh shows an address: while an account holds it, and as long as it is stopped.
fn is_listed(live: bool, run_state: RunState) -> bool {
    live || run_state != RunState::Active
}

/// Counts all agents of the workspace by health, without the control state.
pub(super) fn summary(api: &Api, asked: &Asked, usage: &[(AddressId, Usage)]) -> MeshSummary {
    let mut summary = MeshSummary::default();
    let mut count = |cell: &Cell| {
        let known = cell.address_id().is_some() && cell.workspace_id == asked.workspace;
        if known && is_listed(cell.is_live(), cell.run_state()) {
            add(&mut summary, api.engine().heartbeats.health(cell));
        }
    };
    match &asked.only {
        Some(own) => count(own),
        None => api.engine().enforcer.each_cell(|cell| count(cell)),
    }
    summary.incidents = summary.killed + summary.unreachable;
    for (_, usage) in usage {
        summary.intents_period = summary.intents_period.saturating_add(usage.intents_total);
        summary.cost_period += usage.cost_usd;
    }
    summary
}

fn add(summary: &mut MeshSummary, health: Health) {
    summary.total += 1;
    match health {
        Health::Healthy => summary.healthy += 1,
        Health::Degraded => summary.degraded += 1,
        Health::Unreachable => summary.unreachable += 1,
        Health::Unknown => summary.unknown += 1,
        Health::Killed => summary.killed += 1,
        // The published summary has no words for these; they are in the total.
        Health::Paused | Health::Quarantined => {}
    }
}
