//! Appending to the control log: compare and set on the head row, in one statement.

use axme_core::chain::Hash;
use axme_core::change::Entry;
use uuid::Uuid;

use crate::control::{Append, Expected, IdempotencyKey, LogEntry, LogHead};
use crate::error::AppendError;
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;
use crate::postgres::{idempotency, load};

/// How often an append is sent again after an error that passes.
const TRIES_MAX: u32 = 5;

/// The writer's epoch first, then the head: everybody locks them in this order. A writer that
/// waited for the head compares it as it is then.
const APPEND: &str = "
    WITH me AS MATERIALIZED (
        SELECT 1 FROM replica_epoch
        WHERE replica_id = $1 AND epoch = $2 AND closed_at IS NULL FOR SHARE),
    step AS (
        UPDATE control_head SET revision = revision + 1, hash = sha256(hash || $3)
        WHERE EXISTS (SELECT 1 FROM me) AND ($4::bigint IS NULL OR (revision = $4 AND hash = $5))
        RETURNING revision, hash),
    entry AS (
        INSERT INTO control_log (revision, hash, body_hash, command_id, action, format, at,
            actor, actor_key_id, org_id, workspace_id, address_id, target, request_id, body)
        SELECT step.revision, step.hash, $3, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
        FROM step),
    used AS (
        INSERT INTO idempotency (sender, endpoint, key, request, made, at)
        SELECT $18, $19, $20, $21, $22, $9 FROM step WHERE $20::text IS NOT NULL)
    SELECT EXISTS (SELECT 1 FROM me), step.revision, step.hash
    FROM (SELECT 1) AS one LEFT JOIN step ON true";

/// Has the server know the statement, so that the first append costs one round trip too.
pub(super) async fn prepare(session: &Session) -> Result<(), Failure> {
    session.prepare(APPEND).await.map(drop)
}

/// Appends, or says why not.
pub(super) async fn append(session: &Session, append: &Append) -> Result<LogHead, AppendError> {
    let body = append
        .entry
        .encode()
        .map_err(|error| Failure::Unusable(format!("the entry cannot be written: {error}")))?;
    let mut tries = 0;
    loop {
        tries += 1;
        match send(session, append, &body).await {
            Ok(Some(head)) => return Ok(head),
            Ok(None) => {
                return Err(before(session, append).await?.unwrap_or(AppendError::Conflict));
            }
            Err(failure) if is_repeated(&failure) => {
                if let Some(refused) = before(session, append).await? {
                    return Err(refused);
                }
                // What stood in the way has gone again.
                if tries >= TRIES_MAX {
                    return Err(failure.into());
                }
            }
            Err(failure) if failure.is_passing() && tries < TRIES_MAX => {}
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// The new head; none when the head is not the expected one.
async fn send(session: &Session, append: &Append, body: &[u8]) -> Result<Option<LogHead>, Failure> {
    let entry = &append.entry;
    let (revision, hash) = match append.expected {
        Expected::Any => (None, None),
        Expected::Head(head) => (Some(int(head.revision.0)), Some(head.hash.0.to_vec())),
    };
    let (org, workspace) = entry.tenant();
    let (org, workspace) = (org.map(|id| *id.as_uuid()), workspace.map(|id| *id.as_uuid()));
    let key = append.idempotency.as_ref();
    let request: Option<&[u8]> = key.map(|key| &key.request.0[..]);
    let parameters: [&(dyn postgres_types::ToSql + Sync); 22] = [
        &&*append.by.replica_id,
        &int(append.by.epoch.0),
        &&Hash::of_body(body).0[..],
        &revision,
        &hash,
        entry.command_id.as_uuid(),
        &&*entry.action,
        &i64::from(entry.format),
        &entry.at.as_micros(),
        &&*entry.actor.name,
        &entry.actor.key_id.as_ref().map(|id| *id.as_uuid()),
        &org,
        &workspace,
        &address_of(entry),
        &entry.target.as_deref(),
        &entry.request_id.as_deref(),
        &body,
        &key.map(|key| &*key.sender),
        &key.map(|key| &*key.endpoint),
        &key.map(|key| &*key.key),
        &request,
        &entry.command_id.to_string(),
    ];
    let rows = session.write(APPEND, &parameters).await?;
    let row = rows.first().ok_or_else(|| Failure::unreadable("an append was not answered"))?;
    if !row.try_get::<_, bool>(0).map_err(Failure::unreadable)? {
        return Err(Failure::Fenced);
    }
    let Some(revision) = row.optional_number(1)? else { return Ok(None) };
    Ok(Some(LogHead { revision: axme_core::id::Revision(revision), hash: row.hash(2)? }))
}

/// Why an append is not made again, if the log knows its command or its key.
async fn before(session: &Session, append: &Append) -> Result<Option<AppendError>, Failure> {
    if let Some(entry) = load::find(session, append.entry.command_id).await? {
        return Ok(Some(AppendError::Duplicate(Box::new(entry))));
    }
    let Some(key) = &append.idempotency else { return Ok(None) };
    let Some(same) = of_key(session, key).await? else { return Ok(None) };
    Ok(Some(same.map_or(AppendError::KeyReused, |entry| AppendError::Duplicate(Box::new(entry)))))
}

/// None when the key is free; the entry that it made, unless it was used for something else.
async fn of_key(
    session: &Session,
    key: &IdempotencyKey,
) -> Result<Option<Option<LogEntry>>, Failure> {
    let Some(answered) = idempotency::find(session, key).await? else { return Ok(None) };
    let made = answered.made.parse().ok().filter(|_| answered.same_request);
    let Some(command) = made else { return Ok(Some(None)) };
    Ok(Some(load::find(session, command).await?))
}

fn is_repeated(failure: &Failure) -> bool {
    failure.is_taken("control_log_command") || failure.is_taken("idempotency_key")
}

fn address_of(entry: &Entry) -> Option<Uuid> {
    entry.address_id.as_ref().map(|id| *id.as_uuid())
}
