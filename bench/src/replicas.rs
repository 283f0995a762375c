//! One kill over three replicas, under 1,000 intents a second.
//!
//! The kills go through all three in turns. Beside them, in the same database, runs what people
//! build themselves: a flag in a table that three workers look at once a second. Then one replica
//! after the other is frozen, killed over, and let go on: see `frozen`.

mod flag;
mod frozen;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, REPLICAS_COUNT};
use crate::load::{create_agents, intent};
use crate::orders::{Kill, kill, resume};
use crate::pace::{Pace, Sample};
use crate::results::{Results, quantile};
use flag::Flag;

/// At each of three replicas: 1,000 a second in all.
const REQUEST_EVERY: Duration = Duration::from_millis(3);
/// A fleet: what an agent has queued when it is resumed is queued anew, and a queue is locked
/// while a batch is written to it.
const SENDERS_COUNT: usize = 120;
const RECEIVERS_COUNT: usize = 24;
const KILLS_COUNT: usize = 330;
/// Between two kills.
const PAUSE: Duration = Duration::from_millis(25);
const WARM_UP: Duration = Duration::from_secs(2);
/// Load without kills, before them and again after them.
const QUIET: Duration = Duration::from_secs(5);
const P50_MS_MAX: f64 = 10.0;
const P99_MS_MAX: f64 = 50.0;

/// What became of the load.
struct Watched {
    samples: Vec<Sample>,
}

impl Watched {
    /// What was sent within one of these periods, at a replica other than the one that stood
    /// still.
    fn within<'a>(&'a self, periods: &[&Period]) -> Vec<&'a Sample> {
        let counts = |sample: &&Sample| periods.iter().any(|period| period.holds(sample));
        self.samples.iter().filter(counts).collect()
    }

    /// The milliseconds that admissions took.
    fn admissions(&self, periods: &[&Period]) -> Vec<f64> {
        let sent = self.within(periods);
        sent.iter().filter(|sample| sample.status == 200).map(|sample| sample.took_ms).collect()
    }

    /// How many requests were neither admitted nor denied.
    fn failed(&self, periods: &[&Period]) -> f64 {
        let mut failed = self.within(periods);
        failed.retain(|sample| ![200, 403].contains(&sample.status));
        for status in failed.iter().map(|sample| sample.status).collect::<BTreeSet<_>>() {
            let these = failed.iter().filter(|sample| sample.status == status);
            let took_ms: Vec<f64> = these.map(|sample| sample.took_ms).collect();
            let (count, median) = (took_ms.len(), quantile(&took_ms, 0.5));
            eprintln!(
                "    {count} requests were answered {status}, half of them in {median:.1} ms"
            );
        }
        failed.len() as f64
    }
}

/// A part of the run.
struct Period {
    from: Instant,
    to: Instant,
    /// The replica that stood still in it.
    frozen: Option<usize>,
}

impl Period {
    /// Lets it pass.
    fn of(length: Duration) -> Self {
        let from = Instant::now();
        std::thread::sleep(length);
        Self { from, to: Instant::now(), frozen: None }
    }

    fn holds(&self, sample: &Sample) -> bool {
        (self.from..self.to).contains(&sample.sent_at) && self.frozen != Some(sample.server)
    }
}

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(SENDERS_COUNT)?;
    let receivers = create_agents(&mut cluster.operators[0], "receiver", RECEIVERS_COUNT)?;
    let pairs = cluster.agents.iter().zip(receivers.iter().cycle());
    let requests = pairs.map(|(agent, receiver)| intent(agent, &receiver.name)).collect();
    let addresses = cluster.replicas.iter().map(|replica| replica.address).collect();
    let load = Pace::start(addresses, REQUEST_EVERY, requests);
    std::thread::sleep(WARM_UP);
    let mut quiet = vec![Period::of(QUIET)];
    let flag = Flag::start(&cluster.postgres);
    let began = Instant::now();
    let killed = kills(&mut cluster)?;
    let killing = Period { from: began, to: Instant::now(), frozen: None };
    let flips_ms = flag.stop()?;
    quiet.push(Period::of(QUIET));
    let rounds = frozen::rounds(&mut cluster)?;
    let watched = Watched { samples: load.stop()? };

    report_kills(results, &killed, &flips_ms);
    let quiet: Vec<&Period> = quiet.iter().collect();
    report_load(results, &watched, &quiet, &killing);
    frozen::report(results, &rounds, &watched, &quiet);
    Ok(())
}

/// Kills and resumes the senders in turns, through the replicas in turns.
fn kills(cluster: &mut Cluster) -> anyhow::Result<Vec<Kill>> {
    let mut killed = Vec::with_capacity(KILLS_COUNT);
    for (number, agent) in (0..KILLS_COUNT).zip(cluster.agents.iter().cycle()) {
        let operator = &mut cluster.operators[number % REPLICAS_COUNT];
        killed.push(kill(operator, &agent.name)?);
        resume(operator, &agent.name)?;
        std::thread::sleep(PAUSE);
    }
    Ok(killed)
}

fn report_kills(results: &mut Results, killed: &[Kill], flips_ms: &[f64]) {
    let took_ms: Vec<f64> = killed.iter().map(|kill| kill.took_ms).collect();
    let (p50, p99) = (quantile(&took_ms, 0.5), quantile(&took_ms, 0.99));
    let what = format!("{KILLS_COUNT} kills over {REPLICAS_COUNT} replicas on PostgreSQL");
    results.at_most(&format!("{what}, p50"), p50, P50_MS_MAX, "ms");
    results.at_most("the same, p99", p99, P99_MS_MAX, "ms");
    results.note("the same: worst", format!("{:.1} ms", quantile(&took_ms, 1.0)));
    let missing = killed.iter().filter(|kill| !kill.is_enforced_by(REPLICAS_COUNT)).count();
    results.at_most("the same: receipts that are not all enforced", missing as f64, 0.0, "");
    let (flip_p50, flip_p99) = (quantile(flips_ms, 0.5), quantile(flips_ms, 0.99));
    results.note(
        &format!(
            "{} flags in the same database, polled each second by {} workers: p50, p99",
            flips_ms.len(),
            flag::WORKERS_COUNT
        ),
        format!("{flip_p50:.0} ms, {flip_p99:.0} ms"),
    );
    results.note(
        "the flag against the kill: p50, p99",
        format!("{:.0} times, {:.0} times", flip_p50 / p50, flip_p99 / p99),
    );
}

fn report_load(results: &mut Results, watched: &Watched, quiet: &[&Period], killing: &Period) {
    let meanwhile = watched.admissions(&[killing]);
    let sent = watched.within(&[killing]).len() as f64;
    results.note(
        "requests a second meanwhile; admissions' p50, p99",
        format!(
            "{:.0}; {:.1} ms, {:.1} ms",
            sent / (killing.to - killing.from).as_secs_f64(),
            quantile(&meanwhile, 0.5),
            quantile(&meanwhile, 0.99)
        ),
    );
    let failed = watched.failed(quiet) + watched.failed(&[killing]);
    results.at_most("requests neither admitted nor denied", failed, 0.0, "");
}
