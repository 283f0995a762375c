//! Why something was not shown.

use axme_api::error::ErrorCode;
use axme_engine::Engine;
use axme_store::StoreError;

/// See the module. A refusal of an edge is made of it.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is not there, or not the caller's to see: nobody learns which of the two.
    #[error("no such {}: {named}", what(.code))]
    NotFound { code: ErrorCode, named: String },
    /// A part of the query does not fit.
    #[error("{name}: {problem}")]
    Query { name: &'static str, problem: String },
    /// A reference to an agent is out of grammar.
    #[error("{field} {value:?}: {problem}")]
    InvalidAddress { field: &'static str, value: String, problem: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReadError {
    pub(crate) fn not_found(code: ErrorCode, named: &str) -> Self {
        Self::NotFound { code, named: named.to_owned() }
    }

    pub(crate) fn query(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Query { name, problem: problem.into() }
    }
}

/// What the code of something that is missing calls it.
fn what(missing: &ErrorCode) -> String {
    missing.as_str().trim_end_matches("_not_found").replace('_', " ")
}

/// What the ledger answered. While the store is gone that is nothing, so that it can still be seen
/// who is stopped; the answer says that it is stale.
pub(crate) fn unless_stale<T: Default, E: Into<ReadError>>(
    engine: &Engine,
    answered: Result<T, E>,
) -> Result<T, ReadError> {
    match answered {
        Err(_gone) if engine.control.stale_since().is_some() => Ok(T::default()),
        answered => answered.map_err(Into::into),
    }
}
