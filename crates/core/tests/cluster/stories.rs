//! Stories without a mistake: what the protocol does when one thing goes wrong.

use std::time::Duration;

use super::clock::MILLI;
use super::events::Phase;
use super::faults::Fault;
use super::network::Lane;
use super::schedule::{REPLICAS, throw};
use super::steering::{JOINER, KILLER, OTHER, VICTIM};
use super::world::World;

/// Plays a story with a few seeds; every promise is kept in all.
fn tell(story: fn(&mut World)) {
    for seed in 0..10 {
        let mut world = World::steered(seed, None);
        story(&mut world);
        assert!(world.oracle.violations.is_empty(), "seed {seed}: {}", world.verdict());
    }
}

/// How many kills have returned.
fn returned(world: &World, many: u64) -> bool {
    world.oracle.kills == many
}

#[test]
fn in_a_calm_world_a_kill_returns_in_milliseconds() {
    tell(|world| {
        world.begin_clients(10 * MILLI, 0);
        for round in 0..20 {
            world.kill(usize::try_from(round % 3).unwrap(), 0);
            world.reach(60 * MILLI, |world| returned(world, round + 1));
        }
    });
}

#[test]
fn a_frozen_replica_delays_a_kill_by_one_lease_and_admits_nothing_when_it_wakes() {
    tell(|world| {
        world.send(VICTIM, 0, 1, false);
        world.reach(50 * MILLI, |world| world.has_decided_a_batch(VICTIM));
        world.strike(Fault::Freeze { slot: VICTIM });
        let rows = world.store.db.rows.len();
        world.kill(KILLER, 0);
        world.run_for(690 * MILLI);
        assert!(returned(world, 0), "it waits for the frozen one");
        world.reach(120 * MILLI, |world| returned(world, 1));
        world.strike(Fault::Thaw { slot: VICTIM });
        world.press(VICTIM, 0, 400 * MILLI);
        assert_eq!(world.store.db.rows.len(), rows, "what it had decided is not in the store");
        world.reach(2_100 * MILLI, |world| world.serves(VICTIM));
    });
}

#[test]
fn a_failover_while_a_kill_commits_neither_loses_nor_repeats_it() {
    tell(|world| {
        world.begin_clients(20 * MILLI, 0);
        world.store.hangs.push(("append", KILLER, 30 * MILLI));
        world.kill(KILLER, 0);
        world.run_for(10 * MILLI);
        let entries = world.store.db.log.len();
        world.strike(Fault::FailOver { old_lives_for: 0 });
        world.reach(2_000 * MILLI, |world| returned(world, 1));
        assert_eq!(world.store.db.log.len(), entries + 1);
        world.press(VICTIM, 0, 300 * MILLI);
    });
}

#[test]
fn a_deposed_primary_that_lives_on_grants_no_freshness() {
    tell(|world| {
        world.strike(Fault::FailOver { old_lives_for: 5_000 * MILLI });
        world.run_for(670 * MILLI);
        assert!((0..3).all(|slot| !world.serves(slot)), "nobody could renew");
        world.reach(2_000 * MILLI, |world| (0..3).all(|slot| world.serves(slot)));
    });
}

#[test]
fn twins_of_one_id_are_waited_for_one_by_one() {
    tell(|world| {
        world.start(JOINER);
        assert_eq!(REPLICAS[JOINER], REPLICAS[VICTIM], "the same id");
        world.reach(100 * MILLI, |world| world.serves(JOINER));
        world.hold(JOINER, Lane::Reads, 3_000 * MILLI);
        world.kill(KILLER, 0);
        world.run_for(300 * MILLI);
        assert!(returned(world, 0), "its twin has not enforced");
        world.press(JOINER, 0, 900 * MILLI);
        assert!(returned(world, 1));
    });
}

#[test]
fn a_copy_of_a_replica_writes_nothing_in_its_epoch() {
    tell(|world| {
        world.strike(Fault::Copy { from: VICTIM, to: JOINER });
        assert!(world.serves(JOINER), "it believes so");
        let rows = world.store.db.rows.len();
        world.kill(KILLER, 0);
        world.press(JOINER, 0, 300 * MILLI);
        assert_eq!(world.store.db.rows.len(), rows);
        let epoch = |world: &World, slot: usize| {
            world.slots[slot].process.as_ref().and_then(|process| process.me.clone())
        };
        let both = |world: &World| world.serves(VICTIM) && world.serves(JOINER);
        world.reach(2_100 * MILLI, both);
        assert_ne!(epoch(world, VICTIM), epoch(world, JOINER), "each has joined on its own");
    });
}

#[test]
fn a_replica_cut_off_is_fenced_and_serves_again_when_the_cut_ends() {
    tell(|world| {
        world.begin_clients(20 * MILLI, 0);
        world.run_for(200 * MILLI);
        world.strike(Fault::Cut { slot: VICTIM, until: world.now + 2_000 * MILLI });
        world.kill(KILLER, 0);
        world.reach(870 * MILLI, |world| returned(world, 1));
        assert!(!world.serves(VICTIM));
        assert!(world.serves(OTHER), "the others go on");
        world.run_for(2_000 * MILLI);
        world.reach(2_100 * MILLI, |world| world.serves(VICTIM));
    });
}

#[test]
fn a_paused_machine_writes_no_row_when_it_goes_on() {
    tell(|world| {
        world.send(VICTIM, 0, 1, false);
        world.reach(50 * MILLI, |world| world.has_decided_a_batch(VICTIM));
        world.strike(Fault::Pause { slot: VICTIM });
        let rows = world.store.db.rows.len();
        world.kill(KILLER, 0);
        world.reach(1_000 * MILLI, |world| returned(world, 1));
        world.strike(Fault::GoOn { slot: VICTIM });
        assert!(world.serves(VICTIM), "its clock stood still: the honest limit");
        world.press(VICTIM, 0, 900 * MILLI);
        assert_eq!(world.store.db.rows.len(), rows);
    });
}

#[test]
fn a_hung_batch_is_ended_when_its_epoch_is_closed() {
    tell(|world| {
        world.store.hangs.push(("batch", VICTIM, 4_000 * MILLI));
        world.send(VICTIM, 0, 1, false);
        world.reach(50 * MILLI, |world| world.has_sent_a_batch(VICTIM));
        world.kill(KILLER, 0);
        world.reach(870 * MILLI, |world| returned(world, 1));
        world.press(VICTIM, 0, 900 * MILLI);
        world.reach(2_100 * MILLI, |world| world.serves(VICTIM));
    });
}

#[test]
fn a_kill_without_a_commit_is_unconfirmed_and_stands() {
    tell(|world| {
        world.strike(Fault::Cut { slot: KILLER, until: world.now + 2_600 * MILLI });
        world.kill(KILLER, 0);
        world.run_for(2_200 * MILLI);
        assert!(returned(world, 0));
        let process = world.slots[KILLER].process.as_ref().unwrap();
        assert!(process.tasks.values().all(|task| task.unconfirmed), "503, not 200");
        let word = process.cells[0].word.peek();
        assert_eq!(word.run_state, axme_core::hold::RunState::Killed, "denied here meanwhile");
        world.reach(3_000 * MILLI, |world| returned(world, 1));
    });
}

#[test]
fn a_failover_that_loses_a_kill_has_it_put_back_by_whoever_knew_it() {
    tell(|world| {
        world.strike(Fault::StandbyStalls);
        world.kill(KILLER, 0);
        world.reach(200 * MILLI, |world| returned(world, 1));
        let lost = world.store.db.log.len();
        world.strike(Fault::FailOverWithLoss);
        assert_eq!(world.store.db.log.len(), lost - 1);
        assert!(!world.owed.is_empty(), "everybody knew it");
        world.run_for(2_100 * MILLI);
        assert_eq!(world.store.db.log.len(), lost, "once, whoever puts it back");
        world.finish(Duration::from_millis(2_100));
        let process = world.slots[VICTIM].process.as_ref().unwrap();
        assert_eq!(process.phase, Phase::Running);
        assert!(!process.state.agents().all(|agent| agent.holds.is_empty()));
    });
}

#[test]
fn a_resume_that_has_not_seen_the_newer_kill_lifts_nothing() {
    tell(|world| {
        world.kill(KILLER, 0);
        world.reach(100 * MILLI, |world| returned(world, 1));
        let seen = world.store.db.head().0;
        world.hold(OTHER, Lane::Reads, 60 * MILLI);
        world.kill(KILLER, 0);
        world.run_for(10 * MILLI);
        world.resume(OTHER, 0, seen);
        world.run_for(1_000 * MILLI);
        let held = world.store.db.state.agents().filter(|agent| !agent.holds.is_empty());
        assert_eq!(held.count(), 1);
    });
}

#[test]
fn after_everything_has_gone_wrong_everybody_serves_within_three_leases() {
    for seed in 0..40 {
        let mut world = World::steered(seed, None);
        world.begin_clients(20 * MILLI, 200 * MILLI);
        for slot in 0..3 {
            world.strike(Fault::Slow { slot, longest: 4_000 * MILLI });
            world.strike(Fault::Lose { slot, per_mille: 20 });
        }
        world.strike(Fault::Hang { per_mille: 150 });
        world.run_for(700 * MILLI);
        world.strike(Fault::Freeze { slot: VICTIM });
        world.strike(Fault::Cut { slot: OTHER, until: world.now + 3_000 * MILLI });
        world.strike(Fault::FailOver { old_lives_for: 900 * MILLI });
        world.run_for(1_200 * MILLI);
        world.strike(Fault::Heal);
        world.run_for(2_100 * MILLI);
        world.finish(Duration::from_millis(2_100));
        assert!(world.oracle.violations.is_empty(), "seed {seed}: {}", world.verdict());
    }
}

#[test]
fn faults_are_thrown_so_that_all_of_the_protocol_is_used() {
    let (mut fenced, mut joined) = (0, 0);
    for seed in 0..60 {
        let world = throw(seed, None, None, false);
        let epochs = &world.store.db.epochs;
        fenced += epochs.values().filter(|row| row.closed).count();
        joined += epochs.len();
    }
    assert!(fenced > 80 && joined > 250, "{fenced} closed of {joined}");
}
