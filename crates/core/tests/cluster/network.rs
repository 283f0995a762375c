//! Between replicas and store: connections that deliver in order, late, or never.

use std::collections::VecDeque;
use std::time::Duration;

use axme_core::replica::ReplicaEpoch;

use super::bugs::Bug;
use super::clock::{MILLI, Micros};
use super::events::{Event, Life, Message, Purpose, Tag, Timer};
use super::statements::{Answer, Statement};
use super::store::TxnId;
use super::world::World;

pub(crate) type SessionId = usize;

/// What a connection is for; faults may pick on one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Renewals,
    Reads,
    Batches,
    Control,
}

const LANES: usize = 4;

/// One connection of a process to the store.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) slot: usize,
    pub(crate) life: Life,
    pub(crate) lane: Lane,
    /// The epoch that its work is done for: closing that epoch may end it.
    pub(crate) epoch: Option<ReplicaEpoch>,
    /// The server that it is connected to.
    pub(crate) generation: u32,
    /// Requests without an answer, oldest first.
    pub(crate) outstanding: VecDeque<(Tag, Purpose)>,
    /// The process has given it up; what it sent may still arrive.
    pub(crate) abandoned: bool,
    /// The store has ended it.
    pub(crate) ended: bool,
    /// Nothing arrives any more, and nobody says so.
    pub(crate) silent: bool,
    pub(crate) queue: VecDeque<(Tag, Statement)>,
    pub(crate) running: Option<TxnId>,
    last_up: Micros,
    last_down: Micros,
}

/// The way between one machine and the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    /// The longest delay of a slow message; none are slow at 0.
    pub(crate) slow: Micros,
    /// Nothing passes before.
    pub(crate) cut_until: Micros,
    /// Messages in a thousand that end their connection silently.
    pub(crate) lose_per_mille: u64,
    /// Requests, and answers, of a lane are kept back until.
    pub(crate) hold_up: [Micros; LANES],
    pub(crate) hold_down: [Micros; LANES],
}

impl World {
    pub(crate) fn open(
        &mut self,
        slot: usize,
        lane: Lane,
        epoch: Option<ReplicaEpoch>,
    ) -> SessionId {
        let life = self.process(slot).life;
        let silent = self.slots[slot].link.cut_until > self.now;
        let mut generation = self.store.generation;
        if self.has(Bug::ListFromDeposed) && lane == Lane::Reads && self.store.deposed.is_some() {
            generation -= 1;
        }
        self.sessions.push(Session {
            slot,
            life,
            lane,
            epoch,
            generation,
            silent,
            outstanding: VecDeque::new(),
            abandoned: false,
            ended: false,
            queue: VecDeque::new(),
            running: None,
            last_up: 0,
            last_down: 0,
        });
        self.sessions.len() - 1
    }

    /// Sends a statement. The process hears the answer, a reset, or after `within` nothing.
    pub(crate) fn ask(
        &mut self,
        session: SessionId,
        statement: Statement,
        purpose: Purpose,
        within: Duration,
    ) {
        self.tags += 1;
        let tag = self.tags;
        let slot = self.sessions[session].slot;
        if !matches!(
            statement,
            Statement::List | Statement::Tail { .. } | Statement::ReadLane { .. }
        ) {
            self.trace(|| format!("replica {slot} sends a {} on {session}", statement.name()));
        }
        self.sessions[session].outstanding.push_back((tag, purpose));
        self.set_timer(slot, within, Timer::Overdue { session, tag });
        let at = self.passage(slot, session, true);
        if self.sessions[session].ended {
            self.reset(session);
        } else if let Some(at) = at {
            self.schedule(at, Event::AtStore { session, tag, statement });
        }
    }

    /// The store answers.
    pub(crate) fn answer(&mut self, session: SessionId, tag: Tag, answer: Answer) {
        let Session { slot, life, .. } = self.sessions[session];
        if let Some(at) = self.passage(slot, session, false) {
            let message = Message::Answer { session, tag, answer };
            self.schedule(at, Event::ToProcess { slot, life, message });
        }
    }

    /// The store, or the machine that it ran on, says that a connection is over.
    pub(crate) fn reset(&mut self, session: SessionId) {
        self.sessions[session].ended = true;
        self.sessions[session].queue.clear();
        let Session { slot, life, .. } = self.sessions[session];
        if let Some(at) = self.passage(slot, session, false) {
            let message = Message::Reset { session };
            self.schedule(at, Event::ToProcess { slot, life, message });
        }
    }

    /// The process gives a connection up, and learns which of its requests have no answer.
    pub(crate) fn abandon(&mut self, session: SessionId) -> Vec<Purpose> {
        let session = &mut self.sessions[session];
        session.abandoned = true;
        session.outstanding.drain(..).map(|(_, purpose)| purpose).collect()
    }

    /// When a message arrives at the other end; never for a connection that has fallen silent.
    fn passage(&mut self, slot: usize, session: SessionId, up: bool) -> Option<Micros> {
        let lane = self.sessions[session].lane as usize;
        let link = &self.slots[slot].link;
        let held = if up { link.hold_up[lane] } else { link.hold_down[lane] };
        let (slow, lose) = (link.slow, link.lose_per_mille);
        let not_before = link.cut_until.max(held);
        let mut delay = self.dice.between(100, 800);
        if slow > 0 && self.dice.per_mille(60) {
            delay = self.dice.between(MILLI, slow);
        }
        if lose > 0 && self.dice.per_mille(lose) {
            self.sessions[session].silent = true;
        }
        let earliest = (self.now + delay).max(not_before);
        let session = &mut self.sessions[session];
        let last = if up { &mut session.last_up } else { &mut session.last_down };
        *last = earliest.max(*last + 1);
        (!session.silent).then_some(*last)
    }
}
