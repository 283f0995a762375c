//! What can go wrong at the store, in the terms on which callers act.

use axme_core::decide::Denial;
use axme_core::policy::Breach;

use crate::control::LogEntry;

/// A failure of the store itself.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing happened; the same call may work later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store has no room: nothing happened, and nothing will until somebody makes some.
    #[error("the disk of the store is full: {0}")]
    Full(String),
    /// The connection or the disk failed in the middle: it may have happened or not.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// This replica's epoch was closed; the store takes no more writes of it.
    #[error("this replica was fenced: its epoch is closed")]
    Fenced,
    /// The data cannot be used; only an operator can help.
    #[error("{0}")]
    Unusable(String),
}

impl StoreError {
    /// Whether it is certain that the call changed nothing.
    #[must_use]
    pub const fn had_no_effect(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Full(_) | Self::Fenced | Self::Unusable(_) => true,
            Self::OutcomeUnknown(_) => false,
        }
    }
}

/// Why an append to the control log did not go through.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The head has moved: read, plan and append again.
    #[error("the control log has moved on")]
    Conflict,
    /// The log holds this command already, at this entry.
    #[error("the control log holds this command already")]
    Duplicate(Box<LogEntry>),
    /// The same idempotency key came with another request.
    #[error("idempotency key reused with different payload")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a write to the ledger did not go through.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// It was decided again when its batch was written, and refused.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// It goes beyond a limit of its sender, which refuses it.
    #[error("a limit is used up: {0}")]
    OverLimit(Breach),
    /// The same idempotency key came with another request.
    #[error("idempotency key reused with different payload")]
    KeyReused,
    /// The writer has as much waiting as it takes; nothing happened.
    #[error("too many writes are waiting")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WriteError {
    /// The same for a write of the gateway's own, which nobody decides again.
    pub(crate) fn of_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            other @ (Self::Denied(_) | Self::OverLimit(_) | Self::KeyReused | Self::Busy) => {
                StoreError::Unavailable(other.to_string())
            }
        }
    }
}
