//! One agent as the control state has it, taken out of it to be looked at.

use axme_api::mesh::KillSummary;
use axme_core::health::Health;
use axme_core::hold::{Hold, RunState};
use axme_core::id::Revision;
use axme_core::state::{Agent, State};
use axme_engine::Engine;

/// See the module.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) agent: Agent,
    /// The hold by which it is stopped.
    pub(crate) hold: Option<Hold>,
    pub(crate) revision: Revision,
}

impl Found {
    pub(crate) fn of(state: &State, agent: &Agent) -> Self {
        let hold = state.hold_on(agent).cloned();
        Self { agent: agent.clone(), hold, revision: state.revision() }
    }

    /// Its health and run state at this moment.
    pub(crate) fn standing(&self, engine: &Engine) -> (Health, RunState) {
        let cell = engine.enforcer.cell(self.agent.workspace_id, &self.agent.address);
        cell.map_or((Health::Unknown, RunState::Active), |cell| {
            (engine.heartbeats.health(&cell), cell.run_state())
        })
    }
}

/// A hold in short.
pub(super) fn kill_summary(hold: &Hold) -> KillSummary {
    KillSummary {
        kill_id: hold.kill_id.to_string(),
        reason: hold.reason.as_deref().map(str::to_owned),
        by: hold.by.name.to_string(),
        at: hold.at.to_string(),
        revision: hold.revision.0,
    }
}
