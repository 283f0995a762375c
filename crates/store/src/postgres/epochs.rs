//! The lives of replicas: beginning one, listing them, closing and retiring them.

use std::time::Duration;

use axme_core::id::{Epoch, Revision};
use axme_core::lease::Lease;
use axme_core::time::Timestamp;

use crate::control::{ReplicaEpoch, ReplicaProfile, ReplicaRow, Sighting, StopAccount};
use crate::error::StoreError;
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::connect;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// Epochs that are remembered after they have gone.
const GONE_EPOCHS_MAX: i64 = 1_000;
/// How often a number is tried that another replica may take at the same moment.
const JOIN_TRIES_MAX: u32 = 50;
/// How often a session that holds up a closing is ended, each after 100 ms.
const CLOSE_TRIES_MAX: u32 = 20;

/// The head comes with every row, and alone when there is no epoch.
const REPLICAS: &str = "
    SELECT e.replica_id, e.epoch, b.applied, b.enforced, e.closed_at IS NOT NULL, b.seq,
           b.region, b.version, e.joined_at, b.lease_ms, head.revision
    FROM control_head head
        LEFT JOIN (replica_epoch e JOIN replica_beat b USING (replica_id, epoch))
        ON e.gone_at IS NULL
    ORDER BY e.epoch";
const ACCOUNTS: &str = "
    SELECT replica_id, epoch, streams_closed, connections_cut, bytes_after_order
    FROM stop_account WHERE revision = $1 ORDER BY row_id";

/// Has the server know the statements with which a kill waits for the others, so that the first
/// ones cost one round trip too.
pub(super) async fn prepare(session: &Session) -> Result<(), Failure> {
    tokio::try_join!(session.prepare(REPLICAS), session.prepare(ACCOUNTS)).map(drop)
}

/// Begins a new epoch, one above every other of any replica.
pub(super) async fn join(
    session: &Session,
    profile: &ReplicaProfile,
    at: Timestamp,
) -> Result<Epoch, Failure> {
    let sql = "
        WITH next AS (SELECT coalesce(max(epoch), 0) + 1 AS epoch FROM replica_epoch),
        begun AS (
            INSERT INTO replica_epoch (replica_id, epoch, joined_at)
            SELECT $1, epoch, $2 FROM next RETURNING epoch),
        beat AS (
            INSERT INTO replica_beat (replica_id, epoch, seq, applied, enforced, region, version, lease_ms)
            SELECT $1, epoch, 0, 0, 0, $3, $4, $5 FROM begun)
        SELECT epoch FROM begun";
    let mut tries = 0;
    let epoch = loop {
        tries += 1;
        let joined_at = at.as_micros();
        let (id, region, version) =
            (&*profile.replica_id, profile.region.as_deref(), &*profile.version);
        let lease_ms = i64::try_from(profile.lease.length().as_millis()).unwrap_or(i64::MAX);
        match session.write(sql, &[&id, &joined_at, &region, &version, &lease_ms]).await {
            Ok(rows) => {
                let row = rows.first().ok_or_else(|| Failure::unreadable("no epoch was begun"))?;
                break Epoch(row.number(0)?);
            }
            Err(failure) if is_taken(&failure) && tries < JOIN_TRIES_MAX => {}
            Err(failure) => return Err(failure),
        }
    };
    forget(session, epoch).await;
    Ok(epoch)
}

/// Every epoch that is not gone, and the log's head in the same reading.
pub(super) async fn replicas(session: &Session) -> Result<(Revision, Vec<ReplicaRow>), Failure> {
    let rows = session.read(REPLICAS, &[]).await?;
    let head = rows.first().map_or_else(|| Ok(Revision::default()), |row| row.revision(10))?;
    let rows = rows.iter().filter(|row| matches!(row.optional_number(1), Ok(Some(_))));
    let read = |row: &tokio_postgres::Row| {
        let replica_id = row.text(0)?;
        let replica = ReplicaEpoch { replica_id: replica_id.clone(), epoch: Epoch(row.number(1)?) };
        let sighting = Sighting {
            replica,
            applied: row.revision(2)?,
            enforced: row.revision(3)?,
            closed: row.try_get(4).map_err(Failure::unreadable)?,
            seq: row.number(5)?,
        };
        let (region, version) = (row.optional_text(6)?, row.text(7)?);
        let lease = Lease::new(Duration::from_millis(row.number(9)?)).unwrap_or_default();
        let profile = ReplicaProfile { replica_id, region, version, lease };
        Ok(ReplicaRow { sighting, profile, joined_at: row.time(8)? })
    };
    Ok((head, rows.map(read).collect::<Result<_, Failure>>()?))
}

/// What replicas have said that the stop at a revision closed on them.
pub(super) async fn accounts(
    session: &Session,
    revision: Revision,
) -> Result<Vec<(ReplicaEpoch, StopAccount)>, Failure> {
    let rows = session.read(ACCOUNTS, &[&int(revision.0)]).await?;
    let read = |row: &tokio_postgres::Row| {
        let by = ReplicaEpoch { replica_id: row.text(0)?, epoch: Epoch(row.number(1)?) };
        let account = StopAccount {
            revision,
            streams_closed: row.number(2)?,
            connections_cut: row.number(3)?,
            bytes_after_order: row.number(4)?,
        };
        Ok((by, account))
    };
    rows.iter().map(read).collect()
}

/// Makes the store refuse every further write of these epochs. The session gives up waiting for a
/// write under way after 100 ms; then the sessions of these epochs are ended, and it tries again.
pub(super) async fn close(
    session: &Session,
    schema: &str,
    epochs: &[ReplicaEpoch],
    at: Timestamp,
) -> Result<(), StoreError> {
    let (ids, numbers) = names(epochs);
    let sql = "
        UPDATE replica_epoch SET closed_at = $3
        FROM unnest($1::text[], $2::bigint[]) AS named (id, number)
        WHERE replica_id = named.id AND epoch = named.number AND closed_at IS NULL";
    let closed_at = at.as_micros();
    let sessions: Vec<String> = epochs
        .iter()
        .map(|replica| connect::application(schema, &replica.epoch.0.to_string()))
        .collect();
    for _try in 0..CLOSE_TRIES_MAX {
        // Closing twice changes nothing, so that an unknown outcome is only asked for again.
        match session.write_count(sql, &[&ids, &numbers, &closed_at]).await {
            Ok(_) => return Ok(()),
            Err(failure) if failure.is_locked_out() => end_sessions(session, &sessions).await?,
            Err(failure) if failure.is_passing() => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    let text = "a write of a replica that is to be closed does not end".to_owned();
    Err(StoreError::Unavailable(text))
}

/// Marks closed epochs as gone; one that is not closed stays.
pub(super) async fn retire(
    session: &Session,
    epochs: &[ReplicaEpoch],
    at: Timestamp,
) -> Result<(), Failure> {
    let (ids, numbers) = names(epochs);
    let sql = "
        UPDATE replica_epoch SET gone_at = $3
        FROM unnest($1::text[], $2::bigint[]) AS named (id, number)
        WHERE replica_id = named.id AND epoch = named.number
          AND closed_at IS NOT NULL AND gone_at IS NULL";
    session.write_count(sql, &[&ids, &numbers, &at.as_micros()]).await.map(drop)
}

/// Ends the server's side of these sessions. Their names were given when they were opened, so that
/// one that has just begun is found too, and no other that has its process number now.
async fn end_sessions(session: &Session, names: &[String]) -> Result<(), Failure> {
    let sql = "
        SELECT application_name, pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = ANY ($1::text[])
          AND pid <> pg_backend_pid()";
    let ended = session.read(sql, &[&names]).await?;
    tracing::warn!(sessions = ended.len(), ?names, "ended sessions that held up a closing");
    Ok(())
}

/// Forgets epochs that have gone long ago. The newest stays, so that no number comes again.
async fn forget(session: &Session, newest: Epoch) {
    let oldest = int(newest.0).saturating_sub(GONE_EPOCHS_MAX);
    let sql = "
        WITH old AS (
            DELETE FROM replica_epoch WHERE gone_at IS NOT NULL AND epoch < $1
            RETURNING replica_id, epoch)
        DELETE FROM replica_beat b USING old
        WHERE b.replica_id = old.replica_id AND b.epoch = old.epoch";
    if oldest > 0
        && let Err(failure) = session.write_count(sql, &[&oldest]).await
    {
        tracing::debug!(?failure, "old epochs are forgotten another time");
    }
}

fn is_taken(failure: &Failure) -> bool {
    failure.is_passing()
        || failure.is_taken("replica_epoch_number")
        || failure.is_taken("replica_epoch_pkey")
}

fn names(epochs: &[ReplicaEpoch]) -> (Vec<&str>, Vec<i64>) {
    epochs.iter().map(|replica| (&*replica.replica_id, int(replica.epoch.0))).unzip()
}
