//! Those who use the gateway: senders with idempotency keys, agents with sockets, operators, and a
//! reader of every lane that keeps the maximum.

use axme_core::change::HeldTarget;
use axme_core::id::Revision;
use axme_core::invariants::Counts;

use super::admitting::Waiting;
use super::clock::{MILLI, Micros};
use super::coordinator::Wish;
use super::database::Item;
use super::events::{Event, Message};
use super::orders::{AGENTS, agents_of, kill_id};
use super::world::World;

/// How often a request is repeated while its outcome is unknown.
const ATTEMPTS_MAX: u32 = 3;
/// A client without an answer takes the outcome to be unknown.
const GIVE_UP_AFTER: Micros = 3_000 * MILLI;

/// Who waits for an answer: a request, and which of its attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    request: usize,
    attempt: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Admitted,
    /// Denied, with no effect.
    Denied,
    Unknown,
}

/// A call to a replica.
#[derive(Debug)]
pub(crate) enum Call {
    Send(Waiting),
    Open { agent: usize },
    Wish(Wish),
}

#[derive(Debug)]
pub(crate) enum ClientStep {
    Send,
    Open,
    Operate,
    GiveUp(Caller),
    Again(Caller),
}

#[derive(Debug)]
struct Request {
    item: Item,
    attempt: u32,
    waits: bool,
    admitted: bool,
    was_unknown: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Clients {
    requests: Vec<Request>,
    read_up_to: [u64; AGENTS],
    orders: u64,
    /// Mean time between an operator's orders; none are given at 0.
    pub(crate) operates_every: Micros,
    pub(crate) sends_every: Micros,
}

impl Clients {
    pub(crate) const fn read_up_to(&self, receiver: usize) -> u64 {
        self.read_up_to[receiver]
    }

    /// The reader of a lane takes a row in, unless it has come further.
    pub(crate) const fn read(&mut self, receiver: usize, cursor: u64) -> bool {
        let is_new = cursor > self.read_up_to[receiver];
        if is_new {
            self.read_up_to[receiver] = cursor;
        }
        is_new
    }

    /// After a failover lost rows, cursors are used again.
    pub(crate) const fn forget_cursors(&mut self, lanes: [u64; AGENTS]) {
        self.read_up_to = lanes;
    }

    pub(crate) const fn next_order(&mut self) -> u64 {
        self.orders += 1;
        10_000 + self.orders
    }
}

impl World {
    pub(crate) fn begin_clients(&mut self, sends_every: Micros, operates_every: Micros) {
        (self.clients.sends_every, self.clients.operates_every) = (sends_every, operates_every);
        self.schedule_in(100 * MILLI, Event::Client(ClientStep::Send));
        self.schedule_in(110 * MILLI, Event::Client(ClientStep::Open));
        if operates_every > 0 {
            self.schedule_in(300 * MILLI, Event::Client(ClientStep::Operate));
        }
    }

    pub(crate) fn client_step(&mut self, step: ClientStep) {
        match step {
            ClientStep::Send => {
                let every = self.clients.sends_every;
                let pause = self.dice.between(every / 2, every * 3 / 2);
                self.schedule_in(pause, Event::Client(ClientStep::Send));
                let (sender, budgeted) = (self.dice.index(AGENTS), self.dice.per_mille(200));
                let receiver = (sender + 1 + self.dice.index(AGENTS - 1)) % AGENTS;
                let slot = self.dice.index(self.slots.len());
                self.send(slot, sender, receiver, budgeted);
            }
            ClientStep::Open => {
                let pause = self.dice.between(20 * MILLI, 60 * MILLI);
                self.schedule_in(pause, Event::Client(ClientStep::Open));
                let (slot, agent) = (self.dice.index(self.slots.len()), self.dice.index(AGENTS));
                self.call(slot, Call::Open { agent });
            }
            ClientStep::Operate => {
                let every = self.clients.operates_every;
                let pause = self.dice.between(every / 8, every * 2);
                self.schedule_in(pause, Event::Client(ClientStep::Operate));
                self.operate();
            }
            ClientStep::GiveUp(caller) => self.answer_client(Some(caller), Outcome::Unknown),
            ClientStep::Again(caller) => {
                let item = self.clients.requests[caller.request].item.clone();
                let slot = self.dice.index(self.slots.len());
                self.attempt(slot, caller, item);
            }
        }
    }

    /// A new request of a sender at a replica.
    pub(crate) fn send(&mut self, slot: usize, sender: usize, receiver: usize, budgeted: bool) {
        let request = self.clients.requests.len();
        let key = request as u64;
        let item = Item { key, sender, receiver, is_handover: false, is_budgeted: budgeted };
        self.clients.requests.push(Request {
            item: item.clone(),
            attempt: 0,
            waits: true,
            admitted: false,
            was_unknown: false,
        });
        self.attempt(slot, Caller { request, attempt: 0 }, item);
    }

    fn attempt(&mut self, slot: usize, caller: Caller, item: Item) {
        self.clients.requests[caller.request].waits = true;
        self.schedule_in(GIVE_UP_AFTER, Event::Client(ClientStep::GiveUp(caller)));
        if !self.call(slot, Call::Send(Waiting { caller: Some(caller), item })) {
            self.answer_client(Some(caller), Outcome::Denied);
        }
    }

    /// Calls a replica; false when nobody listens there.
    pub(crate) fn call(&mut self, slot: usize, call: Call) -> bool {
        let Some(process) = &self.slots[slot].process else { return false };
        let life = process.life;
        let delay = self.dice.between(100, 500);
        self.schedule_in(delay, Event::ToProcess { slot, life, message: Message::Call(call) });
        true
    }

    pub(crate) fn called(&mut self, slot: usize, call: Call) {
        match call {
            Call::Send(work) => self.take_in(slot, work),
            Call::Open { agent } => self.open_socket(slot, agent),
            Call::Wish(wish) => self.carry_out(slot, wish),
        }
    }

    /// An answer, or that there will be none, reaches a client.
    pub(crate) fn answer_client(&mut self, caller: Option<Caller>, outcome: Outcome) {
        let Some(caller) = caller else { return };
        let request = &mut self.clients.requests[caller.request];
        if !request.waits || request.attempt != caller.attempt {
            return;
        }
        request.waits = false;
        match outcome {
            Outcome::Admitted => {
                request.admitted = true;
                let is_there = self.store.db.row_of_key(request.item.key).is_some();
                self.oracle.admitted(is_there);
            }
            Outcome::Denied => {}
            Outcome::Unknown => {
                request.was_unknown = true;
                request.attempt += 1;
                if request.attempt < ATTEMPTS_MAX {
                    let caller = Caller { attempt: request.attempt, ..caller };
                    self.schedule_in(50 * MILLI, Event::Client(ClientStep::Again(caller)));
                }
            }
        }
    }

    /// An operator looks at some replica, and orders something at another.
    fn operate(&mut self) {
        let number = self.clients.next_order();
        let (seen_at, slot) =
            (self.dice.index(self.slots.len()), self.dice.index(self.slots.len()));
        let held = self.held_as_seen_at(seen_at);
        let throw = self.dice.below(100);
        let wish = if throw < 50 || held.is_empty() {
            let all = self.dice.per_mille(120);
            let agents = if all { (0..AGENTS).collect() } else { vec![self.dice.index(AGENTS)] };
            Wish::Kill { kill: kill_id(number), agents }
        } else if throw < 90 {
            let (agent, seen) = held[self.dice.index(held.len())];
            Wish::Resume { number, agent, seen }
        } else {
            Wish::Another { number }
        };
        self.order(slot, wish);
    }

    /// Gives an order at a replica.
    pub(crate) fn order(&mut self, slot: usize, wish: Wish) {
        if let Wish::Resume { number, seen, .. } = &wish {
            self.oracle.asked(*number, *seen);
        }
        self.call(slot, Call::Wish(wish));
    }

    /// Who is held as one replica knows it, and the revision that it shows. None is everyone.
    fn held_as_seen_at(&self, slot: usize) -> Vec<(Option<usize>, Revision)> {
        let Some(process) = &self.slots[slot].process else { return Vec::new() };
        let (state, seen) = (&process.state, process.applied());
        let mut held = Vec::new();
        for agent in state.agents().filter(|agent| !agent.holds.is_empty()) {
            let target = HeldTarget::Agent { address_id: agent.address_id };
            held.extend(agents_of(target).into_iter().map(|agent| (Some(agent), seen)));
        }
        if state.workspaces().any(|workspace| !workspace.holds.is_empty()) {
            held.push((None, seen));
        }
        held
    }

    /// What became of all requests, after those of unknown outcome were looked up.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts =
            Counts { requests: self.clients.requests.len() as u64, ..Counts::default() };
        for request in &self.clients.requests {
            let looked_up = request.was_unknown || request.waits;
            let is_there = looked_up && self.store.db.row_of_key(request.item.key).is_some();
            if request.admitted || is_there {
                counts.admitted += 1;
            } else {
                counts.denied += 1;
            }
        }
        let intents = self.store.db.rows.iter().filter(|row| !row.item.is_handover);
        counts.rows = intents.count() as u64;
        counts
    }
}
