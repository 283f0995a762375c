//! Keys of requests that must happen once. Written in the statement of what they stand for.

use crate::control::{Answered, IdempotencyKey};
use crate::postgres::columns::Columns as _;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// What a key was used for before.
pub(super) async fn find(
    session: &Session,
    key: &IdempotencyKey,
) -> Result<Option<Answered>, Failure> {
    // PostgreSQL keeps no such text, so that none can have been used.
    if [&key.sender, &key.endpoint, &key.key].iter().any(|text| text.contains('\0')) {
        return Ok(None);
    }
    let sql = "SELECT request, made FROM idempotency
               WHERE sender = $1 AND endpoint = $2 AND key = $3";
    let found = session.read_one(sql, &[&&*key.sender, &&*key.endpoint, &&*key.key]).await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Answered { same_request: row.hash(0)? == key.request, made: row.text(1)? }))
}
