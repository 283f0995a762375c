//! Kills while one replica stands still: it is stopped by a signal, does not notice, and goes on.

use std::time::{Duration, Instant};

use super::{Period, Watched};
use crate::cluster::{Cluster, REPLICAS_COUNT};
use crate::orders::{Kill, kill, resume};
use crate::results::{Results, quantile};

const ROUNDS_COUNT: usize = 21;
/// A kill comes up to so much later than the freezing: at any moment between two renewals.
const KILL_AFTER_MS: [u64; 7] = [0, 25, 50, 75, 100, 125, 150];
/// After a replica is ready again.
const PAUSE: Duration = Duration::from_millis(200);
const WORST_MS_MAX: f64 = 1_000.0;
const P99_RATIO_MAX: f64 = 1.5;

pub struct Round {
    killed: Kill,
    /// From the freezing until the replica was ready again.
    period: Period,
    ready_again_ms: f64,
}

/// Freezes the replicas in turns.
pub fn rounds(cluster: &mut Cluster) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::with_capacity(ROUNDS_COUNT);
    let agents = cluster.agents.iter().cycle();
    for (number, (agent, after)) in (0..ROUNDS_COUNT).zip(agents.zip(KILL_AFTER_MS.iter().cycle()))
    {
        let still = number % REPLICAS_COUNT;
        let replica = &cluster.replicas[still];
        let operator = &mut cluster.operators[(number + 1) % REPLICAS_COUNT];
        let from = Instant::now();
        let frozen = replica.freeze()?;
        std::thread::sleep(Duration::from_millis(*after));
        let killed = kill(operator, &agent.name)?;
        drop(frozen);
        let thawed = Instant::now();
        replica.wait_until_ready()?;
        let to = Instant::now();
        let ready_again_ms = (to - thawed).as_secs_f64() * 1e3;
        rounds.push(Round {
            killed,
            period: Period { from, to, frozen: Some(still) },
            ready_again_ms,
        });
        resume(operator, &agent.name)?;
        std::thread::sleep(PAUSE);
    }
    Ok(rounds)
}

pub fn report(results: &mut Results, rounds: &[Round], watched: &Watched, quiet: &[&Period]) {
    let took_ms: Vec<f64> = rounds.iter().map(|round| round.killed.took_ms).collect();
    let what = format!("{ROUNDS_COUNT} kills with one replica frozen, worst");
    results.at_most(&what, quantile(&took_ms, 1.0), WORST_MS_MAX, "ms");
    let fenced = |round: &&Round| round.killed.states.iter().any(|state| state == "fenced");
    let ready_ms: Vec<f64> = rounds.iter().map(|round| round.ready_again_ms).collect();
    results.note(
        "the same: p50; receipts with a fenced replica",
        format!("{:.0} ms; {}", quantile(&took_ms, 0.5), rounds.iter().filter(fenced).count()),
    );
    results.note(
        "ready again after it goes on: p50, worst",
        format!("{:.0} ms, {:.0} ms", quantile(&ready_ms, 0.5), quantile(&ready_ms, 1.0)),
    );
    let periods: Vec<&Period> = rounds.iter().map(|round| &round.period).collect();
    let (meanwhile, calm) = (watched.admissions(&periods), watched.admissions(quiet));
    let (p99, calm_p99) = (quantile(&meanwhile, 0.99), quantile(&calm, 0.99));
    results.at_most(
        "admissions at the other replicas meanwhile, p99, of that without kills",
        p99 / calm_p99,
        P99_RATIO_MAX,
        "",
    );
    results.note(
        "admissions: p50 and p99 without kills, p50 and p99 beside a frozen replica",
        format!(
            "{:.1} and {calm_p99:.1} ms, {:.1} and {p99:.1} ms",
            quantile(&calm, 0.5),
            quantile(&meanwhile, 0.5)
        ),
    );
    let failed = watched.failed(&periods);
    results.at_most("the same: requests neither admitted nor denied", failed, 0.0, "");
}
