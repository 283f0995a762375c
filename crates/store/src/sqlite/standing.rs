//! What this process is at the store: its epoch, how far it has come, and the head of the log.
//!
//! Kept in memory beside the tables: the lock on the folder makes this process the only one that
//! changes them, so that a renewal costs no write and waits for no one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axme_core::id::{Epoch, Revision};
use axme_core::time::Timestamp;

use crate::control::{LogHead, Renewal, ReplicaEpoch, ReplicaProfile, ReplicaRow, Sighting};
use crate::error::StoreError;

/// See the module.
#[derive(Debug)]
pub(super) struct Standing(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    own: Option<Own>,
    /// None while it is not certain: a commit failed, and the database was not read since.
    head: Option<LogHead>,
}

#[derive(Debug)]
struct Own {
    row: ReplicaRow,
    gone: bool,
}

/// What a committed transaction changed.
#[derive(Debug)]
pub(super) enum Step {
    Joined(ReplicaEpoch, ReplicaProfile, Timestamp),
    Appended(LogHead),
    Closed(ReplicaEpoch),
    Retired(ReplicaEpoch),
}

impl Standing {
    pub(super) fn new(head: LogHead) -> Self {
        Self(Mutex::new(Known { own: None, head: Some(head) }))
    }

    /// Follows a transaction that has committed.
    pub(super) fn follow(&self, steps: Vec<Step>) {
        let mut known = self.lock();
        for step in steps {
            known.follow(step);
        }
    }

    /// Forgets the head, until it has been read again.
    pub(super) fn forget_head(&self) {
        self.lock().head = None;
    }

    pub(super) fn read_head(&self, head: LogHead) {
        self.lock().head = Some(head);
    }

    /// The epoch that bulk writes carry.
    pub(super) fn own(&self) -> Result<ReplicaEpoch, StoreError> {
        self.lock()
            .own
            .as_ref()
            .map(|own| own.row.sighting.replica.clone())
            .ok_or(StoreError::Fenced)
    }

    /// Reports how far this replica has come.
    pub(super) fn renew(&self, renewal: &Renewal) -> Result<LogHead, StoreError> {
        let mut known = self.lock();
        let Some(head) = known.head else {
            return Err(StoreError::Unavailable("the database is being reopened".to_owned()));
        };
        let own = known.own.as_mut().map(|own| &mut own.row.sighting);
        let own = own.filter(|own| own.replica == renewal.by && !own.closed);
        let Some(own) = own else { return Err(StoreError::Fenced) };
        own.seq += 1;
        if renewal.applied.revision <= head.revision {
            own.applied = renewal.applied.revision;
            own.enforced = renewal.enforced;
        }
        Ok(head)
    }

    /// Every epoch that is not gone: this process's, or none.
    pub(super) fn replicas(&self) -> Vec<ReplicaRow> {
        let known = self.lock();
        known.own.iter().filter(|own| !own.gone).map(|own| own.row.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn follow(&mut self, step: Step) {
        match step {
            Step::Joined(replica, profile, joined_at) => {
                let sighting = Sighting {
                    replica,
                    applied: Revision::default(),
                    enforced: Revision::default(),
                    closed: false,
                    seq: 0,
                };
                let row = ReplicaRow { sighting, profile, joined_at };
                self.own = Some(Own { row, gone: false });
            }
            Step::Appended(head) => self.head = Some(head),
            Step::Closed(replica) => {
                if let Some(own) = self.own_of(&replica) {
                    own.row.sighting.closed = true;
                }
            }
            Step::Retired(replica) => {
                if let Some(own) = self.own_of(&replica) {
                    own.gone = true;
                }
            }
        }
    }

    fn own_of(&mut self, replica: &ReplicaEpoch) -> Option<&mut Own> {
        self.own.as_mut().filter(|own| own.row.sighting.replica == *replica)
    }
}

/// Before any replica has joined.
pub(super) const NO_EPOCH: Epoch = Epoch(0);
