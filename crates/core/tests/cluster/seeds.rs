//! Thousands of worlds without a mistake in them: no promise is broken in any.

use super::schedule::throw;

/// Worlds of each half, unless `CLUSTER_SEEDS` says how many.
const SEEDS: u64 = 2_500;

fn all_promises_are_kept(half: u64) {
    let many = std::env::var("CLUSTER_SEEDS").ok().and_then(|many| many.parse().ok());
    let many = many.unwrap_or(SEEDS);
    let seeds = half * many..(half + 1) * many;
    let (mut kills, mut steps) = (0, 0);
    for seed in seeds.clone() {
        let world = throw(seed, None, None, false);
        (kills, steps) = (kills + world.oracle.kills, steps + world.steps);
        if !world.oracle.violations.is_empty() {
            panic!("seed {seed}: {}", throw(seed, None, None, true).verdict());
        }
    }
    println!("{seeds:?}: {kills} kills returned, {steps} steps");
}

#[test]
fn thousands_of_seeds_of_dice_keep_every_promise_one_half() {
    all_promises_are_kept(0);
}

#[test]
fn thousands_of_seeds_of_dice_keep_every_promise_other_half() {
    all_promises_are_kept(1);
}

/// `CLUSTER_SEED=17 cargo test -p axme-core --test cluster replay -- --nocapture`
#[test]
fn replay_of_a_seed_from_the_environment() {
    let seed = std::env::var("CLUSTER_SEED").ok().and_then(|seed| seed.parse().ok());
    let world = throw(seed.unwrap_or_default(), None, None, true);
    assert!(world.oracle.violations.is_empty(), "{}", world.verdict());
}

#[test]
fn the_same_seed_makes_the_same_world() {
    let (one, other) = (throw(7, None, None, true), throw(7, None, None, true));
    assert_eq!((one.steps, one.traced()), (other.steps, other.traced()));
}
