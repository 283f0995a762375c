//! The control log of a store that fails when it is told to.

use async_trait::async_trait;
use axme_core::id::{AddressId, CommandId, Epoch, Revision};
use axme_core::time::Timestamp;
use tokio::sync::broadcast;

use crate::control::{
    Answered, Append, ControlLog, Durability, IdempotencyKey, Loaded, LogEntry, LogHead, Renewal,
    Renewed, ReplicaEpoch, ReplicaProfile, ReplicaRow, StopAccount, Trouble,
};
use crate::error::{AppendError, StoreError};
use crate::faults::{Faulty, call};
use crate::hint::Hint;

#[async_trait]
impl ControlLog for Faulty {
    async fn join(&self, replica: &ReplicaProfile, at: Timestamp) -> Result<Epoch, StoreError> {
        self.log.join(replica, at).await
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        self.log.load().await
    }

    async fn tail(&self, after: Revision) -> Result<Vec<LogEntry>, StoreError> {
        self.log.tail(after).await
    }

    async fn stops_and_resumes(
        &self,
        after: Revision,
        agent: Option<AddressId>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.log.stops_and_resumes(after, agent).await
    }

    async fn append(&self, append: Append) -> Result<LogHead, AppendError> {
        call(&self.appends, self.log.append(append)).await
    }

    async fn find(&self, command: CommandId) -> Result<Option<LogEntry>, StoreError> {
        self.log.find(command).await
    }

    async fn find_answered(&self, key: &IdempotencyKey) -> Result<Option<Answered>, StoreError> {
        self.log.find_answered(key).await
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, StoreError> {
        self.log.renew(renewal).await
    }

    async fn accounts(
        &self,
        revision: Revision,
    ) -> Result<Vec<(ReplicaEpoch, StopAccount)>, StoreError> {
        self.log.accounts(revision).await
    }

    async fn replicas(&self, including: Revision) -> Result<Vec<ReplicaRow>, StoreError> {
        self.log.replicas(including).await
    }

    async fn close(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError> {
        self.log.close(epochs, at).await
    }

    async fn retire(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError> {
        self.log.retire(epochs, at).await
    }

    async fn save_snapshot(&self, loaded: Loaded) -> Result<(), StoreError> {
        self.log.save_snapshot(loaded).await
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn is_shared(&self) -> bool {
        self.log.is_shared()
    }

    fn hints(&self) -> broadcast::Receiver<Hint> {
        self.log.hints()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.log.trouble()
    }
}
