//! Instances, as the engine keeps them.

mod frozen;
mod kept;

use async_trait::async_trait;
use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;
use rusqlite::{Result as SqlResult, Row, types};

use crate::error::{StoreError, WriteError};
use crate::instances::{Frozen, HeardSince, Instance, InstanceCounts, Instances, Progress, Word};
use crate::sqlite::SqliteStore;
use crate::sqlite::columns::Columns as _;
use crate::sqlite::job::{Size, job};

/// Instances that one transaction keeps at most, so that it ends within 10 ms.
const INSTANCES_SAVED_MAX: usize = 256;

#[async_trait]
impl Instances for SqliteStore {
    async fn save_instances(&self, instances: Vec<Instance>) -> Result<(), WriteError> {
        for part in instances.chunks(INSTANCES_SAVED_MAX) {
            let part = part.to_vec();
            self.bulk(job(Size::SLICE, move |batch| Ok(kept::save(batch, &part)?))).await?;
        }
        Ok(())
    }

    async fn forget_instances(
        &self,
        forgotten: Vec<(AddressId, Box<str>)>,
    ) -> Result<(), WriteError> {
        for part in forgotten.chunks(INSTANCES_SAVED_MAX) {
            let part = part.to_vec();
            self.bulk(job(Size::SLICE, move |batch| Ok(kept::forget(batch, &part)?))).await?;
        }
        Ok(())
    }

    async fn instances(
        &self,
        address: AddressId,
        after: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<Instance>, StoreError> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| Ok(kept::of(connection, address, &after, rows_max)?)).await
    }

    async fn count_instances(
        &self,
        address: AddressId,
        since: HeardSince,
    ) -> Result<InstanceCounts, StoreError> {
        self.read(move |connection| Ok(kept::count(connection, address, since)?)).await
    }

    async fn count_instances_of(
        &self,
        addresses: &[AddressId],
        since: HeardSince,
    ) -> Result<Vec<(AddressId, InstanceCounts)>, StoreError> {
        let addresses = addresses.to_vec();
        self.read(move |connection| Ok(kept::count_each(connection, &addresses, since)?)).await
    }

    async fn latest_metadata(
        &self,
        addresses: &[AddressId],
    ) -> Result<Vec<(AddressId, Box<str>)>, StoreError> {
        let addresses = addresses.to_vec();
        self.read(move |connection| Ok(kept::latest_metadata(connection, &addresses)?)).await
    }

    async fn freeze(
        &self,
        kill: KillId,
        address: AddressId,
        at: Timestamp,
    ) -> Result<(), WriteError> {
        // Ahead of bulk, as everything about kills.
        let freeze = job(Size::SLICE, move |batch| Ok(frozen::freeze(batch, kill, address, at)?));
        self.control(freeze).await
    }

    async fn keep_word(&self, word: Word) -> Result<bool, WriteError> {
        // Not ahead of bulk: agents say this, as often as they like.
        self.bulk(job(Size::of(0), move |batch| Ok(frozen::keep(batch, &word)?))).await
    }

    async fn unstopped(&self, kills: &[KillId]) -> Result<Vec<(KillId, u64)>, StoreError> {
        let kills = kills.to_vec();
        self.read(move |connection| Ok(frozen::unstopped(connection, &kills)?)).await
    }

    async fn frozen(&self, kill: KillId, heard_since: Timestamp) -> Result<Frozen, StoreError> {
        self.read(move |connection| Ok(frozen::of(connection, kill, heard_since)?)).await
    }
}

/// Three columns from `column` on: done, total and unit.
fn progress(row: &Row<'_>, column: usize) -> SqlResult<Option<Progress>> {
    if row.get_ref(column)? == types::ValueRef::Null {
        return Ok(None);
    }
    let total: Option<i64> = row.get(column + 1)?;
    Ok(Some(Progress {
        done: row.number(column)?,
        total: total.map(|_there| row.number(column + 1)).transpose()?,
        unit: row.optional_text(column + 2)?,
    }))
}
