//! Why the store cannot be used at the moment: kept for whoever asks, and logged when it changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio_postgres::error::SqlState;

use crate::control::Trouble;
use crate::postgres::failure::Failure;

/// The trouble of one store.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    last: Mutex<Option<Trouble>>,
    /// Whether there is one, so that each success need not take the lock.
    any: AtomicBool,
}

impl Troubles {
    /// The last trouble, unless a call went well since.
    pub(super) fn last(&self) -> Option<Trouble> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what a failing call says about the store, if it says anything about it.
    pub(super) fn note(&self, failure: &Failure) {
        let Some(trouble) = failure.trouble() else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Said once, not with each attempt; only what it is called counts.
        if last.as_ref().is_none_or(|last| last.code != trouble.code) {
            tracing::error!(code = trouble.code, "the store cannot be used: {}", trouble.message);
        }
        *last = Some(trouble);
        self.any.store(true, Ordering::Release);
    }

    /// A call went well. Reading does where the server only takes no writes, which ends no such
    /// trouble.
    pub(super) fn clear(&self, wrote: bool) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |trouble: &mut Trouble| {
            wrote || !["store_full", "store_read_only"].contains(&trouble.code)
        };
        if let Some(trouble) = last.take_if(over) {
            self.any.store(false, Ordering::Release);
            tracing::info!(code = trouble.code, "the store can be used again");
        }
    }
}

impl Trouble {
    pub(super) fn unreachable(what: impl std::fmt::Display) -> Self {
        Self {
            code: "store_unreachable",
            message: format!("PostgreSQL does not answer ({what}); check that it runs and its URL"),
        }
    }

    pub(super) fn busy(what: impl std::fmt::Display) -> Self {
        Self {
            code: "store_busy",
            message: format!(
                "{what}; raise max_connections of PostgreSQL, or run fewer replicas at it"
            ),
        }
    }

    pub(super) fn pooler() -> Self {
        Self {
            code: "store_pooler",
            message:
                "a transaction pooler stands before PostgreSQL; connect to the server itself, \
                      or let the pooler lend whole sessions (pool_mode = session)"
                    .to_owned(),
        }
    }

    pub(super) fn read_only(what: impl std::fmt::Display) -> Self {
        Self {
            code: "store_read_only",
            message: format!(
                "PostgreSQL takes no writes ({what}); name its primary, or all of its servers, \
                 in the URL"
            ),
        }
    }

    /// What a SQLSTATE says about the store; nothing when it is about the statement alone.
    pub(super) fn of_code(code: &SqlState, message: &str) -> Option<Self> {
        let is_credential = code.code().starts_with("28");
        let known = |code, message| Some(Self { code, message });
        match code.code() {
            _ if is_credential => known(
                "store_credentials",
                format!("PostgreSQL refuses the login ({message}); check user and password"),
            ),
            "3D000" => known(
                "store_missing",
                format!("the database is not there ({message}); create it, or mend its name"),
            ),
            "42501" => known(
                "store_permission",
                format!("the user may not do this ({message}); let it own its schema"),
            ),
            "53100" => known(
                "store_full",
                format!("the disk of PostgreSQL is full ({message}); free some space"),
            ),
            // Every session prepares its own statements, so that only another's can be meant.
            "26000" | "42P05" => Some(Self::pooler()),
            "25006" => Some(Self::read_only(message)),
            "53300" => Some(Self::busy(message)),
            // A pooler says 08P01 of whatever is wrong behind it.
            "57P01" | "57P02" | "57P03" | "08000" | "08003" | "08006" | "08P01" => {
                Some(Self::unreachable(message))
            }
            _ => None,
        }
    }
}
