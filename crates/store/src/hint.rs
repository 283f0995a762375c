//! Hints: what another process has written, told without being asked.

use axme_core::address::Address;
use axme_core::id::{IntentId, KillId, WorkspaceId};

/// Hints that wait for a slow reader; beyond them it takes everything for changed.
pub const HINTS_WAITING_MAX: usize = 4_096;

/// Something at the store has changed. Any hint may be lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hint {
    /// The control log has grown.
    Log,
    /// A replica has reported how far it has come, or was closed.
    Reported,
    /// An agent's queue has grown.
    Queue(WorkspaceId, Address),
    /// An intent has gone a step further.
    Intent(IntentId),
    /// An instance has said something about a kill.
    Kill(KillId),
    /// Hints may have been lost: anything may have changed.
    Everything,
}
