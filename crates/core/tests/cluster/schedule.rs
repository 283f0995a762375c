//! Schedules: worlds that are thrown by dice, and worlds that are steered.

use std::time::Duration;

use axme_core::invariants::{self, Violation};

use super::bugs::Bug;
use super::clock::{MILLI, Micros};
use super::faults::Fault;
use super::world::World;

/// The longest that a message is late.
const SLOW_MAX: Micros = 4_000 * MILLI;
/// The longest step of the store's wall clock.
const WALL_STEP_MAX: i64 = 10_000_000;

/// Three replicas, and a fourth machine for a twin of the first one's id.
pub(crate) const REPLICAS: [&str; 4] = ["anna", "berta", "clara", "anna"];
/// Until when faults are thrown.
const FAULTS_UNTIL: Micros = 2_300 * MILLI;
/// Three leases and a little, after which everybody has to serve.
const HEALED_FOR: Micros = 2_150 * MILLI;

/// One seed from beginning to end.
pub(crate) fn throw(
    seed: u64,
    bug: Option<Bug>,
    expects: Option<&'static str>,
    trace: bool,
) -> World {
    let mut world = World::new(seed, bug, &REPLICAS);
    world.oracle.expects = expects;
    if trace {
        world.keep_trace();
    }
    (0..3).for_each(|slot| world.start(slot));
    world.begin_clients(18 * MILLI, 260 * MILLI);
    world.hints_lost_per_mille = [0, 50, 400, 1_000][world.dice.index(4)];
    world.linger = [2, 6, 15][world.dice.index(3)] * MILLI;
    let lossy = world.dice.per_mille(80);
    if lossy {
        let stalls = world.dice.between(300 * MILLI, 1_500 * MILLI);
        let fails = stalls + world.dice.between(5 * MILLI, 700 * MILLI);
        world.strike_at(stalls, Fault::StandbyStalls);
        world.strike_at(fails, Fault::FailOverWithLoss);
    }
    world.throw_faults(FAULTS_UNTIL);
    world.run_until(FAULTS_UNTIL + HEALED_FOR);
    world.finish(Duration::from_micros(HEALED_FOR));
    world
}

impl World {
    /// Throws dice for what goes wrong before `until`; then it heals.
    pub(crate) fn throw_faults(&mut self, until: Micros) {
        let many = self.dice.below(9);
        let replicas = self.slots.len();
        for _ in 0..many {
            let at = self.dice.between(250 * MILLI, until);
            let slot = self.dice.index(replicas);
            let longest = self.dice.below(2) * 1_200 + 400;
            let end = at + self.dice.between(20 * MILLI, longest * MILLI);
            match self.dice.below(13) {
                0 | 1 => self.strike_for(at, end, Fault::Freeze { slot }, Fault::Thaw { slot }),
                2 => self.strike_for(at, end, Fault::Pause { slot }, Fault::GoOn { slot }),
                3 => self.strike_for(at, end, Fault::Die { slot }, Fault::Start { slot }),
                4 | 5 => self.strike_at(at, Fault::Cut { slot, until: end }),
                6 | 7 => {
                    let longest = self.dice.between(10 * MILLI, SLOW_MAX);
                    let normal = Fault::Slow { slot, longest: 0 };
                    self.strike_for(at, end, Fault::Slow { slot, longest }, normal);
                }
                8 => {
                    let normal = Fault::Lose { slot, per_mille: 0 };
                    self.strike_for(at, end, Fault::Lose { slot, per_mille: 15 }, normal);
                }
                9 => {
                    let far = u64::try_from(2 * WALL_STEP_MAX).unwrap();
                    let by = i64::try_from(self.dice.below(far)).unwrap() - WALL_STEP_MAX;
                    self.strike_at(at, Fault::StepWall { by });
                }
                10 => {
                    let per_mille = self.dice.between(5, 120);
                    self.strike_for(
                        at,
                        end,
                        Fault::Hang { per_mille },
                        Fault::Hang { per_mille: 0 },
                    );
                }
                11 => {
                    let old_lives_for = self.dice.below(2) * self.dice.below(1_500 * MILLI);
                    self.strike_at(at, Fault::FailOver { old_lives_for });
                }
                _ => self.strike_at(at, Fault::Start { slot: replicas - 1 }),
            }
        }
        self.strike_at(until, Fault::Heal);
    }

    fn strike_for(&mut self, from: Micros, to: Micros, fault: Fault, end: Fault) {
        self.strike_at(from, fault);
        self.strike_at(to, end);
    }

    /// Three replicas that serve, without clients and without faults.
    pub(crate) fn steered(seed: u64, bug: Option<Bug>) -> Self {
        let mut world = Self::new(seed, bug, &REPLICAS);
        world.keep_trace();
        (0..3).for_each(|slot| world.start(slot));
        let all = |world: &Self| (0..3).all(|slot| world.serves(slot));
        assert!(world.run_to(1_000 * MILLI, all), "three replicas serve");
        world
    }

    /// What can only be checked at the end.
    pub(crate) fn finish(&mut self, healed_for: Duration) {
        if !self.oracle.wants_more() {
            return;
        }
        let processes: Vec<_> =
            (0..self.slots.len()).filter(|slot| self.slots[*slot].process.is_some()).collect();
        let serving = processes.iter().filter(|slot| self.serves(**slot)).count();
        let lease = self.lease;
        let progress =
            invariants::progress_after_healing(lease, healed_for, serving, processes.len());
        self.oracle.check(progress);
        let keys: Vec<_> = self.store.db.rows.iter().map(|row| row.item.key).collect();
        self.oracle.check(invariants::k7_no_key_twice(keys));
        (0..super::orders::AGENTS).for_each(|receiver| self.oracle.check_cursors(receiver));
        if !self.oracle.lossy {
            self.oracle.check(invariants::k6_exact(self.counts()));
        }
        for (kill, life) in std::mem::take(&mut self.owed) {
            if self.lives_still(life) && self.store.db.find(kill.into()).is_none() {
                let what = format!("{kill} was lost by a failover and nobody has put it back");
                self.oracle.check(Err(Violation { promise: "PutBack", what }));
            }
        }
    }

    /// The broken promises, shown with how it came to them.
    pub(crate) fn verdict(&self) -> String {
        format!("{:?}\n{}", self.oracle.violations, self.traced())
    }
}
