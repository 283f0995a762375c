//! Control changes: planned here, appended, and waited for.

use std::rc::Rc;
use std::time::Duration;

use axme_core::change::HeldTarget;
use axme_core::command::{Command, Order, Target};
use axme_core::hold::{Hold, RunState};
use axme_core::id::{KillId, Revision};
use axme_core::lease::{Awaited, RollCall};
use axme_core::plan::{Plan, plan};
use axme_core::replica::Sighting;
use axme_core::state::State;
use axme_core::time::Mono;

use super::bugs::Bug;
use super::clock::Micros;
use super::events::{Phase, Purpose, TaskId, Timer};
use super::network::{Lane, SessionId};
use super::orders::{self, AGENTS, Body, Logged, address_id};
use super::replica::RETRY;
use super::statements::{Answer, Statement};
use super::world::World;

/// How long a caller waits for a commit before it is told that there is none yet.
pub(crate) const CONFIRM_WITHIN: Duration = Duration::from_secs(2);

/// What an operator asks for.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Kill {
        kill: KillId,
        agents: Vec<usize>,
    },
    /// Of one agent, or of everyone.
    Resume {
        number: u64,
        agent: Option<usize>,
        seen: Revision,
    },
    Another {
        number: u64,
    },
}

/// One control change that this replica carries out.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) wish: Wish,
    order: Order,
    pub(crate) body: Option<Rc<Body>>,
    pub(crate) session: SessionId,
    pub(crate) begun_at: Micros,
    /// When the commit was acknowledged, by this machine's clock; and the entry.
    pub(crate) acknowledged: Option<(Mono, Rc<Logged>)>,
    pub(crate) roll: Option<RollCall>,
    /// A reading of the list from before the commit: a mistake.
    pub(crate) early: Option<Vec<Sighting>>,
    pub(crate) reading: bool,
    /// The next look is due already.
    pub(crate) looks_soon: bool,
    pub(crate) closing: bool,
    /// The caller has been told that the change is not confirmed yet.
    pub(crate) unconfirmed: bool,
}

impl World {
    /// Carries out what an operator asks this replica for.
    pub(crate) fn carry_out(&mut self, slot: usize, wish: Wish) {
        let order = order_of(&wish);
        let process = self.process(slot);
        if process.state.revision() == Revision(0) {
            return;
        }
        let body = match plan(&process.state, &order) {
            Ok(Plan::Append(entry)) => Body::of(*entry),
            Ok(Plan::Nothing) | Err(_) => return,
        };
        if let Wish::Kill { kill, agents } = &wish {
            if self.has(Bug::AlreadyFromMemory) && self.is_held_here(slot, agents) {
                return;
            }
            self.deny_here(slot, *kill, agents);
        }
        self.tasks += 1;
        let task = self.tasks;
        self.trace(|| format!("replica {slot} carries out {wish:?} as {task}"));
        let me = self.process(slot).me.clone();
        let session = self.open(slot, Lane::Control, me);
        let carried = Task {
            wish,
            order,
            body: Some(body),
            session,
            begun_at: self.now,
            acknowledged: None,
            roll: None,
            early: None,
            reading: false,
            looks_soon: false,
            closing: false,
            unconfirmed: false,
        };
        self.process(slot).tasks.insert(task, carried);
        self.set_timer(slot, CONFIRM_WITHIN, Timer::Unconfirmed { task });
        if self.has(Bug::ListBeforeCommit) {
            let within = self.lease.length();
            self.ask(session, Statement::List, Purpose::EarlyList { task }, within);
        } else {
            self.append_task(slot, task);
        }
    }

    /// Denies the agents here from the moment of sending.
    fn deny_here(&mut self, slot: usize, kill: KillId, agents: &[usize]) {
        for agent in agents {
            self.process(slot).cells[*agent].ordered.push(kill);
        }
        self.process(slot).project();
        for agent in agents {
            self.close_sockets(slot, *agent);
        }
    }

    /// A mistake: a kill of what is held here already returns at once.
    fn is_held_here(&mut self, slot: usize, agents: &[usize]) -> bool {
        let [agent] = *agents else { return false };
        let state = &self.process(slot).state;
        let Some(found) = state.agent(address_id(agent)) else { return false };
        let Some(hold) = found.holds.strictest() else { return false };
        if state.run_state(found) != RunState::Killed {
            return false;
        }
        let revision = hold.revision;
        self.oracle.kill_returned(&[agent], revision);
        true
    }

    pub(crate) fn append_task(&mut self, slot: usize, task: TaskId) {
        let within = self.lease.length();
        let process = self.process(slot);
        let Some(by) = process.me.clone().filter(|_| process.phase == Phase::Running) else {
            return self.set_timer(slot, RETRY, Timer::Task { task });
        };
        let head = (process.applied(), process.hash);
        let Some(carried) = process.tasks.get(&task) else { return };
        let Some(body) = carried.body.clone() else { return self.plan_again(slot, task) };
        let is_kill = matches!(carried.wish, Wish::Kill { .. });
        let session = carried.session;
        let append = Statement::Append { by, expected: (!is_kill).then_some(head), body };
        self.ask(session, append, Purpose::Append { task }, within);
    }

    pub(crate) fn append_answered(&mut self, slot: usize, task: TaskId, answer: Answer) {
        match answer {
            Answer::Appended(logged) | Answer::Duplicate(logged) => {
                self.acknowledged(slot, task, logged);
            }
            Answer::Conflict => {
                if let Some(carried) = self.process(slot).tasks.get_mut(&task) {
                    carried.body = None;
                }
                self.tail(slot);
                self.set_timer(slot, RETRY / 10, Timer::Task { task });
            }
            _ => self.task_lost(slot, task),
        }
    }

    /// The log has moved: read, authorise and plan again.
    fn plan_again(&mut self, slot: usize, task: TaskId) {
        let over_newer = self.has(Bug::ResumeOverNewerKill);
        let process = self.process(slot);
        let Some(carried) = process.tasks.get_mut(&task) else { return };
        if over_newer && let Command::Resume(resume) = &mut carried.order.command {
            resume.seen = process.state.revision();
        }
        match plan(&process.state, &carried.order) {
            Ok(Plan::Append(entry)) => {
                carried.body = Some(Body::of(*entry));
                self.append_task(slot, task);
            }
            // Refused, such as 409 `killed_again`; or there is nothing left to do.
            Ok(Plan::Nothing) | Err(_) => {
                process.tasks.remove(&task);
            }
        }
    }

    fn acknowledged(&mut self, slot: usize, task: TaskId, logged: Rc<Logged>) {
        let (local, lease) = (self.local(slot), self.lease);
        self.oracle.acknowledged(&self.store.db, &logged);
        let Some(carried) = self.process(slot).tasks.get_mut(&task) else { return };
        carried.acknowledged = Some((local, Rc::clone(&logged)));
        let awaited = match &carried.wish {
            Wish::Kill { .. } => Awaited::Enforced,
            Wish::Another { .. } => Awaited::Applied,
            // A resume need not wait: whoever has not applied it denies.
            Wish::Resume { .. } => {
                self.process(slot).tasks.remove(&task);
                self.fold(slot, &logged);
                return self.hint_all();
            }
        };
        let mut roll = RollCall::new(lease, logged.revision, awaited, local);
        if let Some(early) = carried.early.take() {
            roll.look(local, lease, &axme_core::lease::Silence::default(), &early);
        }
        carried.roll = Some(roll);
        self.fold(slot, &logged);
        self.hint_all();
        self.list(slot, task);
    }

    /// Applies an entry that was just acknowledged, or reads what is missing before it.
    fn fold(&mut self, slot: usize, logged: &Rc<Logged>) {
        if self.process(slot).phase == Phase::Running {
            self.apply(slot, logged);
        }
        if self.process(slot).applied() < logged.revision {
            self.tail(slot);
        }
    }

    /// Something of a task has an unknown outcome, or none: on a new connection, again.
    pub(crate) fn task_lost(&mut self, slot: usize, task: TaskId) {
        let me = self.process(slot).me.clone();
        let session = self.open(slot, Lane::Control, me);
        if let Some(carried) = self.process(slot).tasks.get_mut(&task) {
            carried.session = session;
            (carried.reading, carried.closing) = (false, false);
            self.set_timer(slot, RETRY, Timer::Task { task });
        }
    }

    /// In a new epoch every change is appended again, by its command, and waited for anew: a
    /// failover may have lost it, others may have put it back, and who has joined in between may
    /// have no part of it and is on no list that was read before.
    pub(crate) fn begin_tasks_again(&mut self, slot: usize) {
        for carried in self.process(slot).tasks.values_mut() {
            (carried.acknowledged, carried.roll) = (None, None);
        }
    }

    /// Goes on with a task, wherever it stands.
    pub(crate) fn go_on(&mut self, slot: usize, task: TaskId) {
        let Some(carried) = self.process(slot).tasks.get_mut(&task) else { return };
        carried.looks_soon = false;
        if carried.roll.is_some() {
            self.list(slot, task);
        } else if carried.acknowledged.is_none() {
            self.append_task(slot, task);
        }
    }

    /// The deadline for the commit: 503, and the order stands.
    pub(crate) fn unconfirmed(&mut self, slot: usize, task: TaskId) {
        if let Some(carried) = self.process(slot).tasks.get_mut(&task)
            && carried.acknowledged.is_none()
        {
            carried.unconfirmed = true;
            self.trace(|| format!("{task} is not confirmed in time"));
        }
    }
}

/// The entry that puts a hold back which the log has lost: the same kill, the same command.
pub(crate) fn put_back_body(state: &State, hold: &Hold, target: HeldTarget) -> Rc<Body> {
    let target = match target {
        HeldTarget::Agent { .. } => {
            orders::agents_of(target).first().map(|agent| orders::one(*agent))
        }
        HeldTarget::Workspace { .. } => Some(orders::everyone()),
    };
    let order = orders::kill(hold.kill_id, target.unwrap());
    let Ok(Plan::Append(entry)) = plan(state, &order) else { panic!("a kill always appends") };
    Body::of(*entry)
}

fn order_of(wish: &Wish) -> Order {
    match wish {
        Wish::Kill { kill, agents } => {
            let target: Target = match agents.as_slice() {
                [agent] => orders::one(*agent),
                _ => orders::everyone(),
            };
            debug_assert!(agents.len() == 1 || agents.len() == AGENTS, "one or everyone");
            orders::kill(*kill, target)
        }
        Wish::Resume { number, agent, seen } => orders::resume(*number, *agent, *seen),
        Wish::Another { number } => orders::another_account(*number),
    }
}
