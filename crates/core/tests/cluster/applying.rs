//! Folding the log: the production `apply`, and what it stops here.

use std::rc::Rc;

use axme_core::hold::Mode;

use super::bugs::Bug;
use super::events::{Phase, Purpose};
use super::orders::{Logged, agents_of};
use super::statements::{Answer, Statement};
use super::world::World;

impl World {
    pub(crate) fn hinted(&mut self, slot: usize) {
        if self.process(slot).phase == Phase::Running {
            self.tail(slot);
        }
        self.poll_tasks(slot);
    }

    /// Reads what follows the applied revision.
    pub(crate) fn tail(&mut self, slot: usize) {
        let within = self.lease.length();
        let process = self.process(slot);
        if process.phase != Phase::Running {
            return;
        }
        if process.tailing {
            process.tail_again = true;
            return;
        }
        if let Some(reads) = process.reads {
            (process.tailing, process.tail_again) = (true, false);
            let after = process.applied();
            self.ask(reads, Statement::Tail { after }, Purpose::Tail, within);
        }
    }

    pub(crate) fn tailed(&mut self, slot: usize, answer: Answer) {
        let Answer::Entries(entries) = answer else { return };
        self.process(slot).tailing = false;
        for logged in entries {
            if self.process(slot).phase != Phase::Running {
                return;
            }
            self.apply(slot, &logged);
        }
        if self.process(slot).tail_again {
            self.tail(slot);
        }
    }

    /// Applies the next entry. One that does not follow what was applied shows that the log has
    /// diverged, even when the hashes from it on agree.
    pub(crate) fn apply(&mut self, slot: usize, logged: &Rc<Logged>) {
        let blind = self.has(Bug::DivergenceUnnoticed) || self.has(Bug::ChainNotFollowed);
        let process = self.process(slot);
        if logged.revision != process.applied().next() {
            return;
        }
        if !blind && process.hash.follow(logged.body.hash) != logged.hash {
            self.trace(|| format!("replica {slot} finds that the log diverged"));
            return self.lose_epoch(slot);
        }
        process.state.apply(logged.revision, &logged.body.entry);
        process.hash = logged.hash;
        let mut stopped = Vec::new();
        for (target, hold) in logged.body.entry.changes.iter().filter_map(|c| c.added_hold()) {
            if hold.mode == Mode::Halt {
                stopped.extend(agents_of(target));
            }
            for cell in &mut process.cells {
                cell.ordered.retain(|kill| *kill != hold.kill_id);
            }
        }
        process.project();
        process.view.applied(logged.revision);
        if !stopped.is_empty() {
            process.draining.insert(logged.revision, stopped.clone());
        }
        self.trace(|| format!("replica {slot} applies {}", logged.revision));
        for agent in stopped {
            self.close_sockets(slot, agent);
            self.account(slot, logged.revision, agent);
        }
        self.settle(slot);
    }

    /// Says how many bytes of an agent may have left after a kill's commit: all since the sending
    /// of the last renewal that did not show it.
    fn account(&mut self, slot: usize, kill: axme_core::id::Revision, agent: usize) {
        let process = self.process(slot);
        let before = process.marks.iter().rev().find(|(head, _)| *head < kill);
        let from = before.map_or(0, |(_, bytes)| bytes[agent]);
        let (life, accounted) = (process.life, process.bytes[agent] - from);
        self.oracle.accounted(life, kill, agent, accounted);
    }
}
