//! The control log's trait, over the engine's parts.

use async_trait::async_trait;
use axme_core::id::{AddressId, CommandId, Epoch, Revision};
use axme_core::time::Timestamp;
use tokio::sync::broadcast;

use crate::control::{
    Answered, Append, ControlLog, Durability, IdempotencyKey, Loaded, LogEntry, LogHead, Renewal,
    Renewed, ReplicaEpoch, ReplicaProfile, ReplicaRow, StopAccount, Trouble,
};
use crate::error::{AppendError, StoreError, WriteError};
use crate::hint::Hint;
use crate::sqlite::job::{Size, job};
use crate::sqlite::{SqliteStore, append, epochs, idempotency, load, snapshot};

#[async_trait]
impl ControlLog for SqliteStore {
    async fn join(&self, replica: &ReplicaProfile, at: Timestamp) -> Result<Epoch, StoreError> {
        let replica = replica.clone();
        self.control(job(Size::of(0), move |batch| Ok(epochs::join(batch, &replica, at)?))).await
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        self.read(load::load).await
    }

    async fn tail(&self, after: Revision) -> Result<Vec<LogEntry>, StoreError> {
        self.read(move |connection| load::tail(connection, after)).await
    }

    async fn stops_and_resumes(
        &self,
        after: Revision,
        agent: Option<AddressId>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.read(move |connection| load::stops_and_resumes(connection, after, agent)).await
    }

    async fn append(&self, append: Append) -> Result<LogHead, AppendError> {
        self.control(job(Size::of(0), move |batch| append::append(batch, &append))).await
    }

    async fn find(&self, command: CommandId) -> Result<Option<LogEntry>, StoreError> {
        self.read(move |connection| load::find(connection, command)).await
    }

    async fn find_answered(&self, key: &IdempotencyKey) -> Result<Option<Answered>, StoreError> {
        let key = key.clone();
        self.read(move |connection| Ok(idempotency::find(connection, &key)?)).await
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, StoreError> {
        let head = self.standing.renew(&renewal)?;
        // Nobody else writes the log, so that what was applied is what it holds.
        let at_applied =
            (renewal.applied.revision <= head.revision).then_some(renewal.applied.hash);
        Ok(Renewed { head, at_applied })
    }

    async fn accounts(
        &self,
        _revision: Revision,
    ) -> Result<Vec<(ReplicaEpoch, StopAccount)>, StoreError> {
        Ok(Vec::new())
    }

    async fn replicas(&self, _including: Revision) -> Result<Vec<ReplicaRow>, StoreError> {
        Ok(self.standing.replicas())
    }

    async fn close(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError> {
        let epochs = epochs.to_vec();
        self.control(job(Size::of(0), move |batch| Ok(epochs::close(batch, epochs, at)?))).await
    }

    async fn retire(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError> {
        let epochs = epochs.to_vec();
        self.control(job(Size::of(0), move |batch| Ok(epochs::retire(batch, epochs, at)?))).await
    }

    async fn save_snapshot(&self, loaded: Loaded) -> Result<(), StoreError> {
        let Loaded { state, head } = loaded;
        let encoding = tokio::task::spawn_blocking(move || serde_json::to_vec(&state));
        let body = match encoding.await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => return Err(StoreError::Unusable(format!("no snapshot: {error}"))),
            Err(error) => return Err(StoreError::Unavailable(format!("no snapshot: {error}"))),
        };
        let mut parts = 0;
        for part in body.chunks(snapshot::PART_BYTES) {
            let (number, part) = (parts, part.to_vec());
            parts += 1;
            let keep = job(Size::of(part.len()), move |batch| {
                Ok(snapshot::keep_part(batch, head.revision, number, &part)?)
            });
            self.bulk(keep).await.map_err(WriteError::of_store)?;
        }
        let complete = job(Size::of(0), move |batch| Ok(snapshot::complete(batch, head, parts)?));
        self.bulk(complete).await.map_err(WriteError::of_store)?;
        while self
            .bulk(job(Size::SLICE, move |batch| Ok(snapshot::remove_parts(batch, head.revision)?)))
            .await
            .map_err(WriteError::of_store)?
        {}
        Ok(())
    }

    fn durability(&self) -> Durability {
        Durability::Single
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn hints(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    fn trouble(&self) -> Option<Trouble> {
        None
    }
}
