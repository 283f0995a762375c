//! One page of a workspace's agents by address.
//!
//! The control state is read in chunks, so that a kill never waits for a long list.

use axme_core::address::Address;
use axme_core::hold::RunState;
use axme_core::state::State;
use axme_engine::Engine;

use super::{Asked, Filter};
use crate::read::{Found, Page};

/// Agents that are looked at before the control state is let go.
pub(super) const CHUNK_AGENTS: usize = 1_024;

/// Reads the page that is asked for.
pub(super) async fn read(engine: &Engine, asked: &Asked, after: Option<&Address>) -> Page<Found> {
    let mut page = Page { rows: Vec::new(), next_cursor: None };
    let mut after = after.cloned();
    loop {
        let chunk = engine.control.read(|state| chunk(state, asked, after.as_ref()));
        for found in chunk.found {
            let (health, run_state) = found.standing(engine);
            if !asked.wants(health, run_state) {
                continue;
            }
            if page.rows.len() == asked.limit {
                let last = page.rows.last().map(|last: &Found| last.agent.address.to_string());
                return Page { next_cursor: last, ..page };
            }
            page.rows.push(found);
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
    let enough = match (asked.health, asked.run_state) {
        (Filter::All, Filter::All) => asked.limit + 1,
        (Filter::Nothing, _) | (_, Filter::Nothing) => 0,
        (Filter::One(_), _) | (_, Filter::One(_)) => CHUNK_AGENTS,
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
pub(in crate::read) fn is_listed(live: bool, run_state: RunState) -> bool {
    live || run_state != RunState::Active
}
