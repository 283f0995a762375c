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

/// What the store answers. While it is gone that is nothing, so that it can still be seen who is
/// stopped; the answer says that it is stale. Nobody waits for a store that is known to be gone.
pub(crate) async fn unless_stale<T: Default, E: Into<ReadError>>(
    engine: &Engine,
    asking: impl Future<Output = Result<T, E>>,
) -> Result<T, ReadError> {
    let is_stale = || engine.control.stale_since().is_some();
    if is_stale() {
        return Ok(T::default());
    }
    match asking.await {
        Err(_gone) if is_stale() => Ok(T::default()),
        answered => answered.map_err(Into::into),
    }
}
