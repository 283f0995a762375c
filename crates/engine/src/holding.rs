//! What the fold of the log tells to those who follow stops and resumes.

use std::sync::Arc;

use axme_core::change::Change;
use axme_core::id::{KillId, Revision};
use axme_core::state::State;
use axme_core::time::Timestamp;
use axme_store::control::LogEntry;

use crate::enforcer::{Cell, Enforcer};

/// Somebody who follows stops and resumes. Called in the order of the log, while it is being
/// folded: nothing here may wait.
pub trait FollowsHolds: Send + Sync + std::fmt::Debug {
    /// Holds have changed; `state` is what the log says with the change.
    fn holds_changed(&self, state: &State, change: &HoldsChanged);

    /// The log was read anew, in place of what was folded: anything may have changed.
    fn log_replaced(&self);
}

/// One change of holds.
#[derive(Clone, Debug)]
pub struct HoldsChanged {
    pub revision: Revision,
    pub at: Timestamp,
    /// The kill that added a hold; none when holds were lifted.
    pub added: Option<KillId>,
    pub agents: Vec<Arc<Cell>>,
}

/// The changes of holds in an entry that `state` has just applied.
pub(crate) fn changes_of(
    enforcer: &Enforcer,
    state: &State,
    logged: &LogEntry,
) -> Vec<HoldsChanged> {
    let entry = &logged.entry;
    let of_change = |change: &Change| {
        let added = change.added_hold().map(|(target, hold)| (target, Some(hold.kill_id)));
        let lifted = || change.lifted_holds().map(|(target, _, _)| (target, None));
        let (target, added) = added.or_else(lifted)?;
        let agents = enforcer.cells_of(state, state.standing_target(entry, target));
        Some(HoldsChanged { revision: logged.revision, at: entry.at, added, agents })
    };
    entry.changes.iter().filter_map(of_change).collect()
}
