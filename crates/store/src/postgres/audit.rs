//! Appending observations to the audit chain of an epoch.

use axme_core::audit::Observation;
use axme_core::chain::Head;
use axme_core::id::{Epoch, KeyId, OrgId, WorkspaceId};
use uuid::Uuid;

use crate::control::ReplicaEpoch;
use crate::error::StoreError;
use crate::ledger::{Linked, denials, link};
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::Session;
use crate::postgres::traffic;

/// Only the epoch itself continues its chain, one call after the other: that the head has moved
/// between reading and writing it never happens, and is refused.
const APPEND: &str = as_me!(
    "head AS (
        INSERT INTO audit_head AS head (epoch, seq, hash) SELECT $2, $4, $5 FROM me
        ON CONFLICT (epoch) DO UPDATE SET seq = EXCLUDED.seq, hash = EXCLUDED.hash
        WHERE head.seq = $3
        RETURNING epoch
    ), links AS (
        INSERT INTO audit_log (epoch, seq, hash, body_hash, action, at, actor, actor_key_id,
            org_id, workspace_id, address_id, body)
        SELECT head.epoch, link.* FROM head CROSS JOIN unnest(
            $6::bigint[], $7::bytea[], $8::bytea[], $9::text[], $10::bigint[], $11::text[],
            $12::uuid[], $13::uuid[], $14::uuid[], $15::uuid[], $16::bytea[]
        ) AS link
    )
    SELECT EXISTS (SELECT FROM me), EXISTS (SELECT FROM head)"
);

pub(super) async fn observe(
    session: &Session,
    me: &ReplicaEpoch,
    epoch: Epoch,
    seen: &[Observation],
) -> Result<(), Failure> {
    // The chain of an epoch that is over is not continued: nobody would know who wrote it.
    if epoch != me.epoch {
        return Err(Failure::Fenced);
    }
    let before = head(session, epoch).await?;
    let links = follow(before, seen).map_err(|error| Failure::Unusable(error.to_string()))?;
    let last = links.last().map_or(before, |link| link.head);
    let rows = append(session, me, (before, last), (&links, seen)).await?;
    if rows.first().map(|row| row.plain(1)).transpose()? == Some(true) {
        return traffic::add_denied(session, me, denials(seen)).await;
    }
    Err(Failure::Unusable(format!("somebody else has written the audit chain of epoch {epoch}")))
}

async fn head(session: &Session, epoch: Epoch) -> Result<Head, Failure> {
    let sql = "SELECT seq, hash FROM audit_head WHERE epoch = $1";
    let row = session.read_one(sql, &[&int(epoch.0)]).await?;
    let read = |row: tokio_postgres::Row| Ok(Head { position: row.number(0)?, hash: row.hash(1)? });
    row.map_or_else(|| Ok(Head::default()), read)
}

fn follow(mut head: Head, seen: &[Observation]) -> Result<Vec<Linked>, StoreError> {
    let mut links = Vec::with_capacity(seen.len());
    for observation in seen {
        let linked = link(head, observation)?;
        head = linked.head;
        links.push(linked);
    }
    Ok(links)
}

async fn append(
    session: &Session,
    me: &ReplicaEpoch,
    (before, last): (Head, Head),
    (links, seen): (&[Linked], &[Observation]),
) -> Result<Vec<tokio_postgres::Row>, Failure> {
    let positions: Vec<i64> = links.iter().map(|link| int(link.head.position)).collect();
    let hashes: Vec<&[u8]> = links.iter().map(|link| &link.head.hash.0[..]).collect();
    let body_hashes: Vec<&[u8]> = links.iter().map(|link| &link.body_hash.0[..]).collect();
    let bodies: Vec<&[u8]> = links.iter().map(|link| &*link.body).collect();
    let actions: Vec<String> = seen.iter().map(|seen| readable(&seen.action)).collect();
    let times: Vec<i64> = seen.iter().map(|seen| seen.at.as_micros()).collect();
    let actors = || seen.iter().map(|seen| seen.actor.as_ref());
    let names: Vec<Option<String>> =
        actors().map(|actor| actor.map(|actor| readable(&actor.name))).collect();
    let keys: Vec<Option<Uuid>> = actors()
        .map(|actor| actor.and_then(|actor| actor.key_id.as_ref()).map(KeyId::as_uuid).copied())
        .collect();
    let orgs: Vec<Option<Uuid>> =
        seen.iter().map(|seen| seen.scope.org().as_ref().map(OrgId::as_uuid).copied()).collect();
    let workspaces: Vec<Option<Uuid>> = seen
        .iter()
        .map(|seen| seen.scope.workspace().as_ref().map(WorkspaceId::as_uuid).copied())
        .collect();
    let agents: Vec<Option<Uuid>> =
        seen.iter().map(|seen| seen.address_id.as_ref().map(|id| *id.as_uuid())).collect();
    let (epoch, before, position) = (int(me.epoch.0), int(before.position), int(last.position));
    let hash = &last.hash.0[..];
    rows::write(
        session,
        APPEND,
        &[
            &me.replica_id,
            &epoch,
            &before,
            &position,
            &hash,
            &positions,
            &hashes,
            &body_hashes,
            &actions,
            &times,
            &names,
            &keys,
            &orgs,
            &workspaces,
            &agents,
            &bodies,
        ],
    )
    .await
}

/// Text to search by: the body keeps what was really said.
fn readable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
