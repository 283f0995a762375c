//! The known mistakes, each found by the promise that it breaks: by dice where they find it at
//! once, by a steered schedule where they seldom do. Without the mistake the same worlds are clean.

use super::bugs::Bug;
use super::schedule::throw;

/// Worlds that are thrown at most until a mistake is found.
const SEEDS_MAX: u64 = 2_000;

/// Throws dice from a seed on until `bug` breaks `promise`; the same seed without the bug keeps
/// every promise. The seed to begin with saves time: it is a little before one that finds.
fn dice_find(bug: Bug, promise: &'static str, from: u64) {
    for seed in from..from + SEEDS_MAX {
        let world = throw(seed, Some(bug), Some(promise), false);
        if world.oracle.has_broken(promise) {
            println!(
                "{bug:?} breaks {promise} with seed {seed}; in all {:?}",
                world.oracle.violations
            );
            let clean = throw(seed, None, None, true);
            assert!(clean.oracle.violations.is_empty(), "without the bug: {}", clean.verdict());
            return;
        }
    }
    panic!("{bug:?} has not broken {promise} in {SEEDS_MAX} seeds");
}

#[test]
fn bug_01_a_report_before_the_sent_batch_ends_breaks_k1i() {
    dice_find(Bug::ReportsBeforeTheBatchEnds, "K1i", 0);
}

#[test]
fn bug_02_a_batch_without_its_epoch_breaks_k1i() {
    dice_find(Bug::BatchWithoutEpoch, "K1i", 0);
}

#[test]
fn bug_03_an_epoch_read_without_a_lock_breaks_k1i() {
    dice_find(Bug::EpochReadWithoutLock, "K1i", 0);
}

#[test]
fn bug_05_a_lease_by_the_wall_clock_breaks_k1e() {
    dice_find(Bug::LeaseByWallClock, "K1e", 0);
}

#[test]
fn bug_06_a_lease_by_replica_id_breaks_k1i() {
    dice_find(Bug::LeaseByReplicaId, "K1i", 0);
}

#[test]
fn bug_09_already_from_memory_breaks_k1i() {
    dice_find(Bug::AlreadyFromMemory, "K1i", 0);
}

#[test]
fn bug_10_a_resume_planned_over_a_newer_kill_breaks_k5() {
    dice_find(Bug::ResumeOverNewerKill, "K5", 0);
}

#[test]
fn bug_15_cursors_from_a_sequence_break_cursor() {
    dice_find(Bug::CursorFromSequence, "Cursor", 0);
}

#[test]
fn bug_20_a_former_state_that_is_forgotten_breaks_putting_back() {
    dice_find(Bug::FormerStateForgotten, "PutBack", 0);
}
