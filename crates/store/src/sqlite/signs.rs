//! When agents were last seen, and keys and sessions last used.

use axme_core::id::{AddressId, KeyId, SessionId};
use axme_core::time::Timestamp;
use rusqlite::{Connection, Result, params};

use crate::ledger::SignsOfLife;
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::Columns as _;

/// Keeps signs; an older one does not replace a newer.
pub(super) fn save(batch: &Batch<'_>, signs: &SignsOfLife) -> Result<()> {
    let mut seen = batch.statement(
        "INSERT INTO agent_seen (address_id, at) VALUES (?1, ?2)
         ON CONFLICT (address_id) DO UPDATE SET at = max(at, excluded.at)",
    )?;
    for (agent, at) in &signs.agents {
        seen.execute(params![agent.as_bytes(), at.as_micros()])?;
    }
    let mut used = batch.statement(
        "INSERT INTO key_used (key_id, at) VALUES (?1, ?2)
         ON CONFLICT (key_id) DO UPDATE SET at = max(at, excluded.at)",
    )?;
    for (key, at) in &signs.keys {
        used.execute(params![key.as_bytes(), at.as_micros()])?;
    }
    let mut used = batch.statement(
        "INSERT INTO session_used (session_id, at) VALUES (?1, ?2)
         ON CONFLICT (session_id) DO UPDATE SET at = max(at, excluded.at)",
    )?;
    for (session, at) in &signs.sessions {
        used.execute(params![session.as_bytes(), at.as_micros()])?;
    }
    Ok(())
}

/// The signs after a moment; all of them when there is none.
pub(super) fn after(connection: &Connection, after: Option<Timestamp>) -> Result<SignsOfLife> {
    let after = after.map_or(i64::MIN, Timestamp::as_micros);
    let agents = pairs(connection, after, "SELECT address_id, at FROM agent_seen WHERE at > ?1")?;
    let keys = pairs(connection, after, "SELECT key_id, at FROM key_used WHERE at > ?1")?;
    let sessions =
        pairs(connection, after, "SELECT session_id, at FROM session_used WHERE at > ?1")?;
    Ok(SignsOfLife {
        agents: agents.into_iter().map(|(id, at)| (AddressId::from_bytes(id), at)).collect(),
        keys: keys.into_iter().map(|(id, at)| (KeyId::from_bytes(id), at)).collect(),
        sessions: sessions.into_iter().map(|(id, at)| (SessionId::from_bytes(id), at)).collect(),
    })
}

fn pairs(connection: &Connection, after: i64, sql: &str) -> Result<Vec<([u8; 16], Timestamp)>> {
    let mut get = connection.prepare_cached(sql)?;
    let rows = get.query_map([after], |row| Ok((row.id(0)?, row.time(1)?)))?;
    rows.collect()
}
