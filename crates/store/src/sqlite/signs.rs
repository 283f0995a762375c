//! When agents were last seen and keys last used.

use axme_core::id::{AddressId, KeyId};
use axme_core::time::Timestamp;
use rusqlite::{Connection, Result, params};

use crate::ledger::SignsOfLife;
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::Columns as _;

/// Signs that one transaction keeps at most, so that it ends within 10 ms.
const SIGNS_MAX: usize = 512;

/// Cuts what is to be saved into parts of one transaction each. Each sign stands for itself, so
/// that nothing is lost when only some are kept.
pub(super) fn parts(signs: SignsOfLife) -> Vec<SignsOfLife> {
    let SignsOfLife { agents, keys } = signs;
    let agents = agents
        .chunks(SIGNS_MAX)
        .map(|part| SignsOfLife { agents: part.to_vec(), keys: Vec::new() })
        .collect::<Vec<_>>();
    let keys = keys
        .chunks(SIGNS_MAX)
        .map(|part| SignsOfLife { agents: Vec::new(), keys: part.to_vec() })
        .collect::<Vec<_>>();
    agents.into_iter().chain(keys).collect()
}

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
    Ok(())
}

pub(super) fn all(connection: &Connection) -> Result<SignsOfLife> {
    let agents = pairs(connection, "SELECT address_id, at FROM agent_seen")?;
    let keys = pairs(connection, "SELECT key_id, at FROM key_used")?;
    Ok(SignsOfLife {
        agents: agents.into_iter().map(|(id, at)| (AddressId::from_bytes(id), at)).collect(),
        keys: keys.into_iter().map(|(id, at)| (KeyId::from_bytes(id), at)).collect(),
    })
}

fn pairs(connection: &Connection, sql: &str) -> Result<Vec<([u8; 16], Timestamp)>> {
    let mut get = connection.prepare_cached(sql)?;
    let rows = get.query_map((), |row| Ok((row.id(0)?, row.time(1)?)))?;
    rows.collect()
}
