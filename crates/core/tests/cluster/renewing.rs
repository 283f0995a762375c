//! Renewals: a report of how far this replica has come, and the proof that its view is fresh.

use axme_core::chain::Hash;
use axme_core::id::Revision;
use axme_core::time::Mono;

use super::bugs::Bug;
use super::events::{Phase, Purpose, Timer};
use super::orders::AGENTS;
use super::statements::{Answer, Statement};
use super::world::World;

/// Bytes at renewals that are remembered.
const MARKS_MAX: usize = 16;

impl World {
    /// Renews now and a quarter of a lease later again.
    pub(crate) fn renew_again(&mut self, slot: usize) {
        if self.process(slot).phase == Phase::Running {
            let of = self.process(slot).me.clone();
            self.set_timer(slot, self.lease.renew_every(), Timer::Renew { of });
            self.renew(slot);
        }
    }

    /// Sends one renewal, unless one is under way: then the next follows it at once.
    pub(crate) fn renew(&mut self, slot: usize) {
        let sent = self.local(slot);
        let enforced = self.enforced(slot);
        let process = self.process(slot);
        if process.renewing || process.phase != Phase::Running {
            process.report_soon = process.phase == Phase::Running;
            return;
        }
        let (Some(by), Some(session)) = (process.me.clone(), process.renewals) else { return };
        (process.renewing, process.report_soon) = (true, false);
        process.reported = enforced;
        process.reported_head = Some((process.applied(), process.hash));
        let renewal =
            Statement::Renew { by, seq: process.seq, applied: process.applied(), enforced };
        let purpose = Purpose::Renew { sent, bytes: process.bytes };
        self.ask(session, renewal, purpose, self.lease.length());
    }

    pub(crate) fn renewed(
        &mut self,
        slot: usize,
        sent: Mono,
        bytes: [u64; AGENTS],
        answer: &Answer,
    ) {
        let (lease, local) = (self.lease, self.local(slot));
        if self.process(slot).phase != Phase::Running {
            return;
        }
        let Answer::Renewed { head, at_applied } = *answer else { return self.lose_epoch(slot) };
        self.process(slot).renewing = false;
        self.process(slot).seq += 1;
        if self.is_diverged(slot, head, at_applied) {
            self.trace(|| format!("replica {slot} finds that the log diverged"));
            return self.lose_epoch(slot);
        }
        let from_answer = self.has(Bug::FreshFromTheAnswer);
        let unapplied = self.has(Bug::FreshBeforeApplied);
        let process = self.process(slot);
        process.note_proof(sent, head);
        if process.marks.len() == MARKS_MAX {
            process.marks.pop_front();
        }
        process.marks.push_back((head, bytes));
        let counted_from = if from_answer { local } else { sent };
        let shown = if unapplied { process.applied() } else { head };
        process.view.renewed(lease, counted_from, shown);
        let behind = head > process.applied();
        let again = process.report_soon;
        self.trace(|| format!("replica {slot} is renewed, head {head}"));
        if behind {
            self.tail(slot);
        }
        if again {
            self.renew(slot);
        }
    }

    /// The log does not hold what was applied: a failover lost it, or a backup was restored.
    ///
    /// The hash is that of the revision that was reported; what was applied since is looked at by
    /// the next renewal.
    fn is_diverged(&mut self, slot: usize, head: Revision, at_applied: Option<Hash>) -> bool {
        if self.has(Bug::DivergenceUnnoticed) {
            return false;
        }
        let process = self.process(slot);
        let Some((applied, hash)) = process.reported_head else { return false };
        head < applied || at_applied != Some(hash)
    }

    /// Up to where everything that was let through before has ended here.
    pub(crate) fn enforced(&mut self, slot: usize) -> Revision {
        let early = self.has(Bug::ReportsBeforeTheBatchEnds);
        let process = self.process(slot);
        match process.draining.first_key_value() {
            Some((first, _)) if !early => Revision(first.0 - 1),
            Some(_) | None => process.applied(),
        }
    }

    /// Notes what has drained; news are reported at once.
    pub(crate) fn settle(&mut self, slot: usize) {
        let process = self.process(slot);
        let cells = &process.cells;
        process
            .draining
            .retain(|_, agents| agents.iter().any(|agent| cells[*agent].word.in_flight() > 0));
        if self.enforced(slot) > self.process(slot).reported {
            self.renew(slot);
        }
    }
}
