//! Appending observations to the audit chain of an epoch.

use axme_core::audit::Observation;
use axme_core::chain::Head;
use axme_core::id::Epoch;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{StoreError, WriteError};
use crate::ledger::{Linked, denials, link};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int};
use crate::sqlite::failure::Failure;
use crate::sqlite::traffic;

pub(super) fn observe(
    batch: &Batch<'_>,
    epoch: Epoch,
    seen: &[Observation],
) -> Result<(), Failure<WriteError>> {
    // The chain of an epoch that is over is not continued: nobody would know who wrote it.
    if epoch != batch.epoch {
        return Err(Failure::Refused(StoreError::Fenced.into()));
    }
    let mut head = head(batch.connection(), epoch)?;
    for observation in seen {
        head = append(batch, epoch, head, observation)?;
    }
    for (agent, hour, denied) in denials(seen) {
        traffic::add(batch, agent, hour, denied)?;
    }
    let mut put = batch.statement("INSERT OR REPLACE INTO audit_head VALUES (?1, ?2, ?3)")?;
    put.execute(params![int(epoch.0), int(head.position), head.hash.0])?;
    Ok(())
}

fn append(
    batch: &Batch<'_>,
    epoch: Epoch,
    head: Head,
    seen: &Observation,
) -> Result<Head, Failure<WriteError>> {
    let Linked { head: next, body_hash, body } =
        link(head, seen).map_err(|error| Failure::Refused(error.into()))?;
    let actor = seen.actor.as_ref();
    let (org, workspace) = (seen.scope.org(), seen.scope.workspace());
    let mut put = batch.statement(
        "INSERT INTO audit_log (epoch, seq, hash, body_hash, action, at, actor, actor_key_id,
             org_id, workspace_id, address_id, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    put.execute(params![
        int(epoch.0),
        int(next.position),
        next.hash.0,
        body_hash.0,
        seen.action,
        seen.at.as_micros(),
        actor.map(|actor| &*actor.name),
        actor.and_then(|actor| actor.key_id.as_ref()).map(axme_core::id::KeyId::as_bytes),
        org.as_ref().map(axme_core::id::OrgId::as_bytes),
        workspace.as_ref().map(axme_core::id::WorkspaceId::as_bytes),
        seen.address_id.as_ref().map(axme_core::id::AddressId::as_bytes),
        body,
    ])?;
    Ok(next)
}

fn head(connection: &Connection, epoch: Epoch) -> rusqlite::Result<Head> {
    let mut get = connection.prepare_cached("SELECT seq, hash FROM audit_head WHERE epoch = ?1")?;
    let found = get
        .query_row([int(epoch.0)], |row| Ok(Head { position: row.number(0)?, hash: row.hash(1)? }))
        .optional()?;
    Ok(found.unwrap_or_default())
}
