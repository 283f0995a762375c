//! Instances, as the engine keeps them.

mod frozen;
mod kept;

use async_trait::async_trait;
use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;
use tokio_postgres::Row;

use crate::error::{StoreError, WriteError};
use crate::hint::Hint;
use crate::instances::{Frozen, HeardSince, Instance, InstanceCounts, Instances, Progress, Word};
use crate::postgres::columns::Columns as _;
use crate::postgres::failure::Failure;
use crate::postgres::work::job;
use crate::postgres::{PgStore, control};

/// Instances that one statement keeps at most.
const INSTANCES_SAVED_MAX: usize = 512;

#[async_trait]
impl Instances for PgStore {
    async fn save_instances(&self, instances: Vec<Instance>) -> Result<(), WriteError> {
        instances.iter().try_for_each(kept::require_storable)?;
        for part in instances.chunks(INSTANCES_SAVED_MAX) {
            let part = part.to_vec();
            job!(&self.jobs, |session, me| [part] kept::save(session, me, part))?;
        }
        Ok(())
    }

    async fn forget_instances(
        &self,
        forgotten: Vec<(AddressId, Box<str>)>,
    ) -> Result<(), WriteError> {
        for part in forgotten.chunks(INSTANCES_SAVED_MAX) {
            let part = part.to_vec();
            job!(&self.jobs, |session, me| [part] kept::forget(session, me, part))?;
        }
        Ok(())
    }

    async fn instances(
        &self,
        address: AddressId,
        after: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<Instance>, StoreError> {
        let reader = self.reader().await?;
        reader.within(kept::of(&reader, address, after.unwrap_or_default(), rows_max)).await
    }

    async fn count_instances(
        &self,
        address: AddressId,
        since: HeardSince,
    ) -> Result<InstanceCounts, StoreError> {
        let reader = self.reader().await?;
        reader.within(kept::count(&reader, address, since)).await
    }

    async fn count_instances_of(
        &self,
        addresses: &[AddressId],
        since: HeardSince,
    ) -> Result<Vec<(AddressId, InstanceCounts)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(kept::count_each(&reader, addresses, since)).await
    }

    async fn latest_metadata(
        &self,
        addresses: &[AddressId],
    ) -> Result<Vec<(AddressId, Box<str>)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(kept::latest_metadata(&reader, addresses)).await
    }

    async fn freeze(
        &self,
        kill: KillId,
        address: AddressId,
        at: Timestamp,
    ) -> Result<(), WriteError> {
        // Not behind bulk, as nothing about kills is.
        let session = self.control.session().await?;
        Ok(control::answered(&session, frozen::freeze(&session, kill, address, at)).await?)
    }

    async fn keep_word(&self, word: Word) -> Result<bool, WriteError> {
        // Not beside kills: agents say this, as often as they like.
        frozen::require_storable(&word)?;
        let kill = word.kill;
        let before = job!(&self.jobs, |session, _me| [word] frozen::keep(session, word))?;
        self.hints.say(Hint::Kill(kill));
        Ok(before)
    }

    async fn unstopped(&self, kills: &[KillId]) -> Result<Vec<(KillId, u64)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(frozen::unstopped(&reader, kills)).await
    }

    async fn frozen(&self, kill: KillId, heard_since: Timestamp) -> Result<Frozen, StoreError> {
        let reader = self.reader().await?;
        reader.within(frozen::of(&reader, kill, heard_since)).await
    }
}

/// Three columns from `column` on: done, total and unit.
fn progress(row: &Row, column: usize) -> Result<Option<Progress>, Failure> {
    let Some(done) = row.optional_number(column)? else { return Ok(None) };
    let (total, unit) = (row.optional_number(column + 1)?, row.optional_text(column + 2)?);
    Ok(Some(Progress { done, total, unit }))
}
