//! Appending to the control log: compare and set on the head, in one small transaction.

use axme_core::chain::Hash;
use axme_core::change::Entry;
use axme_core::id::{CommandId, Revision};
use rusqlite::{OptionalExtension as _, params};

use crate::control::{Append, Expected, IdempotencyKey, LogEntry, LogHead};
use crate::error::{AppendError, StoreError};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::int;
use crate::sqlite::failure::Failure;
use crate::sqlite::standing::Step;
use crate::sqlite::{idempotency, load, open, transaction};

type Refusal = Failure<AppendError>;

pub(super) fn append(batch: &mut Batch<'_>, append: &Append) -> Result<LogHead, Refusal> {
    if !transaction::is_open(batch.connection(), &append.by)? {
        return Err(refused(StoreError::Fenced));
    }
    if let Some(entry) = entry_of(batch, append.entry.command_id)? {
        return Err(Failure::Refused(AppendError::Duplicate(Box::new(entry))));
    }
    if let Some(key) = &append.idempotency {
        require_new(batch, key)?;
    }
    let head = open::head(batch.connection())?;
    match append.expected {
        Expected::Head(expected) if expected != head => {
            return Err(Failure::Refused(AppendError::Conflict));
        }
        Expected::Head(_) | Expected::Any => {}
    }
    let body = append.entry.encode().map_err(|error| {
        refused(StoreError::Unusable(format!("the entry cannot be written: {error}")))
    })?;
    let body_hash = Hash::of_body(&body);
    let next = LogHead { revision: head.revision.next(), hash: head.hash.follow(body_hash) };
    insert(batch, &append.entry, next, body_hash, &body)?;
    if let Some(key) = &append.idempotency {
        let made = append.entry.command_id.to_string();
        idempotency::keep(batch.connection(), key, &made, append.entry.at)?;
    }
    batch.then(Step::Appended(next));
    Ok(next)
}

/// The entry of a command, if the log holds it.
pub(super) fn entry_of(batch: &Batch<'_>, command: CommandId) -> Result<Option<LogEntry>, Refusal> {
    let mut get = batch.statement("SELECT revision FROM control_log WHERE command_id = ?1")?;
    let found: Option<i64> = get.query_row([command.as_bytes()], |row| row.get(0)).optional()?;
    let Some(revision) = found else { return Ok(None) };
    let revision = Revision(u64::try_from(revision).unwrap_or(0));
    load::entry(batch.connection(), revision).map_err(|failure| match failure {
        Failure::Refused(error) => refused(error),
        Failure::Database(error) => Failure::Database(error),
    })
}

fn require_new(batch: &Batch<'_>, key: &IdempotencyKey) -> Result<(), Refusal> {
    let Some(answered) = idempotency::find(batch.connection(), key)? else { return Ok(()) };
    let made = answered.made.parse().ok().filter(|_| answered.same_request);
    let entry = match made {
        Some(command) => entry_of(batch, command)?,
        None => None,
    };
    Err(Failure::Refused(match entry {
        Some(entry) => AppendError::Duplicate(Box::new(entry)),
        None => AppendError::KeyReused,
    }))
}

fn insert(
    batch: &Batch<'_>,
    entry: &Entry,
    next: LogHead,
    body_hash: Hash,
    body: &[u8],
) -> rusqlite::Result<()> {
    let (org, workspace) = entry.tenant();
    let mut put = batch.statement(
        "INSERT INTO control_log (revision, hash, body_hash, command_id, action, format, at,
             actor, actor_key_id, org_id, workspace_id, address_id, target, request_id, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    put.execute(params![
        int(next.revision.0),
        next.hash.0,
        body_hash.0,
        entry.command_id.as_bytes(),
        entry.action,
        entry.format,
        entry.at.as_micros(),
        entry.actor.name,
        entry.actor.key_id.as_ref().map(axme_core::id::KeyId::as_bytes),
        org.as_ref().map(axme_core::id::OrgId::as_bytes),
        workspace.as_ref().map(axme_core::id::WorkspaceId::as_bytes),
        entry.address_id.as_ref().map(axme_core::id::AddressId::as_bytes),
        entry.target,
        entry.request_id,
        body,
    ])?;
    let mut step = batch.statement("UPDATE control_head SET revision = ?1, hash = ?2")?;
    step.execute(params![int(next.revision.0), next.hash.0])?;
    Ok(())
}

const fn refused(error: StoreError) -> Refusal {
    Failure::Refused(AppendError::Store(error))
}
