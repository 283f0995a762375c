//! Instances: what each running copy of an agent has said last, and what is kept of it with a kill.
//!
//! Words, not orders: nothing here decides what an agent may do. A replica keeps what it hears
//! itself; the store puts the words of all replicas together.

use async_trait::async_trait;
use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;

use crate::error::{StoreError, WriteError};

/// Instances of one agent that are kept at most.
pub const INSTANCES_MAX: usize = 10_000;
/// Instances that a list answers at most.
pub const INSTANCES_LISTED_MAX: usize = 1_000;

/// The part of a store that keeps instances.
#[async_trait]
pub trait Instances: Send + Sync + std::fmt::Debug {
    /// Keeps what instances said. What a word leaves out stays as it was said before, and an older
    /// word replaces nothing.
    async fn save_instances(&self, instances: Vec<Instance>) -> Result<(), WriteError>;

    /// Forgets instances: their agents have too many.
    async fn forget_instances(
        &self,
        forgotten: Vec<(AddressId, Box<str>)>,
    ) -> Result<(), WriteError>;

    /// Instances of an agent by their ids, at most [`INSTANCES_LISTED_MAX`], after `after`.
    async fn instances(
        &self,
        address: AddressId,
        after: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<Instance>, StoreError>;

    /// How many instances of an agent there are.
    async fn count_instances(
        &self,
        address: AddressId,
        since: HeardSince,
    ) -> Result<InstanceCounts, StoreError>;

    /// As [`Instances::count_instances`], of several agents; those that have none are left out.
    async fn count_instances_of(
        &self,
        addresses: &[AddressId],
        since: HeardSince,
    ) -> Result<Vec<(AddressId, InstanceCounts)>, StoreError>;

    /// What the instance of each agent said of itself that was heard last, where it said anything:
    /// JSON objects.
    async fn latest_metadata(
        &self,
        addresses: &[AddressId],
    ) -> Result<Vec<(AddressId, Box<str>)>, StoreError>;

    /// Keeps with a kill what the instances of its agent have said last, but for those that have
    /// ended. Done again it adds what was heard meanwhile, and changes nothing that is known of a
    /// stop.
    async fn freeze(
        &self,
        kill: KillId,
        address: AddressId,
        at: Timestamp,
    ) -> Result<(), WriteError>;

    /// Keeps what an instance says about a kill: true when it had said before that it stopped.
    async fn keep_word(&self, word: Word) -> Result<bool, WriteError>;

    /// How many instances of each of these kills have not said that they stopped; kills of which
    /// all have are left out.
    async fn unstopped(&self, kills: &[KillId]) -> Result<Vec<(KillId, u64)>, StoreError>;

    /// The instances that are kept with a kill, those that have not stopped first, at most
    /// [`INSTANCES_LISTED_MAX`], and all of them added up.
    async fn frozen(&self, kill: KillId, heard_since: Timestamp) -> Result<Frozen, StoreError>;
}

/// One running copy of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub address_id: AddressId,
    pub instance_id: Box<str>,
    /// Whether it gave no id, so that its key and address stand for it.
    pub inferred: bool,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// When it said that it ends.
    pub ended_at: Option<Timestamp>,
    /// Control streams that it has open at the replica that heard it last.
    pub streams: u64,
    pub said: Said,
}

/// What an instance says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub version: Option<Box<str>>,
    pub region: Option<Box<str>>,
    /// A JSON object.
    pub labels: Option<Box<str>>,
    /// A JSON object.
    pub metadata: Option<Box<str>>,
    pub progress: Option<Progress>,
}

impl Said {
    /// This word, and where it is silent the one before.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            version: self.version.or(before.version),
            region: self.region.or(before.region),
            labels: self.labels.or(before.labels),
            metadata: self.metadata.or(before.metadata),
            progress: self.progress.or(before.progress),
        }
    }
}

/// How far an instance is with its work, as it reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: Option<u64>,
    pub unit: Option<Box<str>>,
}

/// Since when an instance must have been heard to count as healthy, or as degraded.
#[derive(Clone, Copy, Debug)]
pub struct HeardSince {
    pub healthy: Timestamp,
    pub degraded: Timestamp,
}

/// How many instances an agent has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceCounts {
    pub healthy: u64,
    pub degraded: u64,
    pub unreachable: u64,
    pub ended: u64,
}

/// What an instance says about a kill of its agent.
#[derive(Clone, Debug)]
pub struct Word {
    pub kill: KillId,
    pub instance_id: Box<str>,
    pub inferred: bool,
    pub at: Timestamp,
    pub said: Said,
    /// That it has stopped, by which way it learned of it, and how long after the order, in
    /// milliseconds.
    pub stopped: Option<(Via, f64)>,
    /// Intents that it reports in the same breath: counted when it had said before that it stopped.
    pub reported: u64,
}

/// By which way an instance learned that it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Stream,
    Heartbeat,
}

impl Via {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Heartbeat => "heartbeat",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Stream, Self::Heartbeat].into_iter().find(|via| via.as_str() == word)
    }
}

/// The instances that are kept with a kill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frozen {
    pub instances: Vec<FrozenInstance>,
    pub totals: FrozenTotals,
}

/// An instance as it is kept with a kill.
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenInstance {
    pub instance_id: Box<str>,
    pub inferred: bool,
    pub version: Option<Box<str>>,
    pub region: Option<Box<str>>,
    pub last_seen_at: Timestamp,
    /// Control streams that it had open when the kill was ordered.
    pub streams: u64,
    pub stopped: Option<(Via, f64)>,
    pub progress: Option<Progress>,
    pub metadata: Option<Box<str>>,
    /// Whether its progress and metadata were said after the kill.
    pub late: bool,
    /// Intents that it reported after it said that it had stopped.
    pub reported_after: u64,
}

/// All instances of a kill, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrozenTotals {
    pub instances: u64,
    pub stopped: u64,
    /// Neither stopped nor heard of lately.
    pub unreachable: u64,
    /// Instances that had a control stream open and have not said that they stopped.
    pub awaited: u64,
    /// What they report as done, and as still to do. None when nobody reports it.
    pub done: Option<u64>,
    pub not_done: Option<u64>,
    /// When all that report progress count in the same one.
    pub unit: Option<Box<str>>,
}
