//! The one read path: every replica folds the same log with the same `apply`.

use std::sync::{Arc, PoisonError};

use axme_core::id::Revision;
use axme_core::state::State;
use axme_store::StoreError;
use axme_store::control::{LogEntry, LogHead, Renewal, Renewed};

use super::Control;

/// Entries after which a new snapshot of the log is kept.
const SNAPSHOT_ENTRIES: u64 = 1_000;

impl Control {
    /// Folds the log up to its head. `logged` is an entry that was just appended here: when it is
    /// the next one, nothing has to be read.
    pub async fn fold(self: &Arc<Self>, logged: Option<&LogEntry>) -> Result<(), StoreError> {
        let _folding = self.folding.lock().await;
        if let Some(logged) = logged {
            let applied = self.read(State::revision);
            if logged.revision <= applied {
                return Ok(());
            }
            if logged.revision == applied.next() {
                self.apply(logged);
                return self.report().await.map(drop);
            }
        }
        loop {
            let entries = self.log.tail(self.read(State::revision)).await?;
            if entries.is_empty() {
                return self.report().await.map(drop);
            }
            entries.iter().for_each(|entry| self.apply(entry));
        }
    }

    /// Applies one entry, and begins to enforce what it stops.
    fn apply(self: &Arc<Self>, logged: &LogEntry) {
        let stopped = {
            let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
            folded.state.apply(logged.revision, &logged.entry);
            folded.head = LogHead { revision: logged.revision, hash: logged.hash };
            self.enforcer.project(&folded.state, &logged.entry)
        };
        self.begin_enforcing(logged.revision, stopped);
    }

    /// Reports how far this replica has come, and reads the log's head.
    pub(super) async fn report(&self) -> Result<Renewed, StoreError> {
        let applied = self.folded.read().unwrap_or_else(PoisonError::into_inner).head;
        let renewal =
            Renewal { by: self.me.clone(), applied, enforced: self.enforcement.enforced() };
        self.log.renew(renewal).await
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
}
