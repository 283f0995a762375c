//! The instances of a store that fails when it is told to: they go through.

use async_trait::async_trait;
use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;

use crate::error::{StoreError, WriteError};
use crate::faults::Faulty;
use crate::instances::{Frozen, HeardSince, Instance, InstanceCounts, Instances, Word};

#[async_trait]
impl Instances for Faulty {
    async fn save_instances(&self, instances: Vec<Instance>) -> Result<(), WriteError> {
        self.ledger.save_instances(instances).await
    }

    async fn forget_instances(
        &self,
        forgotten: Vec<(AddressId, Box<str>)>,
    ) -> Result<(), WriteError> {
        self.ledger.forget_instances(forgotten).await
    }

    async fn instances(
        &self,
        address: AddressId,
        after: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<Instance>, StoreError> {
        self.ledger.instances(address, after, rows_max).await
    }

    async fn count_instances(
        &self,
        address: AddressId,
        since: HeardSince,
    ) -> Result<InstanceCounts, StoreError> {
        self.ledger.count_instances(address, since).await
    }

    async fn count_instances_of(
        &self,
        addresses: &[AddressId],
        since: HeardSince,
    ) -> Result<Vec<(AddressId, InstanceCounts)>, StoreError> {
        self.ledger.count_instances_of(addresses, since).await
    }

    async fn latest_metadata(
        &self,
        addresses: &[AddressId],
    ) -> Result<Vec<(AddressId, Box<str>)>, StoreError> {
        self.ledger.latest_metadata(addresses).await
    }

    async fn freeze(
        &self,
        kill: KillId,
        address: AddressId,
        at: Timestamp,
    ) -> Result<(), WriteError> {
        self.ledger.freeze(kill, address, at).await
    }

    async fn keep_word(&self, word: Word) -> Result<bool, WriteError> {
        self.ledger.keep_word(word).await
    }

    async fn unstopped(&self, kills: &[KillId]) -> Result<Vec<(KillId, u64)>, StoreError> {
        self.ledger.unstopped(kills).await
    }

    async fn frozen(&self, kill: KillId, heard_since: Timestamp) -> Result<Frozen, StoreError> {
        self.ledger.frozen(kill, heard_since).await
    }
}
