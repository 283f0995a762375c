//! Join, and the way out of an epoch: close it, say that it is gone, join anew.

use std::rc::Rc;

use axme_core::id::Revision;
use axme_core::lease::View;
use axme_core::time::Mono;

use super::bugs::Bug;
use super::clients::Outcome;
use super::coordinator::put_back_body;
use super::events::{Lost, Phase, Purpose, Timer};
use super::network::Lane;
use super::orders::holds_missing;
use super::replica::RETRY;
use super::statements::{Answer, Loaded, Statement};
use super::world::World;

impl World {
    /// Registers an epoch. It is committed when the answer comes; nothing is loaded before.
    pub(crate) fn join(&mut self, slot: usize) {
        self.process(slot).phase = Phase::Joining;
        let control = self.open(slot, Lane::Control, None);
        self.process(slot).own_control = Some(control);
        let replica_id = self.slots[slot].replica_id.clone();
        let load = self.has(Bug::FreshFromRegistering);
        let (sent, within) = (self.local(slot), self.lease.length());
        self.ask(
            control,
            Statement::Register { replica_id, load },
            Purpose::Register { sent },
            within,
        );
    }

    pub(crate) fn registered(&mut self, slot: usize, sent: Mono, answer: Answer) {
        let Answer::Registered { epoch, loaded } = answer else { return };
        let process = self.process(slot);
        process.me = Some(epoch.clone());
        (process.seq, process.phase) = (0, Phase::Loading);
        let renewals = self.open(slot, Lane::Renewals, Some(epoch.clone()));
        let batches = self.open(slot, Lane::Batches, Some(epoch.clone()));
        let reads = self.open(slot, Lane::Reads, Some(epoch));
        let process = self.process(slot);
        process.renewals = Some(renewals);
        process.batches = Some(batches);
        process.reads = Some(reads);
        match loaded {
            Some(loaded) => {
                self.begin_serving(slot, loaded);
                let lease = self.lease;
                let process = self.process(slot);
                let head = process.applied();
                process.view.renewed(lease, sent, head);
            }
            None => self.load(slot),
        }
    }

    fn load(&mut self, slot: usize) {
        let within = self.lease.length();
        let process = self.process(slot);
        let applied = process.applied();
        if let Some(reads) = process.reads {
            self.ask(reads, Statement::Load { applied }, Purpose::Load, within);
        }
    }

    pub(crate) fn load_again(&mut self, slot: usize) {
        if self.process(slot).phase == Phase::Loading {
            self.load(slot);
        }
    }

    pub(crate) fn loaded(&mut self, slot: usize, answer: Answer) {
        let Answer::Loaded(loaded) = answer else { return };
        if self.process(slot).phase == Phase::Loading {
            self.begin_serving(slot, loaded);
        }
    }

    /// Takes over the state at the head. What the former state held and the log does not is
    /// appended again first: a failover may have lost it.
    fn begin_serving(&mut self, slot: usize, loaded: Box<Loaded>) {
        let unnoticed = self.has(Bug::DivergenceUnnoticed);
        let notices = !unnoticed && !self.has(Bug::FormerStateForgotten);
        let process = self.process(slot);
        let former = process.applied();
        let diverged = former > Revision(0) && loaded.at_applied != Some(process.hash);
        if diverged && notices {
            let lost = holds_missing(&process.state, &loaded.state);
            let bodies =
                lost.into_iter().map(|(hold, target)| put_back_body(&loaded.state, &hold, target));
            process.put_back.extend(bodies.map(|body| Lost { body }));
        }
        // The mistake tails on from what it had, and takes an equal revision for an equal log.
        if !(unnoticed && former > Revision(0)) {
            process.state = loaded.state;
            process.hash = loaded.hash;
        }
        let applied = process.applied();
        process.view = View::fenced(applied);
        process.reported = Revision(0);
        process.draining.clear();
        process.marks.clear();
        process.proofs.clear();
        (process.slice, process.asks_slice) = (0, false);
        (process.renewing, process.tailing) = (false, false);
        process.project();
        if diverged && notices {
            self.trace(|| format!("replica {slot} raises log_diverged at {former}"));
        }
        self.begin_tasks_again(slot);
        self.process(slot).phase = Phase::PuttingBack;
        self.put_back(slot);
    }

    /// Appends the next hold that the log has lost; then the first renewal is sent.
    pub(crate) fn put_back(&mut self, slot: usize) {
        let process = self.process(slot);
        if process.phase != Phase::PuttingBack {
            return;
        }
        let Some(by) = process.me.clone() else { return };
        let Some(lost) = process.put_back.front() else {
            process.phase = Phase::Running;
            self.renew_again(slot);
            return;
        };
        let body = Rc::clone(&lost.body);
        let append = Statement::Append { by: by.clone(), expected: None, body };
        let control = self.open(slot, Lane::Control, Some(by));
        self.ask(control, append, Purpose::PutBack, self.lease.length());
    }

    pub(crate) fn was_put_back(&mut self, slot: usize, answer: &Answer) {
        if self.process(slot).phase != Phase::PuttingBack {
            return;
        }
        if matches!(answer, Answer::Fenced) {
            return self.lose_epoch(slot);
        }
        self.process(slot).put_back.pop_front();
        self.put_back(slot);
    }

    /// The epoch is closed, or something of it has an unknown outcome: serve nothing, end
    /// everything, close it, say that it is gone, join anew.
    pub(crate) fn lose_epoch(&mut self, slot: usize) {
        self.trace(|| format!("replica {slot} loses its epoch"));
        let sessions = {
            let process = self.process(slot);
            process.view.fence();
            process.phase = Phase::Closing;
            process.sockets.values_mut().for_each(|socket| socket.open = false);
            [process.renewals.take(), process.batches.take(), process.reads.take()]
        };
        for session in sessions.into_iter().flatten() {
            self.abandon(session);
        }
        let process = self.process(slot);
        let queue = std::mem::take(&mut process.queue);
        let sent = process.batch.as_ref().is_some_and(|batch| batch.sent);
        if !sent {
            // Nothing of it has left: it had no effect.
            self.release_batch(slot, Outcome::Denied);
        } else {
            self.answer_batch(slot, Outcome::Unknown);
        }
        for waiting in queue {
            self.answer_client(waiting.caller, Outcome::Denied);
        }
        self.close_own(slot);
    }

    pub(crate) fn close_own(&mut self, slot: usize) {
        let process = self.process(slot);
        if process.phase != Phase::Closing {
            return;
        }
        let Some(me) = process.me.clone() else { return self.join(slot) };
        let control = self.open(slot, Lane::Control, None);
        self.process(slot).own_control = Some(control);
        self.ask(
            control,
            Statement::Close { epochs: vec![me] },
            Purpose::CloseOwn,
            self.lease.length(),
        );
    }

    pub(crate) fn closed_own(&mut self, slot: usize, answer: &Answer) {
        let process = self.process(slot);
        if process.phase != Phase::Closing {
            return;
        }
        let (Some(me), Some(control)) = (process.me.clone(), process.own_control) else { return };
        let (epochs, within) = (vec![me], self.lease.length());
        if matches!(answer, Answer::LockTimeout) {
            self.ask(control, Statement::Terminate { epochs }, Purpose::TerminateOwn, within);
        } else {
            let back = Statement::TakeBack { epochs: epochs.clone() };
            self.ask(control, back, Purpose::TakeBack, within);
            self.ask(control, Statement::Retire { epochs }, Purpose::RetireOwn, within);
        }
    }

    /// The former epoch writes nothing any more: what it had sent is settled.
    pub(crate) fn left_epoch(&mut self, slot: usize) {
        if self.process(slot).phase == Phase::Closing {
            self.release_batch(slot, Outcome::Unknown);
            self.process(slot).me = None;
            self.set_timer(slot, RETRY / 50, Timer::Join);
            self.process(slot).phase = Phase::Joining;
        }
    }
}
