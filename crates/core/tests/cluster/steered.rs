//! Mistakes that dice seldom find: stopped, cut or killed over exactly between two steps.
//!
//! Each schedule is played with a few seeds, which vary delays and drift. With the mistake some of
//! them break the promise; without it none does.

use super::bugs::Bug;
use super::clock::MILLI;
use super::faults::Fault;
use super::network::Lane;
use super::steering::{JOINER, KILLER, OTHER, VICTIM};
use super::world::World;

/// Seeds that each schedule is played with.
const SEEDS: u64 = 12;
/// Plays a schedule with the mistake and without it.
fn steer(bug: Bug, promise: &'static str, schedule: fn(&mut World)) {
    let mut broken = 0;
    for seed in 0..SEEDS {
        let mut world = World::steered(seed, Some(bug));
        world.oracle.expects = Some(promise);
        schedule(&mut world);
        broken += usize::from(world.oracle.has_broken(promise));
        let mut clean = World::steered(seed, None);
        schedule(&mut clean);
        assert!(clean.oracle.violations.is_empty(), "seed {seed}, no bug: {}", clean.verdict());
    }
    println!("{bug:?} breaks {promise} in {broken} of {SEEDS}");
    assert!(broken > 0, "{bug:?} has not broken {promise}");
}

/// Stopped between the sending of a renewal and its answer, and killed over; woken just before
/// the kill returns.
#[test]
fn bug_04_freshness_from_the_answer_breaks_k1e() {
    steer(Bug::FreshFromTheAnswer, "K1e", |world| {
        world.reach(500 * MILLI, |world| !world.renews(VICTIM));
        world.reach(500 * MILLI, |world| world.renews(VICTIM));
        world.hold(VICTIM, Lane::Reads, 3_000 * MILLI);
        world.run_for(MILLI);
        world.strike(Fault::Freeze { slot: VICTIM });
        world.kill(KILLER, 0);
        world.run_for(600 * MILLI);
        world.hold_requests(VICTIM, Lane::Renewals, 3_000 * MILLI);
        world.strike(Fault::Thaw { slot: VICTIM });
        world.press(VICTIM, 0, 900 * MILLI);
    });
}

/// A kill within ten milliseconds of a registration whose commit takes longer.
#[test]
fn bug_07_freshness_from_the_registering_transaction_breaks_k1i() {
    steer(Bug::FreshFromRegistering, "K1i", |world| {
        world.store.hangs.push(("register", JOINER, 40 * MILLI));
        world.start(JOINER);
        world.run_for(2 * MILLI);
        world.kill(KILLER, 0);
        world.hold(JOINER, Lane::Renewals, 600 * MILLI);
        world.hold(JOINER, Lane::Reads, 600 * MILLI);
        world.press(JOINER, 0, 900 * MILLI);
    });
}

/// A replica joins while the append of a kill is on its way.
#[test]
fn bug_08_a_list_read_before_the_commit_breaks_k1i() {
    steer(Bug::ListBeforeCommit, "K1i", |world| {
        world.store.hangs.push(("append", KILLER, 60 * MILLI));
        world.kill(KILLER, 0);
        world.run_for(4 * MILLI);
        world.start(JOINER);
        world.reach(50 * MILLI, |world| world.serves(JOINER));
        world.hold(JOINER, Lane::Reads, 3_000 * MILLI);
        world.press(JOINER, 0, 900 * MILLI);
    });
}

/// One kill closes an epoch that is fresh still, because its batch hangs; the next kill comes at
/// once, and the epoch hears of neither.
#[test]
fn bug_11_a_closed_epoch_taken_for_gone_breaks_k1e() {
    steer(Bug::ClosedIsGone, "K1e", |world| {
        world.store.hangs.push(("batch", VICTIM, 3_000 * MILLI));
        world.send(VICTIM, 0, 1, false);
        world.reach(50 * MILLI, |world| world.has_sent_a_batch(VICTIM));
        world.kill(KILLER, 0);
        world.reach(1_000 * MILLI, |world| world.is_closing_somebody(KILLER));
        world.strike(Fault::Cut { slot: VICTIM, until: world.now + 3_000 * MILLI });
        world.reach(300 * MILLI, |world| world.has_closed(VICTIM));
        world.kill(OTHER, 2);
        world.press(VICTIM, 2, 900 * MILLI);
    });
}

/// A batch has no answer for two seconds, a kill returns, and the batch is committed after it.
#[test]
fn bug_12_a_forgotten_batch_breaks_k1i() {
    steer(Bug::UnknownForgotten, "K1i", |world| {
        world.store.hangs.push(("batch", VICTIM, 2_200 * MILLI));
        world.send(VICTIM, 0, 1, false);
        world.run_for(2_050 * MILLI);
        world.kill(KILLER, 0);
        world.run_for(1_200 * MILLI);
    });
}

/// Renewals go through, and the log does not.
#[test]
fn bug_14_freshness_before_everything_is_applied_breaks_k1e() {
    steer(Bug::FreshBeforeApplied, "K1e", |world| {
        world.hold(VICTIM, Lane::Reads, 3_000 * MILLI);
        world.kill(KILLER, 0);
        world.reach(1_000 * MILLI, |world| world.is_closing_somebody(KILLER));
        world.strike(Fault::Cut { slot: VICTIM, until: world.now + 3_000 * MILLI });
        world.press(VICTIM, 0, 900 * MILLI);
    });
}

/// A batch under the budget hangs while its epoch is closed, and what its slice had left is spent
/// by others.
#[test]
fn bug_16_a_slice_taken_back_before_closing_breaks_k8() {
    steer(Bug::SliceBackBeforeClosing, "K8", |world| {
        world.send(VICTIM, 0, 1, true);
        world.run_for(20 * MILLI);
        world.spend(400 * MILLI);
        world.store.hangs.push(("batch", VICTIM, 3_000 * MILLI));
        world.send(VICTIM, 0, 1, true);
        world.reach(50 * MILLI, |world| world.has_sent_a_batch(VICTIM));
        world.kill(KILLER, 0);
        world.reach(1_000 * MILLI, |world| world.is_closing_somebody(KILLER));
        world.spend(90 * MILLI);
        world.reach(1_000 * MILLI, |world| world.has_closed(VICTIM));
        world.spend(200 * MILLI);
    });
}

/// A failover loses a revision that a replica has applied, and a kill takes its number.
#[test]
fn bug_17_a_reused_revision_that_nobody_notices_breaks_k1i() {
    steer(Bug::DivergenceUnnoticed, "K1i", |world| {
        world.strike(Fault::StandbyStalls);
        world.change(VICTIM);
        world.run_for(30 * MILLI);
        world.strike(Fault::FailOverWithLoss);
        let all = |world: &World| (0..3).all(|slot| world.serves(slot));
        world.reach(500 * MILLI, |world| !world.serves(VICTIM));
        world.reach(500 * MILLI, all);
        world.kill(KILLER, 0);
        world.press(VICTIM, 0, 900 * MILLI);
    });
}

/// A failover loses a kill that one replica knows; what the new log holds behind it is read
/// before the replica hears that its connections are dead.
#[test]
fn bug_19_entries_that_follow_nothing_break_putting_back() {
    steer(Bug::ChainNotFollowed, "PutBack", |world| {
        world.strike(Fault::StandbyStalls);
        world.hold(KILLER, Lane::Reads, 200 * MILLI);
        world.hold(OTHER, Lane::Reads, 200 * MILLI);
        world.kill(VICTIM, 0);
        world.run_for(20 * MILLI);
        world.hold(VICTIM, Lane::Renewals, 400 * MILLI);
        world.hold(VICTIM, Lane::Batches, 400 * MILLI);
        world.strike(Fault::FailOverWithLoss);
        world.run_for(100 * MILLI);
        world.change(OTHER);
        world.run_for(30 * MILLI);
        world.change(OTHER);
        world.run_for(3_000 * MILLI);
        world.finish(std::time::Duration::ZERO);
    });
}

/// After a failover reads are connected to the old primary again, which does not know a replica
/// that joins at the new one. That one decides a batch and is stopped before it sends it.
#[test]
fn bug_21_a_list_from_a_deposed_primary_breaks_k1i() {
    steer(Bug::ListFromDeposed, "K1i", |world| {
        world.strike(Fault::FailOver { old_lives_for: 6_000 * MILLI });
        world.run_for(1_200 * MILLI);
        world.start(JOINER);
        world.reach(50 * MILLI, |world| world.serves(JOINER));
        world.send(JOINER, 0, 1, false);
        world.reach(50 * MILLI, |world| world.has_decided_a_batch(JOINER));
        world.strike(Fault::Freeze { slot: JOINER });
        world.kill(KILLER, 0);
        world.run_for(1_500 * MILLI);
        world.strike(Fault::Thaw { slot: JOINER });
        world.run_for(300 * MILLI);
    });
}

/// A reading of the list is under way for long, and an epoch that has just renewed is closed
/// before it arrives.
#[test]
fn bug_22_silence_from_the_question_breaks_k1e() {
    steer(Bug::SilenceFromTheQuestion, "K1e", |world| {
        world.hold_requests(VICTIM, Lane::Batches, 3_000 * MILLI);
        world.send(VICTIM, 0, 1, false);
        world.reach(50 * MILLI, |world| world.has_sent_a_batch(VICTIM));
        world.kill(KILLER, 0);
        world.run_for(330 * MILLI);
        // Whatever the other asks from here on arrives after the closing.
        world.hold_requests(OTHER, Lane::Reads, 400 * MILLI);
        world.reach(1_000 * MILLI, |world| world.has_closed(VICTIM));
        world.strike(Fault::Cut { slot: VICTIM, until: world.now + 3_000 * MILLI });
        world.press(VICTIM, 2, 300 * MILLI);
        world.kill(OTHER, 2);
        world.press(VICTIM, 2, 600 * MILLI);
    });
}

/// A renewal hangs in its commit while its epoch is closed, and is committed after the next kill
/// has found the epoch closed and silent.
#[test]
fn bug_23_silence_through_the_closing_breaks_k1e() {
    steer(Bug::SilenceThroughClosing, "K1e", |world| {
        world.hold_requests(VICTIM, Lane::Batches, 3_000 * MILLI);
        world.send(VICTIM, 0, 1, false);
        world.reach(50 * MILLI, |world| world.has_sent_a_batch(VICTIM));
        world.kill(KILLER, 0);
        world.run_for(530 * MILLI);
        world.reach(500 * MILLI, |world| !world.renews(VICTIM));
        world.store.hangs.push(("renew", VICTIM, 580 * MILLI));
        // The renewal before it is seen early.
        world.timer(OTHER, super::events::Timer::Watch);
        world.reach(500 * MILLI, |world| world.renews(VICTIM));
        world.hold(VICTIM, Lane::Reads, 3_000 * MILLI);
        world.hold_requests(VICTIM, Lane::Renewals, 3_000 * MILLI);
        world.run_for(525 * MILLI);
        world.kill(OTHER, 2);
        world.press(VICTIM, 2, 200 * MILLI);
    });
}

/// A kill comes between the check of a batch and its sending.
#[test]
fn bug_13_registering_after_the_check_breaks_k1i() {
    steer(Bug::RegisterAfterCheck, "K1i", |world| {
        world.linger = 60 * MILLI;
        for _ in 0..12 {
            world.send(VICTIM, 0, 1, false);
            world.run_for(2 * MILLI);
        }
        world.kill(KILLER, 0);
        world.run_for(900 * MILLI);
    });
}

/// A kill comes while work of its agent waits behind a batch of others.
#[test]
fn bug_18_a_queue_that_is_not_decided_again_breaks_k1i() {
    steer(Bug::QueueNotDecidedAgain, "K1i", |world| {
        world.store.hangs.push(("batch", VICTIM, 100 * MILLI));
        world.send(VICTIM, 1, 2, false);
        world.reach(50 * MILLI, |world| world.has_sent_a_batch(VICTIM));
        world.send(VICTIM, 0, 1, false);
        world.run_for(2 * MILLI);
        world.kill(KILLER, 0);
        world.run_for(300 * MILLI);
    });
}

/// A failover loses an epoch that was closed; its number is given out again, and then marked as
/// gone by whoever had closed the first.
#[test]
fn bug_24_an_open_epoch_marked_as_gone_breaks_k1i() {
    steer(Bug::OpenIsRetired, "K1i", |world| {
        world.strike(Fault::StandbyStalls);
        world.start(JOINER);
        world.reach(50 * MILLI, |world| world.serves(JOINER));
        world.strike(Fault::Freeze { slot: JOINER });
        world.kill(KILLER, 2);
        world.reach(1_000 * MILLI, |world| world.has_closed(JOINER));
        world.run_for(20 * MILLI);
        world.strike(Fault::FailOverWithLoss);
        world.strike(Fault::Thaw { slot: JOINER });
        world.run_for(750 * MILLI);
        // With the number of the lost epoch; whichever of the two has it.
        let named = [VICTIM, JOINER].into_iter().find(|slot| world.has_epoch(*slot, 4));
        let slot = named.unwrap_or(JOINER);
        world.hold(slot, Lane::Reads, 300 * MILLI);
        world.kill(OTHER, 0);
        world.press(slot, 0, 150 * MILLI);
    });
}
