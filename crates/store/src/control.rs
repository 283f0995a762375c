//! The control log: an ordered, hash-chained, durable log with compare-and-set appends.

use async_trait::async_trait;
use axme_core::chain::Hash;
use axme_core::change::Entry;
use axme_core::id::{AddressId, CommandId, Epoch, Revision};
use axme_core::lease::Lease;
use axme_core::state::State;
use axme_core::time::Timestamp;
use tokio::sync::broadcast;

pub use axme_core::replica::{ReplicaEpoch, Sighting};

use crate::error::{AppendError, StoreError};
use crate::hint::Hint;

/// Entries that [`ControlLog::tail`] answers at most.
pub const TAIL_ENTRIES_MAX: usize = 1_000;

/// Accounts of stops that one renewal carries at most.
pub const ACCOUNTS_MAX: usize = 256;

/// Linearizable. A change is acknowledged only once it is durable.
#[async_trait]
pub trait ControlLog: Send + Sync + std::fmt::Debug {
    /// Begins a new epoch for this replica, one higher than every epoch of any replica before: its
    /// number alone names an audit chain. It is committed when this returns. An earlier epoch of
    /// this process whose last write has an unknown outcome is closed and gone before.
    async fn join(&self, replica: &ReplicaProfile, at: Timestamp) -> Result<Epoch, StoreError>;

    /// The state at the head of the log.
    async fn load(&self) -> Result<Loaded, StoreError>;

    /// The entries after a revision, in order and without gaps, at most [`TAIL_ENTRIES_MAX`].
    async fn tail(&self, after: Revision) -> Result<Vec<LogEntry>, StoreError>;

    /// The entries after a revision that stopped or resumed single agents, or this one, in order, at
    /// most [`TAIL_ENTRIES_MAX`].
    async fn stops_and_resumes(
        &self,
        after: Revision,
        agent: Option<AddressId>,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// Appends one entry, ahead of everything that waits for the ledger, and answers the new head.
    async fn append(&self, append: Append) -> Result<LogHead, AppendError>;

    /// The entry of a command, if the log holds it.
    async fn find(&self, command: CommandId) -> Result<Option<LogEntry>, StoreError>;

    /// The command that an idempotency key stands for, if it was used before.
    async fn find_answered(&self, key: &IdempotencyKey) -> Result<Option<Answered>, StoreError>;

    /// Reports how far this replica has come, and reads the head in the same step. A report of
    /// something that the log does not hold is not taken: others would wait for it in vain. With a store
    /// that replicas share this is a durable write, so that a server that was deposed cannot
    /// answer it. [`StoreError::Fenced`] and [`StoreError::OutcomeUnknown`] end the epoch.
    async fn renew(&self, renewal: Renewal) -> Result<Renewed, StoreError>;

    /// What replicas have said that a stop closed on them, in the order in which they said it. None
    /// from a store that is one process's alone: it knows its own.
    async fn accounts(
        &self,
        revision: Revision,
    ) -> Result<Vec<(ReplicaEpoch, StopAccount)>, StoreError>;

    /// Every epoch that is not gone, in a reading whose log holds the entry at `including`: a
    /// server that was deposed, and has not got that entry, does not count.
    async fn replicas(&self, including: Revision) -> Result<Vec<ReplicaRow>, StoreError>;

    /// Makes the store refuse every further write of these epochs. Returns once no write of theirs
    /// is under way; a session that holds it up for 100 ms is ended.
    async fn close(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError>;

    /// Marks closed epochs as gone: nobody waits for them any more.
    async fn retire(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError>;

    /// Keeps a snapshot, so that loading need not fold the whole log.
    async fn save_snapshot(&self, loaded: Loaded) -> Result<(), StoreError>;

    /// How durable an acknowledged commit is.
    fn durability(&self) -> Durability;

    /// Whether other replicas may be at the same store. One that is locked for this process's life
    /// needs no leases.
    fn is_shared(&self) -> bool;

    /// What others have written, as far as the store tells without being asked. Every hint may be
    /// lost and none is needed: it only makes things faster.
    fn hints(&self) -> broadcast::Receiver<Hint>;

    /// Why the store cannot be used at the moment; none when its last call went well.
    fn trouble(&self) -> Option<Trouble>;
}

/// Why a store cannot be used: for logs, `/ready` and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A stable code, such as `store_unreachable`.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// What an acknowledged commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The loss of every process, on this server only.
    Single,
    /// A failover to a standby that had to acknowledge it.
    Replicated,
}

impl Durability {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Replicated => "replicated",
        }
    }
}

/// A position of the log and the hash of everything up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogHead {
    pub revision: Revision,
    pub hash: Hash,
}

impl LogHead {
    /// Whether an entry is the next one of this very log.
    #[must_use]
    pub fn is_followed_by(&self, next: &LogEntry) -> bool {
        next.revision == self.revision.next() && next.hash == self.hash.follow(next.body_hash)
    }
}

/// The fold of the log up to its head.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub state: State,
    pub head: LogHead,
}

/// An entry as the log keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    pub revision: Revision,
    pub hash: Hash,
    /// The hash of the entry's exact bytes.
    pub body_hash: Hash,
    pub entry: Entry,
}

/// One append.
#[derive(Clone, Debug)]
pub struct Append {
    pub by: ReplicaEpoch,
    pub expected: Expected,
    pub entry: Entry,
    pub idempotency: Option<IdempotencyKey>,
}

/// What the head must be for an append to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is. Only for kills, which commute with everything but a resume.
    Any,
    Head(LogHead),
}

/// What a replica says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaProfile {
    pub replica_id: Box<str>,
    pub region: Option<Box<str>>,
    pub version: Box<str>,
    /// What it trusts itself by. Whoever waits for it waits for the longest lease there is.
    pub lease: Lease,
}

/// How far a replica has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    pub by: ReplicaEpoch,
    /// Up to where its state is the fold.
    pub applied: LogHead,
    /// The revision up to which everything that was let through before has ended.
    pub enforced: Revision,
    /// What stops have closed here since the last renewal that came through, [`ACCOUNTS_MAX`] at
    /// most. Kept in the same step, so that whoever sees that a stop is enforced sees its account.
    pub accounts: Vec<StopAccount>,
}

/// What the stop of one revision closed on one replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopAccount {
    pub revision: Revision,
    pub streams_closed: u64,
    pub connections_cut: u64,
    /// Bytes of streams that were handed to connections after the order.
    pub bytes_after_order: u64,
}

/// What a renewal showed. Freshness counts from its sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewed {
    pub head: LogHead,
    /// The hash that the log holds at the revision that was reported as applied; none when the log
    /// does not reach so far.
    pub at_applied: Option<Hash>,
}

/// A replica as the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaRow {
    pub sighting: Sighting,
    pub profile: ReplicaProfile,
    pub joined_at: Timestamp,
}

/// A caller's key for a request that must happen once: `(sender, endpoint, key)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The identity of the caller: its account, or its key when it has none.
    pub sender: Box<str>,
    pub endpoint: Box<str>,
    pub key: Box<str>,
    /// The hash of the request's bytes.
    pub request: Hash,
}

/// What an idempotency key was used for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Whether the request was the same.
    pub same_request: bool,
    /// The control command or the intent that it made, as text.
    pub made: Box<str>,
}
