//! An agent's run state as its instances are told it.

use std::sync::OnceLock;

use axme_core::hold::{Hold, RunState};
use axme_core::id::{AddressId, Revision};
use axme_core::state::State;
use axme_core::time::Timestamp;
use bytes::Bytes;

/// The run state at a revision of the control log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStateNow {
    pub run_state: RunState,
    pub revision: Revision,
    /// The strictest hold in force.
    pub hold: Option<Hold>,
}

/// A change of holds on one agent.
#[derive(Debug)]
pub struct RunStateChange {
    pub now: RunStateNow,
    pub change: HoldsChange,
    pub at: Timestamp,
    /// The change as it goes out, made once for all streams that tell it.
    pub frame: OnceLock<Bytes>,
}

/// What happened to the holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldsChange {
    Added,
    Lifted,
}

impl RunStateNow {
    /// None for an address that nobody has registered.
    #[must_use]
    pub fn of(state: &State, address_id: AddressId) -> Option<Self> {
        let agent = state.agent(address_id)?;
        Some(Self {
            run_state: state.run_state(agent),
            revision: state.revision(),
            hold: state.hold_on(agent).cloned(),
        })
    }
}

impl RunStateChange {
    pub(super) const fn new(now: RunStateNow, at: Timestamp, added: bool) -> Self {
        let change = if added { HoldsChange::Added } else { HoldsChange::Lifted };
        Self { now, change, at, frame: OnceLock::new() }
    }

    /// What it is called: the run state that a hold brought, or `resumed`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.change {
            HoldsChange::Added => self.now.run_state.as_str(),
            HoldsChange::Lifted => "resumed",
        }
    }
}
