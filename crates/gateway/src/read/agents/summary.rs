//! Agents counted by health and by run state.

use axme_api::mesh::MeshSummary;
use axme_core::health::Health;
use axme_core::hold::RunState;
use axme_engine::Engine;
use axme_engine::enforcer::Cell;
use axme_store::ledger::Usage;

use super::page::is_listed;
use super::{Asked, Reported};

/// Counts all agents of the workspace, without the control state.
pub(super) fn of_all(engine: &Engine, asked: &Asked, usage: &Reported) -> MeshSummary {
    let mut summary = MeshSummary::default();
    let mut count = |cell: &Cell| {
        let known = cell.address_id().is_some() && cell.workspace_id == asked.workspace;
        if known && is_listed(cell.is_live(), cell.run_state()) {
            add(&mut summary, engine.heartbeats.health(cell), cell.run_state());
        }
    };
    match &asked.only {
        Some(own) => count(own),
        None => engine.enforcer.each_cell(|cell| count(cell)),
    }
    usage.values().for_each(|usage| add_usage(&mut summary, usage));
    close(&mut summary);
    summary
}

/// Counts one agent.
pub(super) fn add(summary: &mut MeshSummary, health: Health, run_state: RunState) {
    summary.total += 1;
    match health {
        Health::Healthy => summary.healthy += 1,
        Health::Degraded => summary.degraded += 1,
        Health::Unreachable => summary.unreachable += 1,
        Health::Unknown => summary.unknown += 1,
        // Stopped: counted by their run state.
        Health::Killed | Health::Paused | Health::Quarantined => {}
    }
    match run_state {
        RunState::Active => summary.active += 1,
        RunState::Paused => summary.paused += 1,
        RunState::Quarantined => summary.quarantined += 1,
        RunState::Killed => summary.killed += 1,
    }
}

/// Adds what one agent reported.
pub(super) fn add_usage(summary: &mut MeshSummary, usage: &Usage) {
    summary.intents_period = summary.intents_period.saturating_add(usage.intents_total);
    summary.cost_period += usage.cost_usd;
}

/// Derives what follows from the counts.
pub(super) fn close(summary: &mut MeshSummary) {
    summary.incidents = summary.killed + summary.unreachable;
}
