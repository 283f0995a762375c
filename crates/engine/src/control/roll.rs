//! The other replicas: who they are, and waiting for them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axme_core::id::Revision;
use axme_core::lease::{Awaited, Lease, Next, RollCall};
use axme_core::replica::{ReplicaEpoch, Sighting};
use axme_core::time::Mono;
use axme_store::StoreError;
use axme_store::control::{Durability, LogEntry, ReplicaRow};

use super::{CONFIRM_WITHIN, Control, unknown};

/// How often the replicas are looked at while some have not reported yet.
const POLL: Duration = Duration::from_millis(10);
/// Leases of silence after which an epoch is closed without a kill that waits for it.
const LEASES_OF_SILENCE: u32 = 4;

/// Every replica, as one reading of the store showed it.
#[derive(Clone, Debug)]
pub struct Roster {
    pub durability: Durability,
    pub replicas: Vec<(ReplicaRow, Standing)>,
}

/// How a replica stands, as this one sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It renews.
    Fresh,
    /// It has not renewed for a lease: it admits nothing.
    Silent,
    /// The store refuses its writes.
    Closed,
}

impl Control {
    /// Every replica that has not left.
    pub async fn roster(&self) -> Result<Roster, StoreError> {
        let (now, rows) = self.sight(Revision::default()).await?;
        let (me, fresh) = (self.me(), self.enforcer.is_fresh());
        let silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = |row: &ReplicaRow| match &row.sighting {
            sighting if sighting.closed => Standing::Closed,
            // Of itself it knows; and alone at its store it renews nothing.
            sighting if sighting.replica == me && fresh => Standing::Fresh,
            sighting if silence.is_silent(now, row.profile.lease, &sighting.replica) => {
                Standing::Silent
            }
            _ => Standing::Fresh,
        };
        let replicas = rows.iter().map(|row| (row.clone(), standing(row))).collect();
        Ok(Roster { durability: self.log.durability(), replicas })
    }

    /// Somebody may have reported: those who wait look again.
    pub(crate) fn hear_reports(&self) {
        self.reported.notify_waiters();
    }

    /// Whether this replica does what one of them has to do: it has been here the longest.
    #[must_use]
    pub fn is_eldest(&self) -> bool {
        self.eldest.load(Ordering::SeqCst)
    }

    /// Closes epochs that have been silent for long, and lets those go that were closed a lease
    /// ago, so that the next kill waits for neither.
    pub async fn look_after_the_roll(&self) -> Result<(), StoreError> {
        let (now, rows) = self.sight(Revision::default()).await?;
        let me = self.me();
        let (mut silent, mut over) = (Vec::new(), Vec::new());
        {
            let silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
            let lease = self.longest_of(&rows);
            let others = rows.iter().map(|row| &row.sighting).filter(|row| row.replica != me);
            for Sighting { replica, closed, .. } in others {
                if *closed && silence.is_silent(now, lease, replica) {
                    over.push(replica.clone());
                } else if silence.is_silent(now, lease.times(LEASES_OF_SILENCE), replica) {
                    silent.push(replica.clone());
                }
            }
        }
        let alive = rows.iter().map(|row| &row.sighting);
        let alive = alive.filter(|row| !row.closed && !silent.contains(&row.replica));
        let eldest = alive.map(|row| row.replica.epoch).min();
        self.eldest.store(eldest == Some(me.epoch), Ordering::SeqCst);
        if !silent.is_empty() {
            tracing::warn!(?silent, "replicas have gone silent; closing their epochs");
            self.log.close(&silent, self.clock.wall()).await?;
        }
        if !over.is_empty() {
            self.log.retire(&over, self.clock.wall()).await?;
        }
        Ok(())
    }

    /// Returns once a control change is applied, or enforced, wherever a view may be fresh.
    pub(super) async fn everywhere(
        self: &Arc<Self>,
        entry: &LogEntry,
        acknowledged_at: Mono,
    ) -> Result<(), StoreError> {
        let Some(awaited) = super::awaited(&entry.entry) else { return Ok(()) };
        let waiting = self.call_the_roll(entry.revision, awaited, acknowledged_at, |_, _| {});
        let patience = self.longest_lease().await.length() + CONFIRM_WITHIN;
        let late = |_elapsed| unknown("not every replica is known to have it");
        tokio::time::timeout(patience, waiting).await.map_err(late)
    }

    /// Returns once a revision is applied wherever a view may be fresh.
    pub async fn applied_everywhere(self: &Arc<Self>, revision: Revision) {
        let now = self.clock.mono();
        self.call_the_roll(revision, Awaited::Applied, now, |_, _| {}).await;
    }

    /// Waits for every replica. `told` hears of each look, with the rows that it saw.
    pub(super) async fn call_the_roll(
        self: &Arc<Self>,
        revision: Revision,
        awaited: Awaited,
        acknowledged_at: Mono,
        mut told: impl FnMut(&RollCall, &[ReplicaRow]),
    ) {
        let mut roll: Option<(RollCall, Lease)> = None;
        loop {
            // Listened to before the reading, so that no report falls in between.
            let mut reported = std::pin::pin!(self.reported.notified());
            reported.as_mut().enable();
            // Read after the commit: who joins later has the entry already.
            let Ok((now, rows)) = self.sight(revision).await else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            let (roll, lease) = roll.get_or_insert_with(|| {
                let lease = self.longest_of(&rows);
                (RollCall::new(lease, revision, awaited, acknowledged_at), lease)
            });
            let sightings = self.with_own(&rows);
            let next = {
                let silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
                roll.look(now, *lease, &silence, &sightings)
            };
            if let Next::Close(silent) = &next {
                self.close_silent(roll, silent, awaited).await;
            }
            told(roll, &rows);
            if roll.is_complete() {
                return;
            }
            tokio::select! {
                () = reported => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Has the store refuse the writes of those that stayed silent for a lease.
    async fn close_silent(
        self: &Arc<Self>,
        roll: &mut RollCall,
        silent: &[ReplicaEpoch],
        awaited: Awaited,
    ) {
        // The only process at its store is not silent to itself: it knows when it has enforced.
        if !self.log.is_shared() {
            return;
        }
        if awaited == Awaited::Enforced
            && let Err(error) = self.log.close(silent, self.clock.wall()).await
        {
            tracing::error!(%error, "could not close the epochs of silent replicas");
            return;
        }
        // Whose lease is over admits nothing before it has caught up, closed or not.
        roll.closed(silent);
        if awaited == Awaited::Enforced {
            self.let_go_later();
        }
    }

    /// Lets closed epochs go once their leases are over, so that the next kill does not list them.
    fn let_go_later(self: &Arc<Self>) {
        let control = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::time::sleep(control.longest_lease().await.length()).await;
            if let Err(error) = control.look_after_the_roll().await {
                tracing::debug!(%error, "closed epochs are let go another time");
            }
        });
    }

    /// A reading of all replicas that are not gone, whose log reaches to `including`, and when its
    /// answer came.
    async fn sight(&self, including: Revision) -> Result<(Mono, Vec<ReplicaRow>), StoreError> {
        let rows = self.log.replicas(including).await?;
        // What it shows may have happened until its answer came.
        let now = self.clock.mono();
        let sightings: Vec<_> = rows.iter().map(|row| row.sighting.clone()).collect();
        self.silence.lock().unwrap_or_else(PoisonError::into_inner).note(now, &sightings);
        Ok((now, rows))
    }

    /// What was read, but of itself this replica knows more than it has reported.
    fn with_own(&self, rows: &[ReplicaRow]) -> Vec<Sighting> {
        let me = self.me();
        let mut sightings: Vec<_> = rows.iter().map(|row| row.sighting.clone()).collect();
        for own in sightings.iter_mut().filter(|sighting| sighting.replica == me) {
            own.applied = self.head().revision;
            own.enforced = self.enforcement.enforced();
        }
        sightings
    }

    /// What everybody waits for who waits for everybody.
    pub(super) async fn longest_lease(&self) -> Lease {
        let rows = self.sight(Revision::default()).await.map(|(_, rows)| rows).unwrap_or_default();
        self.longest_of(&rows)
    }

    fn longest_of(&self, rows: &[ReplicaRow]) -> Lease {
        let leases = rows.iter().map(|row| row.profile.lease);
        leases.fold(self.profile.lease, Lease::longer)
    }
}
