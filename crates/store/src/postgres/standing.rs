//! What this process is at the store: its epoch, and what it wrote without knowing the outcome.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axme_core::id::Revision;

use crate::control::{Renewal, ReplicaEpoch};
use crate::error::StoreError;
use crate::gate::Pass;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    own: Option<Own>,
    /// The items of writes whose outcome is not known. They stay in flight until the epoch was
    /// closed: then nothing of it can be under way.
    unsettled: Vec<Pass>,
}

#[derive(Debug)]
struct Own {
    replica: ReplicaEpoch,
    /// A write of it has an unknown outcome: it writes nothing more.
    lost: bool,
    /// How often it was renewed.
    seq: u64,
    reported: (Revision, Revision),
}

/// A renewal under way. When it is dropped without having been settled, its outcome is unknown.
pub(super) struct Renewing<'s> {
    standing: &'s Standing,
    replica: ReplicaEpoch,
    pub(super) previous: u64,
    settled: bool,
}

impl Standing {
    /// The epoch that writes carry.
    pub(super) fn own(&self) -> Result<ReplicaEpoch, StoreError> {
        let known = self.lock();
        let own = known.own.as_ref().filter(|own| !own.lost);
        own.map(|own| own.replica.clone()).ok_or(StoreError::Fenced)
    }

    /// The last epoch that was begun and not settled, lost or not.
    pub(super) fn last(&self) -> Option<ReplicaEpoch> {
        self.lock().own.as_ref().map(|own| own.replica.clone())
    }

    /// Whether a write of this epoch has an unknown outcome.
    pub(super) fn is_lost(&self, replica: &ReplicaEpoch) -> bool {
        self.lock().own.as_ref().is_some_and(|own| own.lost && own.replica == *replica)
    }

    pub(super) fn begin(&self, replica: ReplicaEpoch) {
        let own = Own { replica, lost: false, seq: 0, reported: Default::default() };
        self.lock().own = Some(own);
    }

    /// A write has an unknown outcome: its epoch is over, and its items stay in flight.
    pub(super) fn lose(&self, replica: &ReplicaEpoch, passes: Vec<Pass>) {
        let mut known = self.lock();
        // That of an epoch before this one was closed before this one began.
        let Some(own) = known.own.as_mut().filter(|own| own.replica == *replica) else { return };
        if !own.lost {
            tracing::error!(
                epoch = replica.epoch.0,
                "the outcome of a write is unknown; this epoch writes nothing more"
            );
        }
        own.lost = true;
        known.unsettled.extend(passes);
    }

    /// The epoch was closed: whatever became of its writes, none is under way any more.
    pub(super) fn settle(&self) {
        let settled = {
            let mut known = self.lock();
            known.own = None;
            std::mem::take(&mut known.unsettled)
        };
        // Outside the lock: what waits for them may look here.
        drop(settled);
    }

    /// Begins a renewal of the own epoch.
    pub(super) fn renew(&self, renewal: &Renewal) -> Result<Renewing<'_>, StoreError> {
        let known = self.lock();
        let own = known.own.as_ref().filter(|own| !own.lost && own.replica == renewal.by);
        let previous = own.ok_or(StoreError::Fenced)?.seq;
        Ok(Renewing { standing: self, replica: renewal.by.clone(), previous, settled: false })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renewing<'_> {
    /// It went through. Answers whether it reported something new.
    pub(super) fn done(mut self, renewal: &Renewal) -> bool {
        self.settled = true;
        let mut known = self.standing.lock();
        let Some(own) = known.own.as_mut().filter(|own| own.replica == self.replica) else {
            return false;
        };
        own.seq = self.previous + 1;
        let reported = (renewal.applied.revision, renewal.enforced);
        std::mem::replace(&mut own.reported, reported) != reported
    }

    /// It certainly had no effect.
    pub(super) fn refused(mut self) {
        self.settled = true;
    }
}

impl Drop for Renewing<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.standing.lose(&self.replica, Vec::new());
        }
    }
}
