//! Why an order came to nothing, or to something else.

use axme_core::id::{KillId, Revision};
use axme_engine::control::ControlError;
use axme_store::StoreError;
use axme_store::control::Trouble;

use crate::read::ReadError;

/// See the module. A refusal of an edge is made of it.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum OrderError {
    /// This replica admits nothing: the kill is not recorded, and nobody must take it for one that
    /// is.
    #[error("this replica admits nothing; the kill is not recorded")]
    NotRecorded,
    /// The kill is enforced by this replica and not durable yet. It is committed when it can be.
    #[error("the kill {kill} is enforced here and not durable yet")]
    Unconfirmed { kill: KillId, trouble: Option<Trouble> },
    /// A resume names a revision that the log does not have.
    #[error("the control log ends at {newest}; name a revision that was seen")]
    NotSeen { newest: Revision },
    /// The entry of the order is another one than was ordered.
    #[error("the order's entry is another one")]
    Unexpected,
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StoreError> for OrderError {
    fn from(error: StoreError) -> Self {
        Self::Control(error.into())
    }
}
