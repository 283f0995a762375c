//! When agents were last seen, and keys and sessions last used.

use axme_core::id::{AddressId, KeyId, SessionId};
use axme_core::time::Timestamp;
use uuid::Uuid;

use crate::control::ReplicaEpoch;
use crate::ledger::SignsOfLife;
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::{Parameters, Session};

/// An older sign does not replace a newer, and what says nothing new is not written.
const SAVE: &str = as_me!(
    "seen AS (
        INSERT INTO agent_seen (address_id, at)
        SELECT id, max(at) FROM me CROSS JOIN unnest($3::uuid[], $4::bigint[]) AS sign (id, at)
        GROUP BY id ORDER BY id
        ON CONFLICT (address_id) DO UPDATE SET at = EXCLUDED.at
        WHERE agent_seen.at < EXCLUDED.at
    ), used AS (
        INSERT INTO key_used (key_id, at)
        SELECT id, max(at) FROM me CROSS JOIN unnest($5::uuid[], $6::bigint[]) AS sign (id, at)
        GROUP BY id ORDER BY id
        ON CONFLICT (key_id) DO UPDATE SET at = EXCLUDED.at
        WHERE key_used.at < EXCLUDED.at
    ), active AS (
        INSERT INTO session_used (session_id, at)
        SELECT id, max(at) FROM me CROSS JOIN unnest($7::uuid[], $8::bigint[]) AS sign (id, at)
        GROUP BY id ORDER BY id
        ON CONFLICT (session_id) DO UPDATE SET at = EXCLUDED.at
        WHERE session_used.at < EXCLUDED.at
    )
    SELECT EXISTS (SELECT FROM me)"
);

/// Keeps one part of what was cut by `SignsOfLife::parts`.
pub(super) async fn save(
    session: &Session,
    me: &ReplicaEpoch,
    signs: &SignsOfLife,
) -> Result<(), Failure> {
    let agents: Vec<Uuid> = signs.agents.iter().map(|(agent, _)| *agent.as_uuid()).collect();
    let seen: Vec<i64> = signs.agents.iter().map(|(_, at)| at.as_micros()).collect();
    let keys: Vec<Uuid> = signs.keys.iter().map(|(key, _)| *key.as_uuid()).collect();
    let used: Vec<i64> = signs.keys.iter().map(|(_, at)| at.as_micros()).collect();
    let sessions: Vec<Uuid> = signs.sessions.iter().map(|(one, _)| *one.as_uuid()).collect();
    let active: Vec<i64> = signs.sessions.iter().map(|(_, at)| at.as_micros()).collect();
    let epoch = int(me.epoch.0);
    let parameters: Parameters<'_> =
        &[&me.replica_id, &epoch, &agents, &seen, &keys, &used, &sessions, &active];
    rows::write(session, SAVE, parameters).await.map(drop)
}

/// The signs after a moment; all of them when there is none.
pub(super) async fn after(
    session: &Session,
    after: Option<Timestamp>,
) -> Result<SignsOfLife, Failure> {
    let after = after.map_or(i64::MIN, Timestamp::as_micros);
    let agents = "SELECT address_id, at FROM agent_seen WHERE at > $1";
    let keys = "SELECT key_id, at FROM key_used WHERE at > $1";
    let sessions = "SELECT session_id, at FROM session_used WHERE at > $1";
    let (agents, keys) = (pairs(session, agents, after).await?, pairs(session, keys, after).await?);
    let sessions = pairs(session, sessions, after).await?;
    Ok(SignsOfLife {
        agents: agents.into_iter().map(|(id, at)| (AddressId::from_bytes(id), at)).collect(),
        keys: keys.into_iter().map(|(id, at)| (KeyId::from_bytes(id), at)).collect(),
        sessions: sessions.into_iter().map(|(id, at)| (SessionId::from_bytes(id), at)).collect(),
    })
}

async fn pairs(
    session: &Session,
    sql: &str,
    after: i64,
) -> Result<Vec<([u8; 16], Timestamp)>, Failure> {
    let rows = session.read(sql, &[&after]).await?;
    rows.iter().map(|row| Ok((row.id(0)?, row.time(1)?))).collect()
}
