//! Waiting for the others: the production `RollCall` over readings of the replica list.

use std::time::Duration;

use axme_core::id::Revision;
use axme_core::lease::{Next, Outcome};
use axme_core::replica::{ReplicaEpoch, Sighting};
use axme_core::time::Mono;

use super::bugs::Bug;
use super::coordinator::{Task, Wish};
use super::egress::Socket;
use super::events::{Phase, Purpose, TaskId, Timer};
use super::network::Lane;
use super::statements::{Answer, Statement};
use super::world::World;

/// How often a coordinator looks when nobody wakes it.
const POLL_EVERY: Duration = Duration::from_millis(10);

impl World {
    /// Reads the list, on the connection that acknowledged the commit: a statement begun after it.
    pub(crate) fn list(&mut self, slot: usize, task: TaskId) {
        let within = self.lease.length();
        let joined = self.process(slot).phase == Phase::Running;
        let Some(carried) = self.process(slot).tasks.get_mut(&task) else { return };
        if carried.reading || carried.closing || carried.roll.is_none() {
            return;
        }
        if !joined {
            // Between epochs a replica does not know whether the log is still the one it knew.
            if !std::mem::replace(&mut carried.looks_soon, true) {
                self.set_timer(slot, POLL_EVERY, Timer::Task { task });
            }
            return;
        }
        carried.reading = true;
        let mut session = carried.session;
        if self.has(Bug::ListFromDeposed)
            && let Some(reads) = self.process(slot).reads
        {
            session = reads;
        }
        let begun = self.local(slot);
        self.ask(session, Statement::List, Purpose::List { task, begun }, within);
    }

    /// A hint may mean that somebody has enforced.
    pub(crate) fn poll_tasks(&mut self, slot: usize) {
        let tasks: Vec<_> = self.process(slot).tasks.keys().copied().collect();
        tasks.into_iter().for_each(|task| self.list(slot, task));
    }

    pub(crate) fn listed_early(&mut self, slot: usize, task: TaskId, answer: Answer) {
        let early = self.sightings(slot, answer);
        if let Some(carried) = self.process(slot).tasks.get_mut(&task) {
            carried.early = Some(early);
            self.append_task(slot, task);
        }
    }

    pub(crate) fn listed(&mut self, slot: usize, task: TaskId, begun: Mono, answer: Answer) {
        let (local, lease) = (self.local(slot), self.lease);
        let sightings = self.sightings(slot, answer);
        self.note_silence(slot, begun, &sightings);
        let process = self.process(slot);
        let Some(carried) = process.tasks.get_mut(&task) else { return };
        carried.reading = false;
        let Some(roll) = &mut carried.roll else { return };
        match roll.look(local, lease, &process.silence, &sightings) {
            Next::Done => self.returned(slot, task),
            Next::Look => {
                let left = roll.closing_at().since(local);
                let pause = if left.is_zero() { POLL_EVERY } else { POLL_EVERY.min(left) };
                if !std::mem::replace(&mut carried.looks_soon, true) {
                    self.set_timer(slot, pause, Timer::Task { task });
                }
            }
            Next::Close(epochs) => {
                carried.closing = true;
                if self.has(Bug::SliceBackBeforeClosing) {
                    self.take_back(slot, task, epochs.clone());
                }
                self.close_silent(slot, task, epochs);
            }
        }
    }

    /// The sightings, as the coordinator reads them; mistakes misread them.
    fn sightings(&mut self, slot: usize, answer: Answer) -> Vec<Sighting> {
        let Answer::Sightings { mut seen, wall } = answer else { return Vec::new() };
        if self.has(Bug::LeaseByWallClock) {
            let lease = i64::try_from(self.lease.length().as_micros()).unwrap();
            let me = self.process(slot).me.clone();
            seen.retain(|(sighting, beat_at)| {
                wall - beat_at < lease || Some(&sighting.replica) == me.as_ref()
            });
        }
        let mut sightings: Vec<_> = seen.into_iter().map(|(sighting, _)| sighting).collect();
        if self.has(Bug::ClosedIsGone) {
            sightings.retain(|sighting| !sighting.closed);
        }
        if self.has(Bug::LeaseByReplicaId) {
            // One row for each id: the newest report stands for all.
            sightings.sort_by_key(|sighting| std::cmp::Reverse(sighting.enforced));
            let mut known: Vec<Box<str>> = Vec::new();
            sightings.retain(|sighting| {
                let is_new = !known.contains(&sighting.replica.replica_id);
                known.push(sighting.replica.replica_id.clone());
                is_new
            });
        }
        sightings
    }

    /// Notes who has not renewed; the answer counts, not when the reading was begun.
    pub(crate) fn note_silence(&mut self, slot: usize, begun: Mono, sightings: &[Sighting]) {
        let from_question = self.has(Bug::SilenceFromTheQuestion);
        let at = if from_question { begun } else { self.local(slot) };
        let mut noted = sightings.to_vec();
        if self.has(Bug::SilenceThroughClosing) {
            noted.iter_mut().for_each(|sighting| sighting.closed = false);
        }
        self.process(slot).silence.note(at, &noted);
    }

    /// Has the store refuse the writes of those who stayed silent.
    pub(crate) fn close_silent(&mut self, slot: usize, task: TaskId, epochs: Vec<ReplicaEpoch>) {
        let within = self.lease.length();
        let Some(carried) = self.process(slot).tasks.get(&task) else { return };
        let session = carried.session;
        let close = Statement::Close { epochs: epochs.clone() };
        self.ask(session, close, Purpose::Close { task, epochs }, within);
    }

    pub(crate) fn close_answered(
        &mut self,
        slot: usize,
        task: TaskId,
        epochs: Vec<ReplicaEpoch>,
        answer: &Answer,
    ) {
        let within = self.lease.length();
        let Some(carried) = self.process(slot).tasks.get_mut(&task) else { return };
        let session = carried.session;
        if matches!(answer, Answer::LockTimeout) {
            let terminate = Statement::Terminate { epochs: epochs.clone() };
            return self.ask(session, terminate, Purpose::Terminate { task, epochs }, within);
        }
        carried.closing = false;
        if let Some(roll) = &mut carried.roll {
            roll.closed(&epochs);
        }
        self.take_back(slot, task, epochs.clone());
        self.set_timer(slot, self.lease.length(), Timer::Retire { epochs });
        let complete =
            |carried: &Task| carried.roll.as_ref().is_some_and(|roll| roll.is_complete());
        if self.process(slot).tasks.get(&task).is_some_and(complete) {
            self.returned(slot, task);
        } else {
            self.list(slot, task);
        }
    }

    /// What closed epochs have not spent of a budget is there for others.
    fn take_back(&mut self, slot: usize, task: TaskId, epochs: Vec<ReplicaEpoch>) {
        let within = self.lease.length();
        let Some(carried) = self.process(slot).tasks.get(&task) else { return };
        let session = carried.session;
        self.ask(session, Statement::TakeBack { epochs }, Purpose::TakeBack, within);
    }

    /// One more lease after they were closed nobody waits for them any more.
    pub(crate) fn retire(&mut self, slot: usize, epochs: Vec<ReplicaEpoch>) {
        let within = self.lease.length();
        let me = self.process(slot).me.clone();
        let session = self.open(slot, Lane::Control, me);
        self.ask(session, Statement::Retire { epochs }, Purpose::Retire, within);
    }

    /// Everybody has enforced or is fenced: the caller has its receipt.
    fn returned(&mut self, slot: usize, task: TaskId) {
        let local = self.local(slot);
        let Some(done) = self.process(slot).tasks.remove(&task) else { return };
        let (Some((acknowledged, logged)), Some(roll)) = (done.acknowledged, done.roll) else {
            return;
        };
        let outcomes: Vec<_> = roll.outcomes().map(|(who, how)| (who.clone(), how)).collect();
        self.trace(|| format!("{task} at {} has returned: {outcomes:?}", logged.revision));
        self.oracle.acknowledged(&self.store.db, &logged);
        if self.store.db.hash_at(logged.revision) != Some(logged.hash) {
            // A failover with loss came between: nothing is promised of what it lost.
            return;
        }
        match done.wish {
            Wish::Kill { agents, .. } => {
                self.oracle.kill_returned(&agents, logged.revision);
                for (who, how) in outcomes {
                    if how == Some(Outcome::Reported) {
                        self.check_sockets_closed(&who, &agents, logged.revision);
                    }
                }
                if self.was_calm(slot, done.begun_at) {
                    let lease = self.lease;
                    self.oracle.took(lease, local.since(acknowledged));
                }
            }
            Wish::Another { .. } => self.check_everywhere(logged.revision),
            Wish::Resume { .. } => {}
        }
    }

    fn check_sockets_closed(&mut self, who: &ReplicaEpoch, agents: &[usize], kill: Revision) {
        let mut opened = Vec::new();
        for slot in (0..self.slots.len()).filter(|slot| !self.woke_lately(*slot)) {
            let process = self.slots[slot].process.as_ref();
            let Some(process) = process.filter(|process| process.me.as_ref() == Some(who)) else {
                continue;
            };
            let of_agents = |socket: &&Socket| socket.open && agents.contains(&socket.agent);
            opened
                .extend(process.sockets.values().filter(of_agents).map(|socket| socket.opened_at));
        }
        self.oracle.sockets_open(kill, opened);
    }

    fn check_everywhere(&mut self, change: Revision) {
        let mut applied = Vec::new();
        for slot in 0..self.slots.len() {
            let excused = self.slots[slot].clock.is_paused() || self.woke_lately(slot);
            if self.serves(slot) && !excused {
                applied.extend(self.slots[slot].process.as_ref().map(|p| p.applied()));
            }
        }
        self.oracle.everywhere(change, applied);
    }

    /// Whether nothing has disturbed this coordinator and the store since.
    fn was_calm(&self, slot: usize, since: u64) -> bool {
        let calm = |from: Option<u64>| from.is_some_and(|from| from <= since);
        calm(self.slots[slot].calm_since)
            && calm(self.store.calm_since)
            && self.slots[slot].process.as_ref().is_some_and(|p| p.phase == Phase::Running)
    }
}
