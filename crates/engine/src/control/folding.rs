//! The one read path: every replica folds the same log with the same `apply`.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use axme_core::id::Revision;
use axme_core::state::State;
use axme_store::StoreError;
use axme_store::control::{LogEntry, LogHead, Renewal, TAIL_ENTRIES_MAX, Trouble};

use super::Control;
use crate::holding;

/// Entries after which a new snapshot of the log is kept.
const SNAPSHOT_ENTRIES: u64 = 1_000;
/// Hashes of applied entries that are remembered, to know an entry again that comes late.
const RECENT_HASHES_MAX: usize = 1_024;

/// What a try to fold came to.
enum Folding {
    Done,
    /// An entry does not follow what was folded here.
    Diverged,
}

impl Control {
    /// Folds the log up to its head. `logged` is an entry that was just appended here: when it is
    /// the next one, nothing has to be read.
    pub async fn fold(self: &Arc<Self>, logged: Option<&LogEntry>) -> Result<(), StoreError> {
        match self.try_fold(logged).await? {
            Folding::Done => self.report().await,
            Folding::Diverged => {
                self.suspect();
                Err(StoreError::Unavailable("the control log is being read anew".to_owned()))
            }
        }
    }

    /// Folds what others have written. An entry that cannot be read fences this replica.
    pub(crate) async fn fold_hinted(self: &Arc<Self>) {
        match self.fold(None).await {
            Ok(()) => self.problem_is_over("log_unreadable"),
            Err(StoreError::Unusable(message)) => {
                self.freshness.fence();
                self.tell_problem(Trouble { code: "log_unreadable", message });
            }
            Err(error) => tracing::debug!(%error, "the log is not read yet"),
        }
    }

    /// What is folded here may not be the log: it is read anew before anything more is admitted.
    pub(super) fn suspect(&self) {
        self.freshness.fence();
        self.diverged.store(true, Ordering::SeqCst);
        self.tell_problem(Trouble {
            code: "log_diverged",
            message: "the control log is not the one that was folded here: a failover or a backup \
                      has lost entries. It is read anew, and lost stops are put back"
                .to_owned(),
        });
        // Mended by the one who renews: whoever folds may hold its turn.
        self.to_report.notify_one();
    }

    async fn try_fold(self: &Arc<Self>, logged: Option<&LogEntry>) -> Result<Folding, StoreError> {
        let _folding = self.folding.lock().await;
        if let Some(logged) = logged {
            let head = self.head();
            if logged.revision <= head.revision {
                let known = self.is_known(logged).await?;
                return Ok(if known { Folding::Done } else { Folding::Diverged });
            }
            if head.is_followed_by(logged) {
                self.apply(logged);
                return Ok(Folding::Done);
            }
        }
        loop {
            let entries = self.log.tail(self.head().revision).await?;
            for entry in &entries {
                if !self.head().is_followed_by(entry) {
                    return Ok(Folding::Diverged);
                }
                self.apply(entry);
            }
            if entries.len() < TAIL_ENTRIES_MAX {
                return Ok(Folding::Done);
            }
        }
    }

    /// Applies one entry, and begins to enforce what it stops.
    fn apply(self: &Arc<Self>, logged: &LogEntry) {
        let head = LogHead { revision: logged.revision, hash: logged.hash };
        let stopped = {
            let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
            folded.state.apply(logged.revision, &logged.entry);
            folded.head = head;
            self.enforcer.project(&folded.state, &logged.entry)
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        self.begin_enforcing(logged.revision, stopped);
        self.freshness.applied(logged.revision);
        self.tell_followers(logged);
    }

    /// Tells of the holds that the entry has changed which was just applied.
    fn tell_followers(&self, logged: &LogEntry) {
        let folded = self.folded.read().unwrap_or_else(PoisonError::into_inner);
        for change in holding::changes_of(&self.enforcer, &folded.state, logged) {
            self.followers.iter().for_each(|one| one.holds_changed(&folded.state, &change));
        }
    }

    /// Whether an entry at or before the head is the one that was applied there. A revision is
    /// used again when a failover has lost its first entry.
    async fn is_known(&self, logged: &LogEntry) -> Result<bool, StoreError> {
        let was_loaded = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.holds(logged) {
                return Ok(true);
            }
            logged.revision <= known.loaded
        };
        // What was loaded was verified then; whether this entry was in it only the log knows.
        let in_log = if was_loaded { self.log.find(logged.entry.command_id).await? } else { None };
        Ok(in_log.is_some_and(|held| held.revision == logged.revision && held.hash == logged.hash))
    }

    /// Where this replica stands in the log.
    #[must_use]
    pub fn head(&self) -> LogHead {
        self.folded.read().unwrap_or_else(PoisonError::into_inner).head
    }

    /// Has it reported how far this replica has come.
    pub(super) async fn report(&self) -> Result<(), StoreError> {
        if self.log.is_shared() {
            // By the one who renews: two renewals at a time would be taken for two processes.
            self.to_report.notify_one();
            return Ok(());
        }
        let (applied, enforced) = (self.head(), self.enforcement.enforced());
        let renewal = Renewal { by: self.me(), applied, enforced, accounts: Vec::new() };
        self.log.renew(renewal).await.map(drop)
    }

    /// Keeps a snapshot when the log has grown enough since the last one.
    pub async fn keep_snapshot(&self, last: Revision) -> Result<Revision, StoreError> {
        let loaded = {
            let folded = self.folded.read().unwrap_or_else(PoisonError::into_inner);
            if folded.head.revision.0 < last.0 + SNAPSHOT_ENTRIES {
                return Ok(last);
            }
            folded.clone()
        };
        let revision = loaded.head.revision;
        self.log.save_snapshot(loaded).await?;
        Ok(revision)
    }

    /// Reads the folded state. Short: kills wait for readers to be done.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.folded.read().unwrap_or_else(PoisonError::into_inner).state)
    }
}

/// What is known of the entries up to the head.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Everything up to here was loaded at once.
    loaded: Revision,
    applied: VecDeque<LogHead>,
}

impl Known {
    pub(super) fn loaded(head: LogHead) -> Self {
        Self { loaded: head.revision, applied: VecDeque::from([head]) }
    }

    fn push(&mut self, head: LogHead) {
        if self.applied.len() == RECENT_HASHES_MAX {
            self.applied.pop_front();
        }
        self.applied.push_back(head);
    }

    fn holds(&self, entry: &LogEntry) -> bool {
        let same = |head: &LogHead| head.revision == entry.revision && head.hash == entry.hash;
        self.applied.iter().any(same)
    }
}
