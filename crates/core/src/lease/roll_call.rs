//! Whom a control change waits for: every epoch that was there when it had been committed.

use std::collections::BTreeMap;

use crate::id::Revision;
use crate::lease::{Lease, Silence};
use crate::replica::{ReplicaEpoch, Sighting};
use crate::time::Mono;

/// What the others have to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// That everything let through before the revision has ended.
    Enforced,
    /// That the revision is in their state.
    Applied,
}

/// How an epoch came to admit nothing by an older view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has said so itself.
    Reported,
    /// It was silent: the store refuses its writes, and its lease is over.
    Fenced,
    /// It has left.
    Left,
}

/// What a coordinator does after a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nobody is waited for any more.
    Done,
    /// Look again soon: after a hint, a short while, and at the end of the lease.
    Look,
    /// Have the store refuse the writes of these, and say so with [`RollCall::closed`].
    Close(Vec<ReplicaEpoch>),
}

/// The roll call after one control change that was acknowledged.
#[derive(Clone, Debug)]
pub struct RollCall {
    revision: Revision,
    awaited: Awaited,
    /// When the leases that may rest on an older view are over, by the coordinator's clock.
    closing_at: Mono,
    /// None before the first look; then fixed: whoever joins later serves only with the change.
    roll: Option<BTreeMap<ReplicaEpoch, Option<Outcome>>>,
}

impl RollCall {
    /// Waits for `revision`, whose commit was acknowledged to the coordinator at `acknowledged_at`.
    #[must_use]
    pub fn new(lease: Lease, revision: Revision, awaited: Awaited, acknowledged_at: Mono) -> Self {
        let closing_at = acknowledged_at.plus(lease.length());
        Self { revision, awaited, closing_at, roll: None }
    }

    /// When silent epochs are closed.
    #[must_use]
    pub const fn closing_at(&self) -> Mono {
        self.closing_at
    }

    /// Takes in a reading of all epochs that are not gone. The reading was *begun* after the
    /// commit was acknowledged, on a server that was primary then; `silence` has noted it, and `now`
    /// is when its answer came.
    pub fn look(
        &mut self,
        now: Mono,
        lease: Lease,
        silence: &Silence,
        sightings: &[Sighting],
    ) -> Next {
        let roll = self.roll.get_or_insert_with(|| {
            sightings.iter().map(|sighting| (sighting.replica.clone(), None)).collect()
        });
        for (replica, outcome) in roll.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            let sighting = sightings.iter().find(|sighting| sighting.replica == *replica);
            *outcome = match sighting {
                None => Some(Outcome::Left),
                Some(sighting) if reached(sighting, self.awaited) >= self.revision => {
                    Some(Outcome::Reported)
                }
                // Closed alone is not enough: what it had proven may last for a lease.
                Some(sighting)
                    if sighting.closed
                        && (now >= self.closing_at || silence.is_silent(now, lease, replica)) =>
                {
                    Some(Outcome::Fenced)
                }
                Some(_) => None,
            };
        }
        let waiting = roll.iter().filter(|(_, outcome)| outcome.is_none());
        let waiting: Vec<_> = waiting.map(|(replica, _)| replica.clone()).collect();
        if waiting.is_empty() {
            Next::Done
        } else if now >= self.closing_at {
            Next::Close(waiting)
        } else {
            Next::Look
        }
    }

    /// The store has acknowledged that it refuses the writes of these.
    pub fn closed(&mut self, replicas: &[ReplicaEpoch]) {
        for (replica, outcome) in self.roll.iter_mut().flatten() {
            if outcome.is_none() && replicas.contains(replica) {
                *outcome = Some(Outcome::Fenced);
            }
        }
    }

    /// Every epoch on the roll, and its outcome once it has one.
    pub fn outcomes(&self) -> impl Iterator<Item = (&ReplicaEpoch, Option<Outcome>)> {
        self.roll.iter().flatten().map(|(replica, outcome)| (replica, *outcome))
    }

    /// Whether everybody has an outcome.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.roll.as_ref().is_some_and(|roll| roll.values().all(Option::is_some))
    }
}

const fn reached(sighting: &Sighting, awaited: Awaited) -> Revision {
    match awaited {
        Awaited::Enforced => sighting.enforced,
        Awaited::Applied => sighting.applied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Epoch;

    const LEASE: Lease = Lease::DEFAULT;

    const fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    fn replica(epoch: u64) -> ReplicaEpoch {
        ReplicaEpoch { replica_id: "r".into(), epoch: Epoch(epoch) }
    }

    fn sighting(epoch: u64, enforced: u64, closed: bool) -> Sighting {
        let (applied, enforced) = (Revision(enforced), Revision(enforced));
        Sighting { replica: replica(epoch), applied, enforced, closed, seq: 1 }
    }

    fn roll_call() -> RollCall {
        RollCall::new(LEASE, Revision(9), Awaited::Enforced, at(1_000))
    }

    #[test]
    fn it_is_over_when_everybody_has_said_so_or_left() {
        let (mut roll, silence) = (roll_call(), Silence::default());
        let first = [sighting(1, 9, false), sighting(2, 8, false), sighting(3, 8, false)];
        assert_eq!(roll.look(at(1_001), LEASE, &silence, &first), Next::Look);
        let later = [sighting(1, 9, false), sighting(2, 10, false), sighting(4, 0, false)];
        assert_eq!(roll.look(at(1_005), LEASE, &silence, &later), Next::Done);
        let outcomes: Vec<_> = roll.outcomes().map(|(_, outcome)| outcome).collect();
        let (reported, left) = (Some(Outcome::Reported), Some(Outcome::Left));
        assert_eq!(outcomes, [reported, reported, left], "who joined later is not waited for");
    }

    #[test]
    fn the_silent_are_closed_at_the_end_of_the_lease_and_not_before() {
        let (mut roll, silence) = (roll_call(), Silence::default());
        let rows = [sighting(1, 9, false), sighting(2, 8, false)];
        assert_eq!(roll.look(at(1_699), LEASE, &silence, &rows), Next::Look);
        let silent = vec![replica(2)];
        assert_eq!(roll.look(at(1_700), LEASE, &silence, &rows), Next::Close(silent.clone()));
        assert!(!roll.is_complete(), "asked for, not acknowledged");
        roll.closed(&silent);
        assert!(roll.is_complete());
    }

    #[test]
    fn a_closed_epoch_may_still_be_running_until_it_was_silent_for_a_lease() {
        let (mut roll, mut silence) = (roll_call(), Silence::default());
        let rows = [sighting(2, 8, true)];
        silence.note(at(900), &rows);
        assert_eq!(roll.look(at(1_001), LEASE, &silence, &rows), Next::Look);
        assert_eq!(roll.look(at(1_600), LEASE, &silence, &rows), Next::Done);
    }
}
