//! Freshness: a renewal proves that a view had everything when the renewal was sent.

use std::collections::VecDeque;

use crate::id::Revision;
use crate::lease::Lease;
use crate::time::Mono;

/// Proofs that wait for the replica to catch up, at most. The oldest goes first: it would be over
/// the soonest.
const PROOFS_MAX: usize = 8;

/// A replica's view of the log in one epoch. It begins fenced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    applied: Revision,
    fresh_until: Mono,
    waiting: VecDeque<Proof>,
}

/// Good once everything up to `head` is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proof {
    head: Revision,
    until: Mono,
}

impl View {
    /// A view in a new epoch, with `applied` folded and nothing proven yet.
    #[must_use]
    pub const fn fenced(applied: Revision) -> Self {
        Self { applied, fresh_until: Mono::from_nanos(0), waiting: VecDeque::new() }
    }

    /// A renewal that was *sent* at `sent`, after this epoch's registration had been acknowledged,
    /// came back and showed `head`. What counts is the sending: a kill may have been committed
    /// while the answer was on its way.
    pub fn renewed(&mut self, lease: Lease, sent: Mono, head: Revision) {
        if self.waiting.len() == PROOFS_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Proof { head, until: sent.plus(lease.trusted()) });
        self.settle();
    }

    /// Everything up to `revision` is folded and denied where it has to be.
    pub fn applied(&mut self, revision: Revision) {
        self.applied = self.applied.max(revision);
        self.settle();
    }

    /// Admits nothing until a later renewal proves the view fresh again.
    pub fn fence(&mut self) {
        self.fresh_until = Mono::default();
        self.waiting.clear();
    }

    /// Until when the view is proven fresh. In the past for one that is not.
    #[must_use]
    pub const fn fresh_until(&self) -> Mono {
        self.fresh_until
    }

    fn settle(&mut self) {
        let applied = self.applied;
        let proven = self.waiting.iter().filter(|proof| proof.head <= applied);
        self.fresh_until = proven.map(|proof| proof.until).fold(self.fresh_until, Mono::max);
        self.waiting.retain(|proof| proof.head > applied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn freshness_counts_from_the_sending_and_only_once_everything_shown_is_applied() {
        let mut view = View::fenced(Revision(5));
        assert_eq!(view.fresh_until(), at(0), "a new epoch has proven nothing");
        view.renewed(Lease::DEFAULT, at(1_000), Revision(5));
        assert_eq!(view.fresh_until(), at(1_665));
        view.renewed(Lease::DEFAULT, at(1_100), Revision(7));
        assert_eq!(view.fresh_until(), at(1_665), "revision 7 is not applied yet");
        view.applied(Revision(6));
        assert_eq!(view.fresh_until(), at(1_665));
        view.applied(Revision(7));
        assert_eq!(view.fresh_until(), at(1_765));
    }

    #[test]
    fn under_a_stream_of_changes_each_proof_counts_when_its_own_head_is_reached() {
        let mut view = View::fenced(Revision(0));
        view.renewed(Lease::DEFAULT, at(1_000), Revision(1));
        view.renewed(Lease::DEFAULT, at(1_175), Revision(3));
        view.applied(Revision(2));
        assert_eq!(view.fresh_until(), at(1_665));
        for round in 0..20 {
            view.renewed(Lease::DEFAULT, at(1_200 + round), Revision(10 + round));
        }
        assert!(view.waiting.len() <= PROOFS_MAX);
    }

    #[test]
    fn a_fence_takes_back_what_was_proven_and_what_was_about_to_be() {
        let mut view = View::fenced(Revision(1));
        view.renewed(Lease::DEFAULT, at(1_000), Revision(1));
        view.renewed(Lease::DEFAULT, at(1_100), Revision(2));
        view.fence();
        view.applied(Revision(2));
        assert_eq!(view.fresh_until(), Mono::default());
    }
}
