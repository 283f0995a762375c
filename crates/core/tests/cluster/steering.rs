//! What steered schedules and stories do to a world.

use axme_core::id::Revision;

use super::clients::Call;
use super::clock::{MILLI, Micros};
use super::coordinator::Wish;
use super::network::Lane;
use super::orders::kill_id;
use super::world::World;

/// The slot that things happen to, those that kill, and the one that joins.
pub(crate) const VICTIM: usize = 0;
pub(crate) const KILLER: usize = 1;
pub(crate) const OTHER: usize = 2;
pub(crate) const JOINER: usize = 3;

impl World {
    pub(crate) fn run_for(&mut self, time: Micros) {
        self.run_until(self.now + time);
    }

    /// Lets things happen until `found`, which they must come to.
    pub(crate) fn reach(&mut self, within: Micros, found: impl Fn(&Self) -> bool) {
        let reached = self.run_to(within, found);
        assert!(reached || !self.oracle.wants_more(), "not reached: {}", self.verdict());
    }

    pub(crate) fn kill(&mut self, slot: usize, agent: usize) {
        let kill = kill_id(self.clients.next_order());
        self.order(slot, Wish::Kill { kill, agents: vec![agent] });
    }

    pub(crate) fn resume(&mut self, slot: usize, agent: usize, seen: Revision) {
        let number = self.clients.next_order();
        self.order(slot, Wish::Resume { number, agent: Some(agent), seen });
    }

    pub(crate) fn change(&mut self, slot: usize) {
        let number = self.clients.next_order();
        self.order(slot, Wish::Another { number });
    }

    /// An agent tries to open a socket and to send at a replica, again and again.
    pub(crate) fn press(&mut self, slot: usize, agent: usize, time: Micros) {
        let until = self.now + time;
        while self.now < until && self.oracle.wants_more() {
            self.call(slot, Call::Open { agent });
            self.send(slot, agent, (agent + 1) % 3, false);
            self.run_for(7 * MILLI);
        }
    }

    /// Others spend what there is of the budget.
    pub(crate) fn spend(&mut self, time: Micros) {
        let until = self.now + time;
        while self.now < until && self.oracle.wants_more() {
            self.send(OTHER, 1, 2, true);
            self.run_for(2 * MILLI);
        }
    }

    /// Keeps the answers of a lane back, and with up its requests.
    pub(crate) fn hold(&mut self, slot: usize, lane: Lane, time: Micros) {
        self.slots[slot].link.hold_down[lane as usize] = self.now + time;
    }

    pub(crate) fn hold_requests(&mut self, slot: usize, lane: Lane, time: Micros) {
        self.slots[slot].link.hold_up[lane as usize] = self.now + time;
    }

    pub(crate) fn renews(&self, slot: usize) -> bool {
        self.slots[slot].process.as_ref().is_some_and(|process| process.renewing)
    }

    pub(crate) fn has_decided_a_batch(&self, slot: usize) -> bool {
        let process = self.slots[slot].process.as_ref();
        process.and_then(|process| process.batch.as_ref()).is_some_and(|batch| !batch.sent)
    }

    pub(crate) fn has_sent_a_batch(&self, slot: usize) -> bool {
        let process = self.slots[slot].process.as_ref();
        process.and_then(|process| process.batch.as_ref()).is_some_and(|batch| batch.sent)
    }

    pub(crate) fn is_closing_somebody(&self, slot: usize) -> bool {
        let process = self.slots[slot].process.as_ref();
        process.is_some_and(|process| process.tasks.values().any(|task| task.closing))
    }

    pub(crate) fn has_epoch(&self, slot: usize, epoch: u64) -> bool {
        let me = self.slots[slot].process.as_ref().and_then(|process| process.me.as_ref());
        me.is_some_and(|me| me.epoch.0 == epoch)
    }

    pub(crate) fn has_closed(&self, slot: usize) -> bool {
        let me = self.slots[slot].process.as_ref().and_then(|process| process.me.clone());
        me.is_some_and(|me| self.store.db.is_fenced(&me))
    }
}
