//! The ledger of a store that fails when it is told to.

use async_trait::async_trait;
use axme_core::address::Address;
use axme_core::audit::Observation;
use axme_core::chain::Head;
use axme_core::id::{AddressId, Epoch, IntentId, KillId, Revision, WorkspaceId};
use axme_core::time::Timestamp;

use crate::control::{Answered, IdempotencyKey};
use crate::error::{StoreError, WriteError};
use crate::faults::{Faulty, call};
use crate::gate::Gate;
use crate::ledger::{
    Admitted, AuditQuery, AuditRow, ChainId, ChainLink, Event, Fact, HandedOver, Handing, Intent,
    IntentQuery, Ledger, MetricsAdded, NewIntent, NewMetrics, Patch, Patched, Positions,
    QueueQuery, Recorded, Requeued, Retention, RowsBetween, Senders, SendersQuery, SignsOfLife,
    Tally, Traffic, TrafficQuery, Usage, Waiting, Watched,
};

#[async_trait]
impl Ledger for Faulty {
    async fn admit(&self, intent: NewIntent, gate: Box<dyn Gate>) -> Result<Admitted, WriteError> {
        call(&self.admits, self.ledger.admit(intent, gate)).await
    }

    async fn hand_over(
        &self,
        handovers: Vec<Handing>,
        at: Timestamp,
    ) -> Result<Vec<HandedOver>, WriteError> {
        self.ledger.hand_over(handovers, at).await
    }

    async fn take_back(&self, intents: Vec<IntentId>) -> Result<(), WriteError> {
        self.ledger.take_back(intents).await
    }

    async fn record(&self, fact: Fact) -> Result<Recorded, WriteError> {
        self.ledger.record(fact).await
    }

    async fn patch(&self, patch: Patch) -> Result<Patched, WriteError> {
        self.ledger.patch(patch).await
    }

    async fn time_out(
        &self,
        now: Timestamp,
        intents_max: usize,
    ) -> Result<Vec<Intent>, WriteError> {
        self.ledger.time_out(now, intents_max).await
    }

    async fn requeue(
        &self,
        workspace: WorkspaceId,
        sender: &Address,
        rows: RowsBetween,
        intents_max: usize,
    ) -> Result<Requeued, WriteError> {
        self.ledger.requeue(workspace, sender, rows, intents_max).await
    }

    async fn set_requeued(&self, up_to: Revision) -> Result<(), WriteError> {
        self.ledger.set_requeued(up_to).await
    }

    async fn requeued(&self) -> Result<Revision, StoreError> {
        self.ledger.requeued().await
    }

    async fn add_metrics(&self, metrics: NewMetrics) -> Result<MetricsAdded, WriteError> {
        self.ledger.add_metrics(metrics).await
    }

    async fn save_signs_of_life(&self, signs: SignsOfLife) -> Result<(), WriteError> {
        self.ledger.save_signs_of_life(signs).await
    }

    async fn observe(&self, epoch: Epoch, seen: Vec<Observation>) -> Result<(), WriteError> {
        self.ledger.observe(epoch, seen).await
    }

    async fn save_kill_record(&self, kill: KillId, record: String) -> Result<(), WriteError> {
        self.ledger.save_kill_record(kill, record).await
    }

    async fn retain(&self, retention: Retention) -> Result<bool, WriteError> {
        self.ledger.retain(retention).await
    }

    async fn intent(&self, id: IntentId) -> Result<Option<Intent>, StoreError> {
        self.ledger.intent(id).await
    }

    async fn intents(&self, query: IntentQuery) -> Result<Vec<Intent>, StoreError> {
        self.ledger.intents(query).await
    }

    async fn events(&self, id: IntentId, since: u64) -> Result<Option<Vec<Event>>, StoreError> {
        self.ledger.events(id, since).await
    }

    async fn queue(&self, query: QueueQuery) -> Result<Vec<Intent>, StoreError> {
        self.ledger.queue(query).await
    }

    async fn positions(&self, watched: Watched) -> Result<Positions, StoreError> {
        self.ledger.positions(watched).await
    }

    async fn delivered_unfinished(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<u64, StoreError> {
        self.ledger.delivered_unfinished(workspace, address).await
    }

    async fn waiting(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<Waiting, StoreError> {
        self.ledger.waiting(workspace, address).await
    }

    async fn senders(&self, query: SendersQuery) -> Result<Senders, StoreError> {
        self.ledger.senders(query).await
    }

    async fn tally(&self, workspace: WorkspaceId, address: &Address) -> Result<Tally, StoreError> {
        self.ledger.tally(workspace, address).await
    }

    async fn usage(
        &self,
        workspace: WorkspaceId,
        address: Option<AddressId>,
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Usage)>, StoreError> {
        self.ledger.usage(workspace, address, since).await
    }

    async fn usage_of_hour(
        &self,
        address: AddressId,
        hour: Timestamp,
    ) -> Result<Usage, StoreError> {
        self.ledger.usage_of_hour(address, hour).await
    }

    async fn traffic(
        &self,
        query: TrafficQuery,
    ) -> Result<Vec<(AddressId, Timestamp, Traffic)>, StoreError> {
        self.ledger.traffic(query).await
    }

    async fn last_reports(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
    ) -> Result<Vec<(AddressId, Timestamp)>, StoreError> {
        self.ledger.last_reports(workspace, agents).await
    }

    async fn usage_of_days(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Timestamp, Usage)>, StoreError> {
        self.ledger.usage_of_days(workspace, agents, since).await
    }

    async fn usage_by_day(
        &self,
        workspace: WorkspaceId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Usage)>, StoreError> {
        self.ledger.usage_by_day(workspace, since).await
    }

    async fn signs_of_life(&self, after: Option<Timestamp>) -> Result<SignsOfLife, StoreError> {
        self.ledger.signs_of_life(after).await
    }

    async fn find_intent_answer(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Answered>, StoreError> {
        self.ledger.find_intent_answer(key).await
    }

    async fn kill_record(&self, kill: KillId) -> Result<Option<String>, StoreError> {
        self.ledger.kill_record(kill).await
    }

    async fn audit_events(&self, query: AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.ledger.audit_events(query).await
    }

    async fn chain(&self, chain: ChainId, after: u64) -> Result<Vec<ChainLink>, StoreError> {
        self.ledger.chain(chain, after).await
    }

    async fn chains(&self) -> Result<Vec<(ChainId, Head)>, StoreError> {
        self.ledger.chains().await
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        self.ledger.free_bytes().await
    }
}
