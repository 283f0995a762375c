//! A replica: one process, what it knows, and what reaches it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axme_core::chain::Hash;
use axme_core::hold::RunState;
use axme_core::id::{KillId, Revision};
use axme_core::lease::{Silence, View};
use axme_core::replica::ReplicaEpoch;
use axme_core::state::State;
use axme_core::time::Mono;
use axme_core::word::Word;

use super::admitting::{Batch, Waiting};
use super::coordinator::Task;
use super::egress::Socket;
use super::events::{Life, Lost, Message, Phase, Purpose, Tag, TaskId, Timer};
use super::network::{Lane, SessionId};
use super::orders::{AGENTS, address_id};
use super::statements::{Answer, Statement};
use super::world::World;

/// How soon something that failed is tried again.
pub(crate) const RETRY: Duration = Duration::from_millis(50);
/// How often a replica looks at the list and at its lanes.
const WATCH_EVERY: Duration = Duration::from_millis(350);
/// Renewals that the model remembers for the predicates.
const PROOFS_MAX: usize = 12;

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) life: Life,
    pub(crate) phase: Phase,
    pub(crate) me: Option<ReplicaEpoch>,
    pub(crate) seq: u64,
    pub(crate) state: State,
    pub(crate) hash: Hash,
    pub(crate) view: View,
    pub(crate) cells: Vec<Cell>,
    /// What a revision stopped and has not drained.
    pub(crate) draining: BTreeMap<Revision, Vec<usize>>,
    /// What the last renewal reported as enforced.
    pub(crate) reported: Revision,
    /// What the renewal under way reported as applied.
    pub(crate) reported_head: Option<(Revision, Hash)>,
    pub(crate) renewing: bool,
    pub(crate) report_soon: bool,
    pub(crate) tailing: bool,
    pub(crate) tail_again: bool,
    pub(crate) renewals: Option<SessionId>,
    pub(crate) reads: Option<SessionId>,
    pub(crate) batches: Option<SessionId>,
    pub(crate) own_control: Option<SessionId>,
    pub(crate) queue: VecDeque<Waiting>,
    pub(crate) batch: Option<Batch>,
    pub(crate) sockets: BTreeMap<u64, Socket>,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    pub(crate) silence: Silence,
    pub(crate) put_back: VecDeque<Lost>,
    pub(crate) slice: u64,
    pub(crate) asks_slice: bool,
    /// Bytes written for each agent, and what they were when renewals were sent that showed a head.
    pub(crate) bytes: [u64; AGENTS],
    pub(crate) marks: VecDeque<(Revision, [u64; AGENTS])>,
    /// When answered renewals were sent, and the head that each showed; for the predicates.
    pub(crate) proofs: VecDeque<(Mono, Revision)>,
}

/// An agent as a replica enforces it.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) word: Word,
    /// Kills that were ordered here and are not in the log as far as is known.
    pub(crate) ordered: Vec<KillId>,
}

impl Process {
    pub(crate) fn new(life: Life) -> Self {
        let cell = |_| Cell { word: Word::new(RunState::Active), ordered: Vec::new() };
        Self {
            life,
            phase: Phase::Joining,
            me: None,
            seq: 0,
            state: State::default(),
            hash: Hash::START,
            view: View::default(),
            cells: (0..AGENTS).map(cell).collect(),
            draining: BTreeMap::new(),
            reported: Revision(0),
            reported_head: None,
            renewing: false,
            report_soon: false,
            tailing: false,
            tail_again: false,
            renewals: None,
            reads: None,
            batches: None,
            own_control: None,
            queue: VecDeque::new(),
            batch: None,
            sockets: BTreeMap::new(),
            tasks: BTreeMap::new(),
            silence: Silence::default(),
            put_back: VecDeque::new(),
            slice: 0,
            asks_slice: false,
            bytes: [0; AGENTS],
            marks: VecDeque::new(),
            proofs: VecDeque::new(),
        }
    }

    /// A live snapshot of the process that goes on elsewhere: same epoch, connections that are not
    /// its own.
    pub(crate) fn copy(&self, life: Life) -> Self {
        let mut copy = Self::new(life);
        copy.phase = Phase::Running;
        copy.me.clone_from(&self.me);
        copy.seq = self.seq;
        copy.state = self.state.clone();
        copy.hash = self.hash;
        copy.view = self.view.clone();
        copy.reported = self.reported;
        copy.proofs.clone_from(&self.proofs);
        (copy.renewals, copy.batches) = (self.renewals, self.batches);
        copy.project();
        copy
    }

    pub(crate) fn is_fresh(&self, local: Mono) -> bool {
        self.phase == Phase::Running && local < self.view.fresh_until()
    }

    pub(crate) const fn applied(&self) -> Revision {
        self.state.revision()
    }

    /// Sets every agent's word from the log's state, or stricter where a kill was ordered here.
    pub(crate) fn project(&mut self) {
        for (agent, cell) in self.cells.iter().enumerate() {
            let logged = self.state.agent(address_id(agent));
            let logged = logged.map(|found| self.state.run_state(found)).unwrap_or_default();
            let ordered = if cell.ordered.is_empty() { RunState::Active } else { RunState::Killed };
            let run_state = logged.max(ordered);
            if cell.word.peek().run_state != run_state {
                cell.word.set(run_state);
            }
        }
    }

    pub(crate) fn note_proof(&mut self, sent: Mono, head: Revision) {
        if self.proofs.len() == PROOFS_MAX {
            self.proofs.pop_front();
        }
        self.proofs.push_back((sent, head));
    }
}

impl World {
    /// Starts a process in a slot.
    pub(crate) fn start(&mut self, slot: usize) {
        self.lives += 1;
        let life = self.lives;
        self.slots[slot].process = Some(Process::new(life));
        self.slots[slot].inbox.clear();
        self.trace(|| format!("replica {slot} starts as life {life}"));
        self.join(slot);
        self.set_timer(slot, WATCH_EVERY, Timer::Watch);
    }

    pub(crate) fn timer(&mut self, slot: usize, timer: Timer) {
        match timer {
            Timer::Join => {
                if self.process(slot).phase == Phase::Joining {
                    self.join(slot);
                }
            }
            Timer::Renew { of } => {
                if self.process(slot).me == of {
                    self.renew_again(slot);
                }
            }
            Timer::Overdue { session, tag } => {
                let waits = self.sessions[session].outstanding.iter().any(|(of, _)| *of == tag);
                if waits {
                    self.trace(|| format!("replica {slot} gives up on {session}"));
                    self.lost_session(slot, session);
                }
            }
            Timer::DecideBatch => self.decide_batch(slot),
            Timer::SendBatch { number } => self.send_batch(slot, number),
            Timer::CheckSocket { socket } => self.check_socket(slot, socket),
            Timer::WriteSocket { socket } => self.write_socket(slot, socket),
            Timer::Watch => self.watch(slot),
            Timer::CloseOwn => self.close_own(slot),
            Timer::PutBack => self.put_back(slot),
            Timer::Task { task } => self.go_on(slot, task),
            Timer::Unconfirmed { task } => self.unconfirmed(slot, task),
            Timer::Retire { epochs } => self.retire(slot, epochs),
        }
    }

    pub(crate) fn answered(&mut self, slot: usize, session: SessionId, tag: Tag, answer: Answer) {
        let outstanding = &mut self.sessions[session].outstanding;
        let Some(at) = outstanding.iter().position(|(of, _)| *of == tag) else { return };
        let Some((_, purpose)) = outstanding.remove(at) else { return };
        match purpose {
            Purpose::Register { sent } => self.registered(slot, sent, answer),
            Purpose::Load => self.loaded(slot, answer),
            Purpose::PutBack => self.was_put_back(slot, &answer),
            Purpose::Tail => self.tailed(slot, answer),
            Purpose::Renew { sent, bytes } => self.renewed(slot, sent, bytes, &answer),
            Purpose::Batch => self.batch_answered(slot, &answer),
            Purpose::Slice => self.sliced(slot, &answer),
            // What a lost server had shown is not read: its cursors are given out again.
            Purpose::Lane
                if self.oracle.lossy
                    && self.sessions[session].generation != self.store.generation => {}
            Purpose::Lane => self.lane_read(slot, answer),
            Purpose::CloseOwn => self.closed_own(slot, &answer),
            Purpose::TerminateOwn => self.close_own(slot),
            Purpose::RetireOwn => self.left_epoch(slot),
            Purpose::Retire | Purpose::TakeBack => {}
            Purpose::Watch { begun } => self.watched(slot, begun, answer),
            Purpose::Append { task } => self.append_answered(slot, task, answer),
            Purpose::EarlyList { task } => self.listed_early(slot, task, answer),
            Purpose::List { task, begun } => self.listed(slot, task, begun, answer),
            Purpose::Close { task, epochs } => self.close_answered(slot, task, epochs, &answer),
            Purpose::Terminate { task, epochs } => self.close_silent(slot, task, epochs),
        }
    }

    /// A connection is over, or taken to be: what became of its requests is not known.
    pub(crate) fn lost_session(&mut self, slot: usize, session: SessionId) {
        let purposes = self.abandon(session);
        let process = self.process(slot);
        let ends_epoch = [process.renewals, process.batches].contains(&Some(session));
        let forgotten =
            process.batches == Some(session) && self.has(super::bugs::Bug::UnknownForgotten);
        if self.process(slot).reads == Some(session) {
            let me = self.process(slot).me.clone();
            let reads = self.open(slot, Lane::Reads, me);
            self.process(slot).reads = Some(reads);
            self.process(slot).tailing = false;
        }
        if forgotten {
            self.forget_batch(slot);
        } else if ends_epoch && self.process(slot).phase != Phase::Closing {
            self.lose_epoch(slot);
        }
        for purpose in purposes {
            self.lost(slot, purpose);
        }
    }

    fn lost(&mut self, slot: usize, purpose: Purpose) {
        match purpose {
            Purpose::Register { .. } => self.set_timer(slot, RETRY, Timer::Join),
            Purpose::Load => self.load_again(slot),
            Purpose::PutBack => self.set_timer(slot, RETRY, Timer::PutBack),
            Purpose::CloseOwn | Purpose::TerminateOwn | Purpose::RetireOwn => {
                self.set_timer(slot, RETRY, Timer::CloseOwn);
            }
            Purpose::Slice => self.process(slot).asks_slice = false,
            Purpose::Append { task }
            | Purpose::EarlyList { task }
            | Purpose::List { task, .. }
            | Purpose::Close { task, .. }
            | Purpose::Terminate { task, .. } => self.task_lost(slot, task),
            Purpose::Tail
            | Purpose::Renew { .. }
            | Purpose::Batch
            | Purpose::Lane
            | Purpose::Retire
            | Purpose::TakeBack
            | Purpose::Watch { .. } => {}
        }
    }

    fn watch(&mut self, slot: usize) {
        self.set_timer(slot, WATCH_EVERY, Timer::Watch);
        if self.process(slot).phase != Phase::Running {
            return;
        }
        if let Some(reads) = self.process(slot).reads {
            let within = self.lease.length();
            let begun = self.local(slot);
            self.ask(reads, Statement::List, Purpose::Watch { begun }, within);
            let receiver = self.dice.index(AGENTS);
            let after = self.clients.read_up_to(receiver);
            self.ask(reads, Statement::ReadLane { receiver, after }, Purpose::Lane, within);
        }
    }

    fn watched(&mut self, slot: usize, begun: Mono, answer: Answer) {
        if let Answer::Sightings { seen, .. } = answer {
            let sightings: Vec<_> = seen.into_iter().map(|(sighting, _)| sighting).collect();
            self.note_silence(slot, begun, &sightings);
        }
    }

    /// Tells every replica that the log has moved; any hint may be lost.
    pub(crate) fn hint_all(&mut self) {
        for slot in 0..self.slots.len() {
            let Some(process) = &self.slots[slot].process else { continue };
            let life = process.life;
            let cut = self.slots[slot].link.cut_until > self.now;
            if !cut && !self.dice.per_mille(self.hints_lost_per_mille) {
                let delay = self.dice.between(200, 1_500) + self.slots[slot].link.slow / 50;
                self.schedule_in(
                    delay,
                    super::events::Event::ToProcess { slot, life, message: Message::Hint },
                );
            }
        }
    }
}
