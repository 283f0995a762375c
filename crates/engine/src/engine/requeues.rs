//! What a resume sets free gets new places in its receivers' queues: once for every resume that is
//! in the log, whichever replica lives to do it.
//!
//! The replica that took the resume does it at once. Every other one knows of it from the log, asks
//! a moment later whether it was done, and does it if not: done twice it only gives newer places.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axme_core::id::Revision;
use axme_core::state::State;
use axme_store::WriteError;
use axme_store::ledger::RowsBetween;

use super::Engine;
use crate::enforcer::{Cell, Topic};
use crate::holding::{self, FollowsHolds, HoldsChanged};

/// Intents of a resumed agent that are requeued together.
const REQUEUE_BATCH_MAX: usize = 512;
/// Looks that a resume is left to the replica that took it.
const LOOKS_LEFT_ALONE: u32 = 2;
/// Entries of the log beyond which it is noted that nothing is due, so that a restart need not look
/// through them.
const NOTED_EVERY: u64 = 1_000;

/// The resumes that this replica knows of and does not know to be done.
#[derive(Debug, Default)]
pub(super) struct Requeues(Mutex<Due>);

#[derive(Debug)]
struct Due {
    resumes: BTreeMap<Revision, Resumed>,
    /// Whether resumes from before this replica's view of the log may be due.
    unread: bool,
    /// Up to where everything is known to be done.
    noted: Revision,
}

#[derive(Debug)]
struct Resumed {
    agents: Vec<Arc<Cell>>,
    looks: u32,
    under_way: bool,
}

impl Default for Due {
    fn default() -> Self {
        Self { resumes: BTreeMap::new(), unread: true, noted: Revision::default() }
    }
}

impl FollowsHolds for Requeues {
    fn holds_changed(&self, _state: &State, change: &HoldsChanged) {
        if change.added.is_none() {
            self.add(change);
        }
    }

    fn log_replaced(&self) {
        let mut due = self.lock();
        due.resumes.clear();
        due.unread = true;
    }
}

impl Requeues {
    fn add(&self, change: &HoldsChanged) {
        let resumed = Resumed { agents: change.agents.clone(), looks: 0, under_way: false };
        self.lock().resumes.entry(change.revision).or_insert(resumed);
    }

    /// The agents of a resume that nobody here is at, or has done.
    fn begin(&self, revision: Revision) -> Option<Vec<Arc<Cell>>> {
        let mut due = self.lock();
        let resumed = due.resumes.get_mut(&revision).filter(|resumed| !resumed.under_way)?;
        resumed.under_way = true;
        Some(resumed.agents.clone())
    }

    /// It is tried again later.
    fn failed(&self, revision: Revision) {
        if let Some(resumed) = self.lock().resumes.get_mut(&revision) {
            resumed.under_way = false;
        }
    }

    /// Up to where everything is done now.
    fn done(&self, revision: Revision) -> Revision {
        let mut due = self.lock();
        due.resumes.remove(&revision);
        let before = |(first, _): (&Revision, &Resumed)| Revision(first.0.saturating_sub(1));
        let up_to = due.resumes.first_key_value().map_or(revision, before);
        if due.unread { due.noted } else { up_to }
    }

    /// What is due for longer than its own replica should need.
    fn overdue(&self) -> Vec<Revision> {
        let mut due = self.lock();
        let mut overdue = Vec::new();
        for (revision, resumed) in &mut due.resumes {
            resumed.looks += 1;
            if resumed.looks > LOOKS_LEFT_ALONE && !resumed.under_way {
                overdue.push(*revision);
            }
        }
        overdue
    }

    /// Drops what is done up to here.
    fn forget(&self, up_to: Revision) {
        let mut due = self.lock();
        due.noted = due.noted.max(up_to);
        due.resumes.retain(|revision, resumed| *revision > up_to || resumed.under_way);
    }

    /// A revision up to which nothing is due, when it is worth noting.
    fn idle_up_to(&self, head: Revision) -> Option<Revision> {
        let due = self.lock();
        let idle = due.resumes.is_empty() && !due.unread;
        (idle && head.0 >= due.noted.0 + NOTED_EVERY).then_some(head)
    }

    fn is_unread(&self) -> bool {
        self.lock().unread
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Due> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Requeues what the resume at `revision` set free, and wakes the receivers. Not before every
    /// replica knows of the resume: one that does not would pass it over again.
    pub fn requeue(&self, revision: Revision) {
        let Some(agents) = self.requeues.begin(revision) else { return };
        let engine = self.clone();
        self.tasks().spawn(async move {
            engine.control.applied_everywhere(revision).await;
            for agent in &agents {
                if let Err(error) = engine.requeue_agent(agent).await {
                    tracing::warn!(%error, sender = %agent.address, "held intents are requeued later");
                    engine.requeues.failed(revision);
                    return;
                }
            }
            let up_to = engine.requeues.done(revision);
            match engine.ledger.set_requeued(up_to).await {
                Ok(()) => engine.requeues.forget(up_to),
                // Somebody does it once more.
                Err(error) => tracing::warn!(%error, "what was requeued could not be noted"),
            }
        });
    }

    async fn requeue_agent(&self, agent: &Cell) -> Result<(), WriteError> {
        let (workspace, sender) = (agent.workspace_id, &agent.address);
        let mut after = 0;
        loop {
            let moved = self
                .ledger
                .requeue(workspace, sender, RowsBetween::after(after), REQUEUE_BATCH_MAX)
                .await?;
            for receiver in moved.receivers {
                self.enforcer.wake(&Topic::Queue((workspace, receiver)));
            }
            let Some(next) = moved.next else { return Ok(()) };
            after = next;
        }
    }

    /// Takes up resumes that another replica, or an earlier life of this one, has not finished.
    pub(super) async fn look_after_requeues(&self) -> Result<(), WriteError> {
        if self.requeues.is_unread() {
            self.read_resumes().await?;
        }
        let overdue = self.requeues.overdue();
        if !overdue.is_empty() {
            self.requeues.forget(self.ledger.requeued().await?);
            overdue.into_iter().for_each(|revision| self.requeue(revision));
        }
        let head = self.control.read(State::revision);
        if self.control.is_eldest()
            && let Some(up_to) = self.requeues.idle_up_to(head)
        {
            self.ledger.set_requeued(up_to).await?;
            self.requeues.forget(up_to);
        }
        Ok(())
    }

    /// Finds the resumes in the log that are not noted as done.
    async fn read_resumes(&self) -> Result<(), WriteError> {
        let mut after = self.ledger.requeued().await?;
        self.requeues.forget(after);
        loop {
            let logged = self.control.log().stops_and_resumes(after, None).await?;
            for entry in &logged {
                let changes =
                    self.control.read(|state| holding::changes_of(&self.enforcer, state, entry));
                changes.iter().filter(|change| change.added.is_none()).for_each(|change| {
                    self.requeues.add(change);
                });
            }
            let Some(last) = logged.last() else { break };
            after = last.revision;
        }
        self.requeues.lock().unread = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resume(revision: u64) -> HoldsChanged {
        let (revision, at) = (Revision(revision), axme_core::time::Timestamp::from_micros(0));
        HoldsChanged { revision, at, added: None, agents: Vec::new() }
    }

    fn read_through() -> Requeues {
        let requeues = Requeues::default();
        requeues.lock().unread = false;
        requeues
    }

    #[test]
    fn what_is_done_is_noted_up_to_the_first_that_is_not() {
        let requeues = read_through();
        for revision in [3, 5, 9] {
            requeues.add(&resume(revision));
        }
        assert!(requeues.begin(Revision(5)).is_some());
        assert!(requeues.begin(Revision(5)).is_none(), "somebody is at it");
        assert_eq!(requeues.done(Revision(5)), Revision(2));
        assert_eq!(requeues.done(Revision(3)), Revision(8));
        assert_eq!(requeues.done(Revision(9)), Revision(9));
        assert!(requeues.begin(Revision(9)).is_none(), "it is done");
    }

    #[test]
    fn nothing_is_noted_beyond_a_log_that_was_not_read() {
        let requeues = Requeues::default();
        requeues.add(&resume(7));
        assert_eq!(requeues.done(Revision(7)), Revision(0));
        assert_eq!(requeues.idle_up_to(Revision(100_000)), None);
    }

    #[test]
    fn a_resume_is_left_to_its_own_replica_for_a_while() {
        let requeues = read_through();
        requeues.add(&resume(4));
        assert_eq!(requeues.overdue(), []);
        assert_eq!(requeues.overdue(), []);
        assert_eq!(requeues.overdue(), [Revision(4)]);
        requeues.forget(Revision(4));
        assert_eq!(requeues.overdue(), []);
    }
}
