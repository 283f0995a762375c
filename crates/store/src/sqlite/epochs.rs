//! The lives of this replica. The lock on the folder makes each the only one of its time.

use axme_core::id::Epoch;
use axme_core::time::Timestamp;
use rusqlite::{Result, params};

use crate::control::{ReplicaEpoch, ReplicaProfile};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int};
use crate::sqlite::standing::Step;

/// Epochs that are remembered after they have gone.
const GONE_EPOCHS_MAX: u64 = 1_000;

/// Begins a new epoch. Every earlier one is over: its process held the lock that we hold.
pub(super) fn join(
    batch: &mut Batch<'_>,
    profile: &ReplicaProfile,
    at: Timestamp,
) -> Result<Epoch> {
    let mut end = batch.statement(
        "UPDATE replica_epoch SET closed_at = coalesce(closed_at, ?1), gone_at = ?1
         WHERE gone_at IS NULL",
    )?;
    end.execute([at.as_micros()])?;
    // Counted over all replica ids: audit chains are named by their epoch alone.
    let mut last = batch.statement("SELECT coalesce(max(epoch), 0) FROM replica_epoch")?;
    let epoch = Epoch(last.query_row((), |row| row.number(0))? + 1);
    let mut put = batch.statement(
        "INSERT INTO replica_epoch (replica_id, epoch, joined_at) VALUES (?1, ?2, ?3)",
    )?;
    put.execute(params![profile.replica_id, int(epoch.0), at.as_micros()])?;
    let mut beat = batch.statement(
        "INSERT INTO replica_beat (replica_id, epoch, region, version) VALUES (?1, ?2, ?3, ?4)",
    )?;
    beat.execute(params![profile.replica_id, int(epoch.0), profile.region, profile.version])?;
    let oldest = int(epoch.0.saturating_sub(GONE_EPOCHS_MAX));
    batch.statement("DELETE FROM replica_epoch WHERE epoch < ?1")?.execute([oldest])?;
    batch.statement("DELETE FROM replica_beat WHERE epoch < ?1")?.execute([oldest])?;
    let replica = ReplicaEpoch { replica_id: profile.replica_id.clone(), epoch };
    batch.then(Step::Joined(replica, profile.clone(), at));
    Ok(epoch)
}

/// Makes the store refuse every further write of these epochs.
pub(super) fn close(batch: &mut Batch<'_>, epochs: Vec<ReplicaEpoch>, at: Timestamp) -> Result<()> {
    let mut close = batch.statement(
        "UPDATE replica_epoch SET closed_at = ?3
         WHERE replica_id = ?1 AND epoch = ?2 AND closed_at IS NULL",
    )?;
    for replica in epochs {
        close.execute(params![replica.replica_id, int(replica.epoch.0), at.as_micros()])?;
        batch.then(Step::Closed(replica));
    }
    Ok(())
}

/// Marks closed epochs as gone; one that is not closed stays.
pub(super) fn retire(
    batch: &mut Batch<'_>,
    epochs: Vec<ReplicaEpoch>,
    at: Timestamp,
) -> Result<()> {
    let mut retire = batch.statement(
        "UPDATE replica_epoch SET gone_at = ?3
         WHERE replica_id = ?1 AND epoch = ?2 AND closed_at IS NOT NULL AND gone_at IS NULL",
    )?;
    for replica in epochs {
        let changed =
            retire.execute(params![replica.replica_id, int(replica.epoch.0), at.as_micros()])?;
        if changed > 0 {
            batch.then(Step::Retired(replica));
        }
    }
    Ok(())
}
