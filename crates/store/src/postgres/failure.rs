//! What a failing statement means: whether it may have happened, and for whom it counts.

use tokio_postgres::error::SqlState;

use crate::control::Trouble;
use crate::error::{AppendError, StoreError, WriteError};
use crate::log_row::Damaged;

/// Why a call of the server did not go well.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an error: the statement changed nothing.
    Answered(Box<Answered>),
    /// The server was not asked, or only asked to read: nothing was changed.
    Unreached(Trouble),
    /// A write was sent, and what became of it is not known.
    Lost(String),
    /// The writer's epoch is not open.
    Fenced,
    /// What was given cannot be kept, or what was read cannot be understood.
    Unusable(String),
}

/// An error that the server answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) code: SqlState,
    /// The constraint that would not have it.
    pub(super) constraint: Option<String>,
    pub(super) message: String,
}

impl Failure {
    /// A value of the store that this version does not understand.
    pub(super) fn unreadable(what: impl std::fmt::Display) -> Self {
        Self::Unusable(format!("a row of the store cannot be read: {what}"))
    }

    /// Whether the same statement may go well when it is sent again at once.
    pub(super) fn is_passing(&self) -> bool {
        self.code().is_some_and(|code| {
            *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
        })
    }

    /// Whether this constraint refused it because there is such a row already.
    pub(super) fn is_taken(&self, constraint: &str) -> bool {
        matches!(self, Self::Answered(answered) if answered.code == SqlState::UNIQUE_VIOLATION
            && answered.constraint.as_deref() == Some(constraint))
    }

    /// Whether a lock was not to be had within `lock_timeout`.
    pub(super) fn is_locked_out(&self) -> bool {
        self.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether the server takes no writes.
    pub(super) fn is_read_only(&self) -> bool {
        self.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// What is wrong with the store, when that is what it says.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Unreached(trouble) => Some(trouble.clone()),
            Self::Lost(what) => Some(Trouble::unreachable(what)),
            Self::Answered(answered) => Trouble::of_code(&answered.code, &answered.message),
            Self::Fenced | Self::Unusable(_) => None,
        }
    }

    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Answered(answered) => Some(&answered.code),
            Self::Unreached(_) | Self::Lost(_) | Self::Fenced | Self::Unusable(_) => None,
        }
    }
}

impl From<Damaged> for Failure {
    fn from(damaged: Damaged) -> Self {
        Self::Unusable(damaged.to_string())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answered(answered) if answered.is_about_values() => {
                Self::Unusable(format!("the store would not take this write: {}", answered.message))
            }
            Failure::Answered(answered) if answered.code == SqlState::DISK_FULL => {
                Self::Full(answered.message)
            }
            Failure::Answered(answered) => Self::Unavailable(
                Trouble::of_code(&answered.code, &answered.message)
                    .map_or(answered.message, |trouble| trouble.message),
            ),
            Failure::Unreached(trouble) => Self::Unavailable(trouble.message),
            Failure::Lost(what) => Self::OutcomeUnknown(what),
            Failure::Fenced => Self::Fenced,
            Failure::Unusable(what) => Self::Unusable(what),
        }
    }
}

impl From<Failure> for WriteError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.into())
    }
}

impl From<Failure> for AppendError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.into())
    }
}

impl Answered {
    /// Whether the same values would be refused again: classes 22 (data) and 23 (constraints).
    fn is_about_values(&self) -> bool {
        let code = self.code.code();
        code.starts_with("22") || code.starts_with("23") || code.starts_with("54")
    }
}
