//! What the ledger takes and gives.

use axme_core::address::Address;
use axme_core::chain::Hash;
use axme_core::id::{AddressId, Epoch, IntentId, Revision, WorkspaceId};
use axme_core::intent::Status;
use axme_core::policy::Breach;
use axme_core::role::Scope;
use axme_core::time::Timestamp;

use crate::control::IdempotencyKey;
use crate::gate::Gate;

/// A new intent. JSON is kept as the text that was sent.
#[derive(Clone, Debug)]
pub struct NewIntent {
    pub intent_id: IntentId,
    pub workspace_id: WorkspaceId,
    pub from: Address,
    /// Under which its sender is counted; none for a sender that nobody has registered.
    pub sender_id: Option<AddressId>,
    pub to: Address,
    pub intent_type: Box<str>,
    pub correlation_id: Box<str>,
    pub payload: Box<str>,
    /// The optional fields of the request that are given back as they came: a JSON object.
    pub extras: Box<str>,
    pub deadline_at: Option<Timestamp>,
    pub delivery_attempts_max: u32,
    pub created_at: Timestamp,
    pub idempotency: Option<IdempotencyKey>,
}

/// What became of a new intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    New {
        cursor: u64,
        revision: Revision,
        status: Status,
        /// A limit of its sender that it went beyond, and that does not refuse it.
        breach: Option<Breach>,
    },
    /// The idempotency key stands for this intent already.
    Before { intent_id: IntentId },
}

/// An intent as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Orders the intents of the store; where a list goes on.
    pub row_id: u64,
    pub intent_id: IntentId,
    pub workspace_id: WorkspaceId,
    pub from: Address,
    pub to: Address,
    pub intent_type: Box<str>,
    pub correlation_id: Box<str>,
    pub payload: Box<str>,
    pub extras: Box<str>,
    pub status: Status,
    /// The receiver's delivery cursor.
    pub cursor: u64,
    pub admitted_at_revision: Revision,
    pub delivery_attempt: u32,
    pub delivery_attempts_max: u32,
    /// `{result?, error?, reason?}` once it has ended: a JSON object.
    pub outcome: Option<Box<str>>,
    pub deadline_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Sequence number of its last event.
    pub last_seq: u64,
    /// Counts the patches of its controls and policy.
    pub policy_generation: u64,
}

/// One event of an intent. The first two, created and submitted, follow from the intent itself and
/// are not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub intent_id: IntentId,
    pub seq: u64,
    /// Such as `intent.delivered`.
    pub event_type: Box<str>,
    pub status: Status,
    pub at: Timestamp,
    pub actor: Option<Box<str>>,
    /// A JSON object.
    pub details: Option<Box<str>>,
}

/// One intent to hand over.
#[derive(Debug)]
pub struct Handing {
    pub intent_id: IntentId,
    pub gate: Box<dyn Gate>,
}

/// An intent whose handover was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandedOver {
    /// It may go to its receiver now.
    Deliver(Intent),
    /// Its attempts were used up: it has failed instead.
    Exhausted(Intent),
}

impl HandedOver {
    #[must_use]
    pub const fn intent(&self) -> &Intent {
        match self {
            Self::Deliver(intent) | Self::Exhausted(intent) => intent,
        }
    }
}

/// What a party says about an intent: a step, or its end.
#[derive(Clone, Debug)]
pub struct Fact {
    pub intent_id: IntentId,
    pub next: Status,
    pub actor: Box<str>,
    /// `{result?, error?, reason?}`: a JSON object, kept when `next` ends the intent.
    pub outcome: Option<Box<str>>,
    /// Whether the party was stopped when it said so.
    pub late: bool,
    pub at: Timestamp,
    pub idempotency: Option<IdempotencyKey>,
}

/// What became of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    Done {
        intent: Intent,
        event: Event,
    },
    /// The idempotency key recorded it before; the intent as it stands now and its last event.
    Before {
        intent: Intent,
        event: Event,
    },
    /// The intent has ended; nothing was changed.
    Ended(Intent),
    /// The step is not possible from where the intent stands; nothing was changed.
    Impossible(Intent),
    NotFound,
}

/// A change of an intent's controls or policy.
#[derive(Clone, Debug)]
pub struct Patch {
    pub intent_id: IntentId,
    /// Merged, key by key, into the same keys of `extras`: a JSON object.
    pub merge: Box<str>,
    pub expected_generation: Option<u64>,
    pub at: Timestamp,
}

/// What became of a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patched {
    Applied(Intent),
    Stale(Intent),
    Ended(Intent),
    NotFound,
}

/// The rows after one, up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsBetween {
    pub after: u64,
    pub up_to: u64,
}

impl RowsBetween {
    #[must_use]
    pub const fn after(after: u64) -> Self {
        Self { after, up_to: u64::MAX }
    }

    /// One row alone.
    #[must_use]
    pub const fn only(row_id: u64) -> Self {
        Self { after: row_id.saturating_sub(1), up_to: row_id }
    }
}

/// Where a requeue stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requeued {
    pub receivers: Vec<Address>,
    /// The row id to go on after; none when all are done.
    pub next: Option<u64>,
}

/// The metrics of one beat: what happened since the one before.
#[derive(Clone, Debug)]
pub struct NewMetrics {
    pub address_id: AddressId,
    pub workspace_id: WorkspaceId,
    /// Tells beats apart: a repeated one is not added again.
    pub beat_id: Box<str>,
    pub usage: Usage,
    pub at: Timestamp,
}

/// Whether the metrics were new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAdded {
    Added,
    Repeated,
}

/// Reported usage of an agent in some period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub intents_total: u64,
    pub intents_succeeded: u64,
    pub intents_failed: u64,
    pub cost_usd: f64,
    /// Sum of `avg_latency_ms` times the intents that it was said of.
    pub latency_ms_sum: f64,
    pub latency_count: u64,
}

/// How many intents of an agent the ledger holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub received: u64,
    /// Sent or received, and not ended.
    pub open: u64,
    /// Addressed to it and never handed over.
    pub queued: u64,
}

/// What was admitted from and to an agent and never handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub to_it: u64,
    pub from_it: u64,
    /// Both: what it has sent to itself.
    pub to_itself: u64,
    /// When the one was admitted that stands first in its queue, or was sent first.
    pub oldest_at: Option<Timestamp>,
}

impl Waiting {
    /// All of it, each intent once.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.to_it.saturating_add(self.from_it).saturating_sub(self.to_itself)
    }
}

/// Whose intents to an agent to look for.
#[derive(Clone, Debug)]
pub struct SendersQuery {
    pub workspace_id: WorkspaceId,
    pub receiver: Address,
    pub since: Timestamp,
    /// Intents that are looked at most, of those that have ended and of those that have not: the
    /// newest.
    pub intents_max: usize,
}

/// Who sent intents to an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders {
    /// With how many intents each.
    pub senders: Vec<(Address, u64)>,
    /// Whether there may be more than were looked at.
    pub more: bool,
}

/// Which intents of a workspace to list.
#[derive(Clone, Debug)]
pub struct IntentQuery {
    pub workspace_id: WorkspaceId,
    /// Only those from or to this agent.
    pub party: Option<Address>,
    /// Only these; all when empty.
    pub statuses: Vec<Status>,
    pub created_before: Option<Timestamp>,
    /// Only row ids before this one.
    pub before: Option<u64>,
    pub rows_max: usize,
}

/// Which intents of a receiver's queue to read.
#[derive(Clone, Debug)]
pub struct QueueQuery {
    pub workspace_id: WorkspaceId,
    pub receiver: Address,
    pub since: u64,
    /// Only these; every one that has not ended when empty.
    pub statuses: Vec<Status>,
    pub rows_max: usize,
}

/// Queues and intents that somebody waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    pub queues: Vec<(WorkspaceId, Address)>,
    pub intents: Vec<IntentId>,
}

/// Where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The last cursor given in each queue.
    pub queues: Vec<((WorkspaceId, Address), u64)>,
    /// The sequence number of each intent's last event.
    pub intents: Vec<(IntentId, u64)>,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Intents that ended before this, with their events.
    pub intents_ended_before: Timestamp,
    /// Idempotency keys, beat ids and uses of sessions from before this.
    pub keys_used_before: Timestamp,
    /// Instances that were not heard since this.
    pub instances_seen_before: Timestamp,
    /// Sums of hours that began before this.
    pub hours_before: Timestamp,
    /// Sums of days that began before this.
    pub days_before: Timestamp,
}

/// A hash chain: the control log's, or that of one epoch's observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainId {
    Control,
    Epoch(Epoch),
}

/// One link of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainLink {
    pub position: u64,
    pub hash: Hash,
    pub body_hash: Hash,
    pub body: Vec<u8>,
    pub scope: Scope,
}

/// Which audit events to list.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// Only what this scope covers.
    pub scope: Scope,
    /// Only actions that begin with one of these; all when empty.
    pub action_prefixes: Vec<Box<str>>,
    pub actor: Option<Box<str>>,
    pub address_id: Option<AddressId>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only what sorts after this one in the answer: `(at, chain, position)` of the last row seen.
    pub after: Option<(Timestamp, ChainId, u64)>,
    pub rows_max: usize,
}

/// One audit event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub chain: ChainId,
    pub position: u64,
    pub hash: Hash,
    pub at: Timestamp,
    /// The exact bytes of an `axme_core::change::Entry` (chain `Control`) or an
    /// `axme_core::audit::Observation`.
    pub body: Vec<u8>,
}
