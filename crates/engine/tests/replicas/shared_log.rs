//! A control log in memory that several engines share, and that fails as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use axme_core::chain::Hash;
use axme_core::id::{AddressId, CommandId, Epoch, Revision};
use axme_core::replica::{ReplicaEpoch, Sighting};
use axme_core::time::Timestamp;
use axme_store::control::{
    Answered, Append, ControlLog, Durability, Expected, IdempotencyKey, Loaded, LogEntry, LogHead,
    Renewal, Renewed, ReplicaProfile, ReplicaRow, StopAccount, Trouble,
};
use axme_store::hint::Hint;
use axme_store::{AppendError, StoreError};
use tokio::sync::broadcast;

/// What all engines see.
#[derive(Debug)]
pub(crate) struct SharedLog {
    held: Mutex<Held>,
    hints: broadcast::Sender<Hint>,
}

#[derive(Debug, Default)]
struct Held {
    entries: Vec<LogEntry>,
    epochs: BTreeMap<Epoch, Life>,
    accounts: Vec<(ReplicaEpoch, StopAccount)>,
    unreadable: bool,
}

#[derive(Debug)]
struct Life {
    row: ReplicaRow,
    gone: bool,
}

/// One engine's way to the shared log, which can be cut.
#[derive(Debug)]
pub(crate) struct Line {
    shared: Arc<SharedLog>,
    cut: Mutex<bool>,
    deaf: bool,
}

impl SharedLog {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), hints: broadcast::Sender::new(64) })
    }

    pub(crate) fn line(self: &Arc<Self>) -> Arc<Line> {
        Arc::new(Line { shared: Arc::clone(self), cut: Mutex::new(false), deaf: false })
    }

    /// A line whose hints never come.
    pub(crate) fn deaf_line(self: &Arc<Self>) -> Arc<Line> {
        Arc::new(Line { shared: Arc::clone(self), cut: Mutex::new(false), deaf: true })
    }

    /// A failover to a standby that had not got the last entries.
    pub(crate) fn lose(&self, entries: usize) {
        let mut held = self.lock();
        let kept = held.entries.len() - entries;
        held.entries.truncate(kept);
    }

    /// From now on the log's entries are of a kind that nobody here knows; or not any more.
    pub(crate) fn be_unreadable(&self, unreadable: bool) {
        self.lock().unreadable = unreadable;
    }

    /// The actions of the log's entries.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.lock().entries.iter().map(|logged| logged.entry.action.to_string()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

impl Held {
    fn head(&self) -> LogHead {
        let last = self.entries.last();
        last.map(|last| LogHead { revision: last.revision, hash: last.hash }).unwrap_or_default()
    }

    fn hash_at(&self, revision: Revision) -> Option<Hash> {
        match revision.0.checked_sub(1) {
            None => Some(Hash::START),
            Some(index) => {
                self.entries.get(usize::try_from(index).unwrap()).map(|entry| entry.hash)
            }
        }
    }

    fn alive(&mut self, replica: &ReplicaEpoch) -> Result<&mut Life, StoreError> {
        let life = self.epochs.get_mut(&replica.epoch);
        life.filter(|life| !life.row.sighting.closed).ok_or(StoreError::Fenced)
    }
}

impl Line {
    pub(crate) fn cut(&self, cut: bool) {
        *self.cut.lock().unwrap() = cut;
    }

    fn held(&self) -> Result<MutexGuard<'_, Held>, StoreError> {
        if *self.cut.lock().unwrap() {
            return Err(StoreError::Unavailable("the line is cut".to_owned()));
        }
        Ok(self.shared.lock())
    }

    pub(crate) fn tell(&self, hint: Hint) {
        // Nobody may be listening.
        let _ = self.shared.hints.send(hint);
    }
}

#[async_trait]
impl ControlLog for Line {
    async fn join(&self, replica: &ReplicaProfile, at: Timestamp) -> Result<Epoch, StoreError> {
        let mut held = self.held()?;
        let epoch = Epoch(held.epochs.keys().last().map_or(0, |last| last.0) + 1);
        let sighting = Sighting {
            replica: ReplicaEpoch { replica_id: replica.replica_id.clone(), epoch },
            applied: Revision::default(),
            enforced: Revision::default(),
            closed: false,
            seq: 0,
        };
        let row = ReplicaRow { sighting, profile: replica.clone(), joined_at: at };
        held.epochs.insert(epoch, Life { row, gone: false });
        Ok(epoch)
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        let held = self.held()?;
        let mut loaded = Loaded::default();
        for logged in &held.entries {
            loaded.state.apply(logged.revision, &logged.entry);
        }
        loaded.head = held.head();
        Ok(loaded)
    }

    async fn tail(&self, after: Revision) -> Result<Vec<LogEntry>, StoreError> {
        let held = self.held()?;
        if held.unreadable {
            return Err(StoreError::Unusable("use a newer axme".to_owned()));
        }
        Ok(held.entries.iter().filter(|entry| entry.revision > after).cloned().collect())
    }

    async fn stops_and_resumes(
        &self,
        after: Revision,
        agent: Option<AddressId>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let held = self.held()?;
        let wanted = |logged: &&LogEntry| {
            logged.revision > after
                && (agent.is_none() || logged.entry.address_id == agent)
                && ["agent.killed", "agent.resumed"].contains(&&*logged.entry.action)
        };
        Ok(held.entries.iter().filter(wanted).cloned().collect())
    }

    async fn append(&self, append: Append) -> Result<LogHead, AppendError> {
        let mut held = self.held()?;
        held.alive(&append.by)?;
        let known = held.entries.iter();
        let mut known = known.filter(|known| known.entry.command_id == append.entry.command_id);
        if let Some(known) = known.next() {
            return Err(AppendError::Duplicate(Box::new(known.clone())));
        }
        let head = held.head();
        if matches!(append.expected, Expected::Head(expected) if expected != head) {
            return Err(AppendError::Conflict);
        }
        let body_hash = Hash::of_body(&append.entry.encode().unwrap());
        let (revision, hash) = (head.revision.next(), head.hash.follow(body_hash));
        held.entries.push(LogEntry { revision, hash, body_hash, entry: append.entry });
        drop(held);
        self.tell(Hint::Log);
        Ok(LogHead { revision, hash })
    }

    async fn find(&self, command: CommandId) -> Result<Option<LogEntry>, StoreError> {
        let held = self.held()?;
        Ok(held.entries.iter().find(|logged| logged.entry.command_id == command).cloned())
    }

    async fn find_answered(&self, _key: &IdempotencyKey) -> Result<Option<Answered>, StoreError> {
        Ok(None)
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, StoreError> {
        let mut held = self.held()?;
        let at_applied = held.hash_at(renewal.applied.revision);
        let head = held.head();
        let life = held.alive(&renewal.by)?;
        life.row.sighting.seq += 1;
        if at_applied == Some(renewal.applied.hash) {
            life.row.sighting.applied = renewal.applied.revision;
            life.row.sighting.enforced = renewal.enforced;
            let by = |account| (renewal.by.clone(), account);
            held.accounts.extend(renewal.accounts.into_iter().map(by));
        }
        drop(held);
        self.tell(Hint::Reported);
        Ok(Renewed { head, at_applied })
    }

    async fn accounts(
        &self,
        revision: Revision,
    ) -> Result<Vec<(ReplicaEpoch, StopAccount)>, StoreError> {
        let held = self.held()?;
        let of_it = held.accounts.iter().filter(|(_, account)| account.revision == revision);
        Ok(of_it.cloned().collect())
    }

    async fn replicas(&self, including: Revision) -> Result<Vec<ReplicaRow>, StoreError> {
        let held = self.held()?;
        if held.head().revision < including {
            return Err(StoreError::Unavailable("a server that was deposed".to_owned()));
        }
        Ok(held.epochs.values().filter(|life| !life.gone).map(|life| life.row.clone()).collect())
    }

    async fn close(&self, epochs: &[ReplicaEpoch], _at: Timestamp) -> Result<(), StoreError> {
        let mut held = self.held()?;
        for replica in epochs {
            held.epochs.get_mut(&replica.epoch).unwrap().row.sighting.closed = true;
        }
        Ok(())
    }

    async fn retire(&self, epochs: &[ReplicaEpoch], _at: Timestamp) -> Result<(), StoreError> {
        let mut held = self.held()?;
        for replica in epochs {
            held.epochs.get_mut(&replica.epoch).unwrap().gone = true;
        }
        Ok(())
    }

    async fn save_snapshot(&self, _loaded: Loaded) -> Result<(), StoreError> {
        Ok(())
    }

    fn durability(&self) -> Durability {
        Durability::Single
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn hints(&self) -> broadcast::Receiver<Hint> {
        if self.deaf {
            // Its sender is gone, so that it ends at once.
            return broadcast::Sender::new(1).subscribe();
        }
        self.shared.hints.subscribe()
    }

    fn trouble(&self) -> Option<Trouble> {
        None
    }
}
