//! Since when an epoch has not renewed, as one observer saw it with its own clock.
//!
//! An epoch that is seen closed begins its silence anew: a renewal that had begun before the
//! closing may be committed after it, and prove freshness from its own sending. Everything that
//! was sent before the closing is over one lease after the closing was seen.

use std::collections::BTreeMap;

use crate::lease::Lease;
use crate::replica::{ReplicaEpoch, Sighting};
use crate::time::Mono;

/// What one observer remembers of the others' renewals.
#[derive(Clone, Debug, Default)]
pub struct Silence {
    last_moves: BTreeMap<ReplicaEpoch, Move>,
}

#[derive(Clone, Copy, Debug)]
struct Move {
    seq: u64,
    closed: bool,
    seen_at: Mono,
}

impl Silence {
    /// Takes in a reading of all epochs that are not gone, whose *answer* came at `at`: what it
    /// shows may have happened up to then. Those that are not in it are forgotten.
    pub fn note(&mut self, at: Mono, sightings: &[Sighting]) {
        let before = std::mem::take(&mut self.last_moves);
        for Sighting { replica, seq, closed, .. } in sightings {
            let (seq, closed) = (*seq, *closed);
            let unmoved =
                before.get(replica).filter(|last| last.seq == seq && last.closed == closed);
            let last = unmoved.copied().unwrap_or(Move { seq, closed, seen_at: at });
            self.last_moves.insert(replica.clone(), last);
        }
    }

    /// Whether an epoch has not renewed for a whole lease. When it is closed besides, what it had
    /// proven is over.
    #[must_use]
    pub fn is_silent(&self, now: Mono, lease: Lease, replica: &ReplicaEpoch) -> bool {
        let last = self.last_moves.get(replica);
        last.is_some_and(|last| now.since(last.seen_at) >= lease.length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Epoch, Revision};

    #[test]
    fn the_silence_of_an_epoch_begins_anew_when_it_is_seen_closed() {
        let (lease, at) = (Lease::DEFAULT, |millis: u64| Mono::from_nanos(millis * 1_000_000));
        let open = sighting(1);
        let closed = Sighting { closed: true, ..sighting(1) };
        let mut silence = Silence::default();
        silence.note(at(1_000), std::slice::from_ref(&open));
        silence.note(at(1_600), std::slice::from_ref(&closed));
        assert!(!silence.is_silent(at(1_700), lease, &open.replica), "a renewal may be under way");
        silence.note(at(2_200), std::slice::from_ref(&closed));
        assert!(silence.is_silent(at(2_300), lease, &open.replica));
    }

    fn sighting(seq: u64) -> Sighting {
        let replica = ReplicaEpoch { replica_id: "a".into(), epoch: Epoch(1) };
        let (applied, enforced) = (Revision(1), Revision(1));
        Sighting { replica, applied, enforced, closed: false, seq }
    }

    #[test]
    fn silence_begins_when_it_is_first_seen_and_ends_with_a_renewal() {
        let (lease, at) = (Lease::DEFAULT, |millis: u64| Mono::from_nanos(millis * 1_000_000));
        let replica = sighting(1).replica;
        let mut silence = Silence::default();
        assert!(!silence.is_silent(at(9_000), lease, &replica), "never seen");
        silence.note(at(1_000), &[sighting(1)]);
        silence.note(at(1_600), &[sighting(1)]);
        assert!(!silence.is_silent(at(1_699), lease, &replica));
        assert!(silence.is_silent(at(1_700), lease, &replica));
        silence.note(at(1_700), &[sighting(2)]);
        assert!(!silence.is_silent(at(1_700), lease, &replica));
        silence.note(at(3_000), &[]);
        assert!(!silence.is_silent(at(9_000), lease, &replica), "gone and forgotten");
    }
}
