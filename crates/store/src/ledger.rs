//! The ledger: bulk data, written in group commits and read by queries.
//!
//! Writes of one call are atomic. Each waits in a bounded queue, is decided again by its
//! [`Gate`] where it has one, and is acknowledged once it is durable.

mod chained;
mod parts;
mod rows;
mod sums;
mod traffic;

use async_trait::async_trait;
use axme_core::address::Address;
use axme_core::audit::Observation;
use axme_core::id::{AddressId, Epoch, IntentId, KeyId, KillId, Revision, SessionId, WorkspaceId};
use axme_core::time::Timestamp;

pub(crate) use chained::{Linked, link};
pub use rows::*;
pub(crate) use sums::{Sums, finite};
pub(crate) use traffic::denials;
pub use traffic::{Per, Traffic, TrafficQuery};

use crate::control::{Answered, IdempotencyKey};
use crate::error::{StoreError, WriteError};
use crate::gate::Gate;
use crate::instances::Instances;

/// Rows that a list answers at most.
pub const LIST_ROWS_MAX: usize = 1_000;
/// Distance between two delivery cursors of an address. Some clients ask for what comes after the
/// last they saw, others for what comes after the one behind it; with gaps both lose nothing.
pub const CURSOR_STEP: u64 = 2;

/// See the module.
#[async_trait]
pub trait Ledger: Instances + Send + Sync + std::fmt::Debug {
    /// Admits an intent: stores it with the next cursor of its receiver.
    async fn admit(&self, intent: NewIntent, gate: Box<dyn Gate>) -> Result<Admitted, WriteError>;

    /// Records the handover of intents to their receiver. Each is decided by its own gate; those
    /// that are refused, have ended or are not there are left out of the answer.
    async fn hand_over(
        &self,
        handovers: Vec<Handing>,
        at: Timestamp,
    ) -> Result<Vec<HandedOver>, WriteError>;

    /// Takes back handovers that were recorded but refused at the last check, before anything was
    /// sent: `delivery_attempt` goes down by one where it is above zero and the intent has not
    /// ended; status and events stay. Such an intent is requeued like one never delivered.
    async fn take_back(&self, intents: Vec<IntentId>) -> Result<(), WriteError>;

    /// Records what a party says about an intent.
    async fn record(&self, fact: Fact) -> Result<Recorded, WriteError>;

    /// Changes an intent's controls or policy, by compare and set on its generation.
    async fn patch(&self, patch: Patch) -> Result<Patched, WriteError>;

    /// Ends intents whose deadline has passed, at most `intents_max`, and answers their rows.
    async fn time_out(&self, now: Timestamp, intents_max: usize)
    -> Result<Vec<Intent>, WriteError>;

    /// Gives the intents of a sender that have not ended and whose `delivery_attempt` is zero new
    /// cursors, in the order of their old ones: at most `intents_max` of those with a row id in
    /// `rows`. Answers the receivers to wake and after which row to go on.
    async fn requeue(
        &self,
        workspace: WorkspaceId,
        sender: &Address,
        rows: RowsBetween,
        intents_max: usize,
    ) -> Result<Requeued, WriteError>;

    /// Notes that what every resume up to a revision set free has been requeued. An older revision
    /// changes nothing.
    async fn set_requeued(&self, up_to: Revision) -> Result<(), WriteError>;

    /// Up to which revision what resumes set free has been requeued.
    async fn requeued(&self) -> Result<Revision, StoreError>;

    /// Adds the metrics of a beat, once for each `beat_id`. Durable when it returns.
    async fn add_metrics(&self, metrics: NewMetrics) -> Result<MetricsAdded, WriteError>;

    /// Keeps when agents were last seen, and keys and sessions last used.
    async fn save_signs_of_life(&self, signs: SignsOfLife) -> Result<(), WriteError>;

    /// Appends observations to the audit chain of an epoch.
    async fn observe(&self, epoch: Epoch, seen: Vec<Observation>) -> Result<(), WriteError>;

    /// Keeps what is known of a kill beyond its log entry: a JSON object.
    async fn save_kill_record(&self, kill: KillId, record: String) -> Result<(), WriteError>;

    /// Removes what has been kept long enough: one slice of at most 10 ms. True when there is more.
    async fn retain(&self, retention: Retention) -> Result<bool, WriteError>;

    async fn intent(&self, id: IntentId) -> Result<Option<Intent>, StoreError>;

    /// Intents of a workspace, newest first.
    async fn intents(&self, query: IntentQuery) -> Result<Vec<Intent>, StoreError>;

    /// The events of an intent with a sequence number after `since`, in order. None when there is
    /// no such intent.
    async fn events(&self, id: IntentId, since: u64) -> Result<Option<Vec<Event>>, StoreError>;

    /// Intents addressed to an agent with a cursor after `since`, in the order of their cursors.
    async fn queue(&self, query: QueueQuery) -> Result<Vec<Intent>, StoreError>;

    /// Where these queues and intents stand, in one reading: for streams that wait at a replica
    /// which nobody has told. What is not there is left out.
    async fn positions(&self, watched: Watched) -> Result<Positions, StoreError>;

    /// How many intents from or to an agent were handed over and have not ended.
    async fn delivered_unfinished(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<u64, StoreError>;

    /// What waits from and to an agent and was never handed over.
    async fn waiting(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<Waiting, StoreError>;

    /// Who sent intents to an agent.
    async fn senders(&self, query: SendersQuery) -> Result<Senders, StoreError>;

    /// What the ledger holds of one agent: exact counts.
    async fn tally(&self, workspace: WorkspaceId, address: &Address) -> Result<Tally, StoreError>;

    /// Usage of the agents of a workspace since a midnight; of one agent when `address` is given.
    async fn usage(
        &self,
        workspace: WorkspaceId,
        address: Option<AddressId>,
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Usage)>, StoreError>;

    /// Usage of one agent in the hour that began at `hour`.
    async fn usage_of_hour(&self, address: AddressId, hour: Timestamp)
    -> Result<Usage, StoreError>;

    /// What was counted of agents, by agent and period, both ascending.
    async fn traffic(
        &self,
        query: TrafficQuery,
    ) -> Result<Vec<(AddressId, Timestamp, Traffic)>, StoreError>;

    /// When agents of a workspace reported last, as the beginning of that hour, or of that day when
    /// it was long ago; those that never did are left out.
    async fn last_reports(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
    ) -> Result<Vec<(AddressId, Timestamp)>, StoreError>;

    /// Usage of these agents since a midnight, day by day; days without any are left out. By
    /// agents as they are given, and oldest day first.
    async fn usage_of_days(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Timestamp, Usage)>, StoreError>;

    /// Usage of all agents of a workspace since a midnight, added up for each day, oldest first.
    async fn usage_by_day(
        &self,
        workspace: WorkspaceId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Usage)>, StoreError>;

    /// The signs of life after a moment; all of them when there is none.
    async fn signs_of_life(&self, after: Option<Timestamp>) -> Result<SignsOfLife, StoreError>;

    async fn find_intent_answer(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Answered>, StoreError>;

    async fn kill_record(&self, kill: KillId) -> Result<Option<String>, StoreError>;

    /// Audit events of the control log and all epochs' chains, newest first.
    async fn audit_events(&self, query: AuditQuery) -> Result<Vec<AuditRow>, StoreError>;

    /// One chain from a position on, in order, at most [`LIST_ROWS_MAX`] links.
    async fn chain(&self, chain: ChainId, after: u64) -> Result<Vec<ChainLink>, StoreError>;

    /// Every chain there is, with its head.
    async fn chains(&self) -> Result<Vec<(ChainId, axme_core::chain::Head)>, StoreError>;

    /// Bytes that the store can still take, where that can be told.
    async fn free_bytes(&self) -> Result<Option<u64>, StoreError>;
}

/// When keys and sessions were last used, and agents last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignsOfLife {
    pub agents: Vec<(AddressId, Timestamp)>,
    pub keys: Vec<(KeyId, Timestamp)>,
    pub sessions: Vec<(SessionId, Timestamp)>,
}
