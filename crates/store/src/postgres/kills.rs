//! What is known of a kill beyond its log entry.

use axme_core::id::KillId;

use crate::postgres::columns::{Columns as _, storable};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// Keeps the record of a kill, or replaces it. No epoch is asked for: the receipt of a kill is
/// written also by a replica that was fenced meanwhile.
pub(super) async fn save(session: &Session, kill: KillId, record: &str) -> Result<(), Failure> {
    storable(record)?;
    let sql = "INSERT INTO kill_record (kill_id, record) VALUES ($1, $2)
        ON CONFLICT (kill_id) DO UPDATE SET record = EXCLUDED.record";
    session.write_count(sql, &[kill.as_uuid(), &record]).await.map(drop)
}

pub(super) async fn find(session: &Session, kill: KillId) -> Result<Option<String>, Failure> {
    let sql = "SELECT record FROM kill_record WHERE kill_id = $1";
    let row = session.read_one(sql, &[kill.as_uuid()]).await?;
    row.map(|row| row.plain(0)).transpose()
}
