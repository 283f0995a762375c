//! Keys of requests that must happen once. Written in the transaction of what they stand for.

use axme_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use crate::control::{Answered, IdempotencyKey};
use crate::sqlite::columns::Columns as _;

/// What a key was used for before.
pub(super) fn find(connection: &Connection, key: &IdempotencyKey) -> Result<Option<Answered>> {
    let mut get = connection.prepare_cached(
        "SELECT request, made FROM idempotency WHERE sender = ?1 AND endpoint = ?2 AND key = ?3",
    )?;
    let found = get.query_row(params![key.sender, key.endpoint, key.key], |row| {
        Ok(Answered { same_request: row.hash(0)? == key.request, made: row.text(1)? })
    });
    found.optional()
}

/// Keeps what a key stands for. It was looked for in the same transaction, and not found.
pub(super) fn keep(
    connection: &Connection,
    key: &IdempotencyKey,
    made: &str,
    at: Timestamp,
) -> Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO idempotency (sender, endpoint, key, request, made, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let request = key.request.0;
    put.execute(params![key.sender, key.endpoint, key.key, request, made, at.as_micros()])?;
    Ok(())
}
