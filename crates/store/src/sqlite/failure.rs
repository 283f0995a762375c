//! What a failing statement means: for its item, for its batch, for the connection.

use rusqlite::ErrorCode;

use crate::error::StoreError;
use crate::log_row::Damaged;

/// Why one write was not made.
#[derive(Debug)]
pub(super) enum Failure<E> {
    /// This item only: nothing of it is kept, its neighbours go on.
    Refused(E),
    /// The database refused; whether that is about the item or about all is read from the error.
    Database(rusqlite::Error),
}

impl<E> From<rusqlite::Error> for Failure<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Damaged> for Failure<StoreError> {
    fn from(damaged: Damaged) -> Self {
        Self::Refused(StoreError::Unusable(damaged.to_string()))
    }
}

/// Whether an error is about one item, so that the connection and the transaction go on.
pub(super) fn is_about_item(error: &rusqlite::Error) -> bool {
    let Some(code) = code(error) else { return true };
    matches!(
        code,
        ErrorCode::ConstraintViolation
            | ErrorCode::TooBig
            | ErrorCode::TypeMismatch
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::Unknown
    )
}

/// The answer to an item that the database would not take.
pub(super) fn of_item(error: &rusqlite::Error) -> StoreError {
    StoreError::Unusable(format!("the store would not take this write: {error}"))
}

/// The answer to everything that had to be left because of an error before the commit.
pub(super) fn before_commit(error: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(told(error))
}

/// The answer to everything whose commit failed.
pub(super) fn of_commit(error: &rusqlite::Error) -> StoreError {
    // On a full disk the frame that ends the transaction was not written whole, so that no
    // recovery takes it: that nothing happened is certain. After any other error it is not.
    if is_disk_full(error) { before_commit(error) } else { StoreError::OutcomeUnknown(told(error)) }
}

/// What a failing read says to its caller.
pub(super) fn of_read(error: &rusqlite::Error) -> StoreError {
    if code(error).is_none() {
        return StoreError::Unusable(format!("a row of the store cannot be read: {error}"));
    }
    before_commit(error)
}

fn is_disk_full(error: &rusqlite::Error) -> bool {
    code(error) == Some(ErrorCode::DiskFull)
}

fn told(error: &rusqlite::Error) -> String {
    if is_disk_full(error) {
        "the disk is full: free some space".to_owned()
    } else {
        error.to_string()
    }
}

/// None for errors that SQLite itself did not raise: a value that does not fit its type.
pub(super) fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    if let rusqlite::Error::SqliteFailure(failure, _) = error { Some(failure.code) } else { None }
}
