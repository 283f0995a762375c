//! Admitting intents and handovers: decided when they come, decided again when they are sent.

use std::time::Duration;

use axme_core::decide::{Action, Ends, Standing, decide};

use super::bugs::Bug;
use super::clients::{Caller, Outcome};
use super::database::{Item, Row, Written};
use super::events::{Phase, Purpose, Timer};
use super::network::Lane;
use super::statements::{Answer, Statement};
use super::world::World;

/// Items of one batch at most.
const BATCH_ITEMS_MAX: usize = 8;
/// Handovers that one reading of a lane begins at most.
const HANDOVERS_MAX: usize = 2;
/// No answer within it: the outcome is unknown.
const BATCH_ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Work that was admitted once and waits for its batch.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Who waits for the answer; nobody for a handover.
    pub(crate) caller: Option<Caller>,
    pub(crate) item: Item,
}

/// The one batch in flight. Its work is registered at both ends until its outcome is known.
#[derive(Debug)]
pub(crate) struct Batch {
    number: u64,
    works: Vec<Waiting>,
    registered: bool,
    answered: bool,
    pub(crate) sent: bool,
}

impl World {
    /// Takes a request: asks `decide`, and queues what it lets through.
    pub(crate) fn take_in(&mut self, slot: usize, work: Waiting) {
        if self.process(slot).phase != Phase::Running {
            return self.answer_client(work.caller, Outcome::Denied);
        }
        if work.item.is_budgeted && !self.spend_slice(slot) {
            return self.answer_client(work.caller, Outcome::Denied);
        }
        self.register(slot, &work.item);
        let admitted = self.decides(slot, &work.item);
        self.unregister(slot, &work.item);
        if !admitted {
            self.refund(slot, &work.item);
            return self.answer_client(work.caller, Outcome::Denied);
        }
        self.process(slot).queue.push_back(work);
        self.next_batch(slot);
    }

    fn next_batch(&mut self, slot: usize) {
        let process = self.process(slot);
        if process.batch.is_none() && !process.queue.is_empty() {
            let wait = self.moment();
            self.set_timer(slot, wait, Timer::DecideBatch);
        }
    }

    /// Decides what waits again; what passes is registered, and sent a moment later.
    pub(crate) fn decide_batch(&mut self, slot: usize) {
        let process = self.process(slot);
        if process.phase != Phase::Running || process.batch.is_some() {
            return;
        }
        let many = process.queue.len().min(BATCH_ITEMS_MAX);
        let due: Vec<_> = process.queue.drain(..many).collect();
        let late = self.has(Bug::RegisterAfterCheck);
        let mut works = Vec::new();
        for work in due {
            if !late {
                self.register(slot, &work.item);
            }
            if self.has(Bug::QueueNotDecidedAgain) || self.decides(slot, &work.item) {
                works.push(work);
            } else {
                if !late {
                    self.unregister(slot, &work.item);
                }
                self.refund(slot, &work.item);
                self.answer_client(work.caller, Outcome::Denied);
            }
        }
        if works.is_empty() {
            return self.next_batch(slot);
        }
        self.tags += 1;
        let number = self.tags;
        let batch = Batch { number, works, registered: !late, answered: false, sent: false };
        self.process(slot).batch = Some(batch);
        let wait = self.moment();
        self.set_timer(slot, wait, Timer::SendBatch { number });
    }

    /// A moment between two steps of one process: mostly short, sometimes as long as others need
    /// for a whole kill.
    fn moment(&mut self) -> Duration {
        let longest = if self.dice.per_mille(150) { self.linger } else { 200 };
        Duration::from_micros(self.dice.between(longest / 4, longest))
    }

    pub(crate) fn send_batch(&mut self, slot: usize, number: u64) {
        let process = self.process(slot);
        let (Some(by), Some(session)) = (process.me.clone(), process.batches) else { return };
        let Some(batch) = process.batch.as_mut().filter(|batch| batch.number == number) else {
            return;
        };
        batch.sent = true;
        let items: Vec<Item> = batch.works.iter().map(|work| work.item.clone()).collect();
        if !std::mem::replace(&mut batch.registered, true) {
            for item in &items {
                self.register(slot, item);
            }
        }
        self.trace(|| format!("replica {slot} sends {items:?}"));
        self.ask(session, Statement::Batch { by, items }, Purpose::Batch, BATCH_ANSWER_WITHIN);
    }

    pub(crate) fn batch_answered(&mut self, slot: usize, answer: &Answer) {
        let Answer::Written(written) = answer else {
            // Refused: it had no effect, and this replica is fenced.
            self.release_batch(slot, Outcome::Denied);
            return self.lose_epoch(slot);
        };
        let works = self.process(slot).batch.as_ref().map(|batch| batch.works.clone());
        for (work, written) in works.unwrap_or_default().into_iter().zip(written) {
            if work.item.is_handover && *written == Written::Inserted {
                self.hand_over(slot, &work.item);
            }
            if *written == Written::Before {
                self.refund(slot, &work.item);
            }
            self.answer_client(work.caller, Outcome::Admitted);
        }
        self.release_batch(slot, Outcome::Admitted);
        self.next_batch(slot);
    }

    /// The last check of a delivery, directly before its frame.
    fn hand_over(&mut self, slot: usize, item: &Item) {
        self.register(slot, item);
        if self.decides(slot, item) {
            self.checked(slot, &[item.sender, item.receiver]);
        }
        self.unregister(slot, item);
    }

    /// Answers the callers of the batch; its work stays registered.
    pub(crate) fn answer_batch(&mut self, slot: usize, outcome: Outcome) {
        let Some(batch) = self.process(slot).batch.as_mut() else { return };
        if std::mem::replace(&mut batch.answered, true) {
            return;
        }
        let callers: Vec<_> = batch.works.iter().map(|work| work.caller).collect();
        callers.into_iter().for_each(|caller| self.answer_client(caller, outcome));
    }

    /// The outcome of the batch is settled: its work has ended.
    pub(crate) fn release_batch(&mut self, slot: usize, outcome: Outcome) {
        if outcome != Outcome::Admitted {
            self.answer_batch(slot, outcome);
        }
        let Some(batch) = self.process(slot).batch.take() else { return };
        if batch.registered {
            batch.works.iter().for_each(|work| self.unregister(slot, &work.item));
        }
        self.settle(slot);
    }

    /// A mistake: the batch is taken to have ended, and a new connection goes on.
    pub(crate) fn forget_batch(&mut self, slot: usize) {
        self.release_batch(slot, Outcome::Unknown);
        let me = self.process(slot).me.clone();
        let batches = self.open(slot, Lane::Batches, me);
        self.process(slot).batches = Some(batches);
        self.next_batch(slot);
    }

    /// What the lane of an agent holds that its reader has not read, and may be handed over.
    pub(crate) fn lane_read(&mut self, slot: usize, answer: Answer) {
        let Answer::Lane(rows) = answer else { return };
        let mut news: Vec<Row> = Vec::new();
        for row in rows {
            if self.clients.read(row.item.receiver, row.cursor) {
                self.oracle.lane_read(row.item.receiver, row.cursor);
                news.push(row);
            }
        }
        for Row { item, .. } in news.into_iter().rev().take(HANDOVERS_MAX) {
            let key = item.key | 1 << 32;
            let item = Item { key, is_handover: true, is_budgeted: false, ..item };
            self.take_in(slot, Waiting { caller: None, item });
        }
    }

    fn register(&mut self, slot: usize, item: &Item) {
        let process = self.process(slot);
        for agent in [item.sender, item.receiver] {
            process.cells[agent].word.register();
        }
    }

    fn unregister(&mut self, slot: usize, item: &Item) {
        let process = self.process(slot);
        for agent in [item.sender, item.receiver] {
            process.cells[agent].word.leave();
        }
        if !process.draining.is_empty() {
            self.settle(slot);
        }
    }

    fn decides(&mut self, slot: usize, item: &Item) -> bool {
        let action = if item.is_handover { Action::Deliver } else { Action::Send };
        self.lets(slot, action, item.sender, item.receiver)
    }

    /// Asks the production `decide`, with the words of both ends.
    pub(crate) fn lets(
        &mut self,
        slot: usize,
        action: Action,
        sender: usize,
        receiver: usize,
    ) -> bool {
        let (lease, local) = (self.lease, self.local(slot));
        let process = self.process(slot);
        let standing = Standing { fresh: process.is_fresh(local), room: true, key_valid: true };
        let run_state = |agent: usize| process.cells[agent].word.peek().run_state;
        let ends = Ends { sender: run_state(sender), receiver: run_state(receiver) };
        let admitted = decide(standing, action, ends).is_ok();
        if admitted {
            let (applied, proofs) = (process.applied(), process.proofs.clone());
            self.oracle.served(local, lease, applied, proofs);
        }
        admitted
    }

    fn spend_slice(&mut self, slot: usize) -> bool {
        let within = self.lease.length();
        let process = self.process(slot);
        if process.slice > 0 {
            process.slice -= 1;
            return true;
        }
        if !process.asks_slice
            && let (Some(by), Some(session)) = (process.me.clone(), process.reads)
        {
            process.asks_slice = true;
            self.ask(session, Statement::TakeSlice { by }, Purpose::Slice, within);
        }
        false
    }

    pub(crate) fn sliced(&mut self, slot: usize, answer: &Answer) {
        self.process(slot).asks_slice = false;
        if let Answer::Slice(granted) = answer
            && self.process(slot).phase == Phase::Running
        {
            self.process(slot).slice += granted;
        }
    }

    fn refund(&mut self, slot: usize, item: &Item) {
        if item.is_budgeted {
            self.process(slot).slice += 1;
        }
    }
}
