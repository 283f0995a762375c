//! What goes wrong: machines, network, store. And that it heals.

use axme_core::id::KillId;

use super::clock::{MILLI, Micros};
use super::events::{Event, Life};
use super::network::Lane;
use super::orders::holds_missing;
use super::replica::Process;
use super::world::World;

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// SIGSTOP: the process stands still, its machine's clock runs on.
    Freeze {
        slot: usize,
    },
    Thaw {
        slot: usize,
    },
    /// The whole machine stands still, with its clock.
    Pause {
        slot: usize,
    },
    GoOn {
        slot: usize,
    },
    /// SIGKILL.
    Die {
        slot: usize,
    },
    Start {
        slot: usize,
    },
    /// A live snapshot of one machine's process goes on at another.
    Copy {
        from: usize,
        to: usize,
    },
    Cut {
        slot: usize,
        until: Micros,
    },
    Slow {
        slot: usize,
        longest: Micros,
    },
    Lose {
        slot: usize,
        per_mille: u64,
    },
    StepWall {
        by: i64,
    },
    Hang {
        per_mille: u64,
    },
    /// The standby, which had to acknowledge every commit, is promoted. The old primary may go on
    /// answering reads for a while.
    FailOver {
        old_lives_for: Micros,
    },
    /// An asynchronous standby falls behind, and is promoted all the same.
    StandbyStalls,
    FailOverWithLoss,
    Heal,
}

/// A hold that a living replica knew when a failover lost it.
pub(crate) type Owed = (KillId, Life);

impl World {
    pub(crate) fn strike(&mut self, fault: Fault) {
        self.trace(|| format!("fault: {fault:?}"));
        match fault {
            Fault::Freeze { slot } => {
                self.disturb(slot);
                self.slots[slot].frozen = true;
            }
            Fault::Thaw { slot } => {
                self.slots[slot].frozen = false;
                self.go_through_inbox(slot);
            }
            Fault::Pause { slot } => {
                self.disturb(slot);
                self.slots[slot].clock.pause(self.now);
            }
            Fault::GoOn { slot } => {
                if self.slots[slot].clock.is_paused() {
                    self.slots[slot].clock.go_on(self.now);
                    self.slots[slot].woke_at = Some(self.now);
                    self.go_through_inbox(slot);
                }
            }
            Fault::Die { slot } => {
                self.disturb(slot);
                self.slots[slot].process = None;
                (self.slots[slot].frozen, self.slots[slot].inbox) = (false, Vec::new());
            }
            Fault::Start { slot } => {
                if self.slots[slot].process.is_none() {
                    self.start(slot);
                }
            }
            Fault::Copy { from, to } => self.copy(from, to),
            Fault::Cut { slot, until } => {
                self.disturb(slot);
                self.slots[slot].link.cut_until = until;
            }
            Fault::Slow { slot, longest } => {
                self.disturb(slot);
                self.slots[slot].link.slow = longest;
            }
            Fault::Lose { slot, per_mille } => {
                self.disturb(slot);
                self.slots[slot].link.lose_per_mille = per_mille;
            }
            Fault::StepWall { by } => self.store.wall_offset += by,
            Fault::Hang { per_mille } => {
                self.store.calm_since = None;
                self.store.hang_per_mille = per_mille;
            }
            Fault::FailOver { old_lives_for } => self.fail_over(old_lives_for),
            Fault::StandbyStalls => self.store.stalled_standby = Some(self.store.db.clone()),
            Fault::FailOverWithLoss => self.fail_over_with_loss(),
            Fault::Heal => self.heal(),
        }
    }

    pub(crate) fn strike_at(&mut self, at: Micros, fault: Fault) {
        self.schedule(at, Event::Fault(fault));
    }

    fn disturb(&mut self, slot: usize) {
        self.slots[slot].calm_since = None;
    }

    /// What reached a process while it stood still, in an order of which nobody is master: its
    /// timers first, or its messages.
    fn go_through_inbox(&mut self, slot: usize) {
        let mut inbox = std::mem::take(&mut self.slots[slot].inbox);
        let timers_first = self.dice.per_mille(500);
        inbox.sort_by_key(|message| {
            matches!(message, super::events::Message::Timer { .. }) != timers_first
        });
        let Some(process) = &self.slots[slot].process else { return };
        let life = process.life;
        for message in inbox {
            self.schedule_in(1, Event::ToProcess { slot, life, message });
        }
    }

    /// The copy has the epoch and the state of the original, and connections that are dead.
    fn copy(&mut self, from: usize, to: usize) {
        self.lives += 1;
        let life = self.lives;
        let Some(copy) = self.slots[from].process.as_ref().map(|original| original.copy(life))
        else {
            return;
        };
        self.slots[to].clock = self.slots[from].clock.clone();
        self.slots[to].process = Some(copy);
        let me = self.process(to).me.clone();
        let dead: Vec<_> = [Lane::Renewals, Lane::Batches, Lane::Reads]
            .into_iter()
            .map(|lane| self.open(to, lane, me.clone()))
            .collect();
        dead.iter().for_each(|session| self.sessions[*session].ended = true);
        let process = self.process(to);
        process.renewals = Some(dead[0]);
        process.batches = Some(dead[1]);
        process.reads = Some(dead[2]);
        // Both run in one epoch now: the honest limit is that of a clock that stood still.
        (self.slots[from].woke_at, self.slots[to].woke_at) = (Some(self.now), Some(self.now));
        let pause = self.lease.renew_every();
        self.set_timer(to, pause, super::events::Timer::Renew { of: me });
    }

    fn fail_over(&mut self, old_lives_for: Micros) {
        self.store.calm_since = None;
        let mut under_way: Vec<_> = self.store.txns.keys().copied().collect();
        under_way.reverse();
        if old_lives_for > 0 {
            self.store.deposed = Some(self.store.db.clone());
            self.schedule_in(old_lives_for, Event::DeposedDies);
        }
        // What was not acknowledged has reached the standby, or not.
        let generation = self.store.generation;
        for session in &mut self.sessions {
            session.ended |= old_lives_for == 0 && session.generation == generation;
            session.queue.clear();
        }
        self.store.generation += 1;
        for txn in under_way {
            let session = self.store.txns.get(&txn).map(|txn| txn.session);
            let ended =
                session.map(|session| std::mem::replace(&mut self.sessions[session].ended, true));
            self.cut_short(txn);
            if let (Some(session), Some(ended)) = (session, ended) {
                self.sessions[session].ended = ended;
            }
        }
        self.oracle.check_log(&self.store.db);
        if old_lives_for == 0 {
            self.reset_all(generation);
        }
    }

    fn fail_over_with_loss(&mut self) {
        let Some(behind) = self.store.stalled_standby.take() else { return };
        self.fail_over(0);
        self.store.db = behind;
        let db = &self.store.db;
        // An epoch whose registration was lost is on nobody's list. What it has proven lasts for a
        // lease: that is a limit of failovers that lose commits.
        for place in &mut self.slots {
            let me = place.process.as_ref().and_then(|process| process.me.as_ref());
            if me.is_some_and(|me| !db.epochs.contains_key(me)) {
                place.woke_at = Some(self.now);
            }
        }
        self.clients.forget_cursors(db.lanes);
        self.oracle.lost_commits(db);
        for place in &self.slots {
            let Some(process) = &place.process else { continue };
            for (hold, _) in holds_missing(&process.state, &db.state) {
                if db.find(hold.kill_id.into()).is_none() {
                    self.owed.push((hold.kill_id, process.life));
                }
            }
        }
    }

    pub(crate) fn deposed_dies(&mut self) {
        if self.store.deposed.take().is_some() {
            self.reset_all(self.store.generation - 1);
        }
    }

    fn reset_all(&mut self, generation: u32) {
        for session in 0..self.sessions.len() {
            let of = &self.sessions[session];
            if of.generation == generation && !of.abandoned {
                self.reset(session);
            }
        }
    }

    /// Everything that is wrong ends; what is under way arrives when it arrives.
    fn heal(&mut self) {
        for slot in 0..self.slots.len() {
            self.strike(Fault::GoOn { slot });
            self.strike(Fault::Thaw { slot });
            self.slots[slot].link = super::network::Link::default();
            self.slots[slot].calm_since = Some(self.now);
        }
        self.store.hang_per_mille = 0;
        self.store.hangs.clear();
        self.store.calm_since = Some(self.now);
        let hung: Vec<_> = self.store.txns.iter().filter(|(_, txn)| txn.committing).collect();
        let hung: Vec<_> = hung.into_iter().map(|(id, _)| *id).collect();
        hung.into_iter().for_each(|txn| self.schedule_in(MILLI, Event::Commit(txn)));
    }

    /// Whether the process of that life runs still.
    pub(crate) fn lives_still(&self, life: Life) -> bool {
        let of = |process: &Process| process.life == life;
        self.slots.iter().any(|place| place.process.as_ref().is_some_and(of))
    }
}
