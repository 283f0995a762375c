//! What became of the items of one batch.

use crate::error::WriteError;
use crate::postgres::failure::Failure;

/// The answers of a batch, as far as they are certain, and what ended it early.
#[derive(Debug)]
pub(super) struct Settled<T> {
    /// One for each item, in their order. None shares the fate of `failed`.
    pub(super) answers: Vec<Option<Result<T, WriteError>>>,
    pub(super) failed: Option<Failure>,
}
