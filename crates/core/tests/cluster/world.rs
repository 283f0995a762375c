//! The world: true time, machines, and what happens next.

use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use axme_core::lease::Lease;
use axme_core::time::Mono;

use super::bugs::Bug;
use super::clients::Clients;
use super::clock::{Clock, MILLI, Micros};
use super::dice::Dice;
use super::events::{Event, Life, Message, Scheduled, Tag, Timer};
use super::network::{Link, Session};
use super::oracle::Oracle;
use super::replica::Process;
use super::store::Store;

/// Steps that a failure shows.
const TRACE_STEPS: usize = 60;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Micros,
    pub(crate) lease: Lease,
    pub(crate) bug: Option<Bug>,
    pub(crate) dice: Dice,
    pub(crate) slots: Vec<Slot>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) store: Store,
    pub(crate) clients: Clients,
    pub(crate) oracle: Oracle,
    pub(crate) tags: Tag,
    pub(crate) lives: Life,
    pub(crate) tasks: u64,
    pub(crate) steps: u64,
    /// The longest that work waits for its batch, and a batch between its decision and its sending.
    pub(crate) linger: Micros,
    /// Hints are only hints: all of them may be lost.
    pub(crate) hints_lost_per_mille: u64,
    /// What must be back in the log at the end.
    pub(crate) owed: Vec<super::faults::Owed>,
    ahead: BinaryHeap<Scheduled>,
    order: u64,
    trace: Option<VecDeque<String>>,
}

/// A machine on which at most one process runs.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) replica_id: Box<str>,
    pub(crate) clock: Clock,
    pub(crate) link: Link,
    pub(crate) process: Option<Process>,
    /// The process is stopped (SIGSTOP); the machine's clock runs on.
    pub(crate) frozen: bool,
    /// What reached the process while it was stopped.
    pub(crate) inbox: Vec<Message>,
    /// When the machine went on after its clock had stood still, a copy of it woke, or a failover
    /// lost its registration: for a lease its egress is excused.
    pub(crate) woke_at: Option<Micros>,
    /// Since when nothing disturbs it; none while something does.
    pub(crate) calm_since: Option<Micros>,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, replica_ids: &[&str]) -> Self {
        let mut dice = Dice::from_seed(seed);
        let slots = replica_ids.iter().map(|id| Slot::new(id, &mut dice)).collect();
        Self {
            now: 0,
            lease: Lease::DEFAULT,
            bug,
            dice,
            slots,
            sessions: Vec::new(),
            store: Store::new(),
            clients: Clients::default(),
            oracle: Oracle::new(),
            tags: 0,
            lives: 0,
            tasks: 10_000,
            steps: 0,
            linger: 6 * MILLI,
            hints_lost_per_mille: 0,
            owed: Vec::new(),
            ahead: BinaryHeap::new(),
            order: 0,
            trace: None,
        }
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(crate) fn keep_trace(&mut self) {
        self.trace = Some(VecDeque::new());
    }

    pub(crate) fn trace(&mut self, step: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            if trace.len() == TRACE_STEPS {
                trace.pop_front();
            }
            trace.push_back(format!("{:>10.3} ms  {}", self.now as f64 / 1e3, step()));
        }
    }

    pub(crate) fn traced(&self) -> String {
        let steps = self.trace.iter().flatten().map(String::as_str);
        steps.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn schedule(&mut self, at: Micros, event: Event) {
        self.order += 1;
        self.ahead.push(Scheduled { at: at.max(self.now), order: self.order, event });
    }

    pub(crate) fn schedule_in(&mut self, delay: Micros, event: Event) {
        self.schedule(self.now + delay, event);
    }

    /// Lets everything happen up to `until`, or to the first broken promise.
    pub(crate) fn run_until(&mut self, until: Micros) {
        while self.oracle.wants_more()
            && let Some(next) = self.ahead.peek()
            && next.at <= until
        {
            let Some(Scheduled { at, event, .. }) = self.ahead.pop() else { return };
            self.now = at;
            self.steps += 1;
            self.happen(event);
        }
        self.now = self.now.max(until);
    }

    /// Lets things happen until `found`, at most for `within`. True when it was found.
    pub(crate) fn run_to(&mut self, within: Micros, found: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + within;
        while !found(self) {
            let Some(next) = self.ahead.peek() else { return false };
            if next.at > until || !self.oracle.wants_more() {
                return false;
            }
            let at = next.at;
            self.run_one(at);
        }
        true
    }

    fn run_one(&mut self, at: Micros) {
        if let Some(Scheduled { event, .. }) = self.ahead.pop() {
            self.now = at;
            self.steps += 1;
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::AtStore { session, tag, statement } => {
                self.arrive_at_store(session, tag, statement);
            }
            Event::Commit(txn) => self.commit(txn),
            Event::LockTimeout(txn) => self.lock_timeout(txn),
            Event::DeposedDies => self.deposed_dies(),
            Event::ToProcess { slot, life, message } => self.deliver(slot, life, message),
            Event::Client(step) => self.client_step(step),
            Event::Fault(fault) => self.strike(fault),
        }
    }

    /// Hands a message to a process, or keeps it while the process is stopped.
    fn deliver(&mut self, slot: usize, life: Life, message: Message) {
        let place = &mut self.slots[slot];
        if place.process.as_ref().is_none_or(|process| process.life != life) {
            return;
        }
        if place.frozen || place.clock.is_paused() {
            place.inbox.push(message);
            return;
        }
        match message {
            Message::Timer { due, timer } => {
                let shown = place.clock.read(self.now);
                if shown >= due {
                    self.timer(slot, timer);
                } else {
                    self.set_timer(slot, due.since(shown), timer);
                }
            }
            Message::Answer { session, tag, answer } => self.answered(slot, session, tag, answer),
            Message::Reset { session } => self.lost_session(slot, session),
            Message::Hint => self.hinted(slot),
            Message::Call(call) => self.called(slot, call),
        }
    }

    /// Sets a process a timer by its own clock.
    pub(crate) fn set_timer(&mut self, slot: usize, after: Duration, timer: Timer) {
        let place = &self.slots[slot];
        let Some(process) = &place.process else { return };
        let (life, due) = (process.life, place.clock.read(self.now).plus(after));
        let at = place.clock.true_after(self.now, after);
        let message = Message::Timer { due, timer };
        self.schedule(at, Event::ToProcess { slot, life, message });
    }

    /// What the clock of a process shows.
    pub(crate) fn local(&self, slot: usize) -> Mono {
        self.slots[slot].clock.read(self.now)
    }

    pub(crate) fn process(&mut self, slot: usize) -> &mut Process {
        self.slots[slot].process.as_mut().unwrap()
    }

    /// Whether a replica serves: it has joined and its view is proven fresh.
    pub(crate) fn serves(&self, slot: usize) -> bool {
        let fresh = |process: &Process| process.is_fresh(self.local(slot));
        self.slots[slot].process.as_ref().is_some_and(fresh)
    }

    /// Whether the machine's clock stood still, or was copied, less than a lease ago.
    pub(crate) fn woke_lately(&self, slot: usize) -> bool {
        let lease = Micros::try_from(self.lease.length().as_micros()).unwrap();
        self.slots[slot].woke_at.is_some_and(|woke| self.now < woke + lease * 101 / 100)
    }
}

impl Slot {
    fn new(replica_id: &str, dice: &mut Dice) -> Self {
        let offset = dice.between(1_000_000_000, 9_000_000_000_000);
        let drift = i64::try_from(dice.below(10_001)).unwrap() - 5_000;
        Self {
            replica_id: replica_id.into(),
            clock: Clock::new(offset, drift),
            link: Link::default(),
            process: None,
            frozen: false,
            inbox: Vec::new(),
            woke_at: None,
            calm_since: Some(0),
        }
    }
}
