//! A replica that is 100 ms away from the database each way.
//!
//! With the default lease first. When the far replica is fenced at rest with it, again with the
//! lease that `docs/operating.md` names for such a distance, and the targets are of that run.

mod proxy;

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cluster::{Cluster, REPLICAS_COUNT};
use crate::orders::{Kill, kill, resume};
use crate::postgres::{Postgres, url_at};
use crate::results::{Results, quantile};
use crate::server::readiness;
use proxy::Proxy;

const DELAY: Duration = Duration::from_millis(100);
/// As `docs/operating.md` says for a round trip of 200 ms.
const LEASE_DOCUMENTED_MS: u64 = 1_200;
const FAR: usize = REPLICAS_COUNT - 1;
const REST: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const AGENTS_COUNT: usize = 6;
const NEAR_KILLS_COUNT: usize = 20;
const FAR_KILLS_COUNT: usize = 10;
/// Between two kills, in which the far replica comes to know of the resume.
const PAUSE: Duration = Duration::from_millis(500);

/// What one lease came to.
struct Run {
    lease: String,
    /// Looks at the far replica that did not find it ready in the epoch it had.
    fenced_at_rest: usize,
    /// Lives of it that ended during the kills.
    ended: u64,
    near: Vec<Kill>,
    far: Vec<Kill>,
}

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let mut run = Run::with(None)?;
    run.note(results);
    if run.fenced_at_rest > 0 {
        run = Run::with(Some(LEASE_DOCUMENTED_MS))?;
        run.note(results);
    }
    let what = format!("100 ms away each way, at rest, {}: looks that found it fenced", run.lease);
    results.at_most(&what, run.fenced_at_rest as f64, 0.0, "");
    for (from, kills) in [("near", &run.near), ("far", &run.far)] {
        let (count, bound) = (kills.len(), bound_ms(kills));
        let what = format!("the same: {count} kills through a {from} replica, worst");
        results.at_most(&what, worst_ms(kills), bound, "ms");
    }
    Ok(())
}

impl Run {
    fn with(lease_ms: Option<u64>) -> anyhow::Result<Self> {
        let postgres = Postgres::start()?;
        let proxy = Proxy::start(postgres.port(), DELAY)?;
        let mut urls = vec![postgres.url(); REPLICAS_COUNT];
        urls[FAR] = url_at(proxy.port());
        let mut cluster = Cluster::start_at(postgres, &urls, lease_ms, AGENTS_COUNT)?;
        std::thread::sleep(PAUSE);
        let (first, fenced_at_rest) = rest(&mut cluster)?;
        let near = kills(&mut cluster, 0, NEAR_KILLS_COUNT)?;
        let far = kills(&mut cluster, FAR, FAR_KILLS_COUNT)?;
        let last = readiness(&mut cluster.operators[FAR])?;
        let lease = lease_ms.map_or("default lease".to_owned(), |ms| format!("lease of {ms} ms"));
        let ended = u64::from(last != Some(first));
        Ok(Self { lease, fenced_at_rest, ended, near, far })
    }

    fn note(&self, results: &mut Results) {
        let Self { lease, fenced_at_rest, ended, near, far } = self;
        results.note(
            &format!("100 ms away each way, {lease}: kills through a near replica, through the far one: p50 and worst, of a bound"),
            format!(
                "{:.0} and {:.0} ms of {:.0}, {:.0} and {:.0} ms of {:.0}",
                p50_ms(near), worst_ms(near), bound_ms(near), p50_ms(far), worst_ms(far), bound_ms(far),
            ),
        );
        let fenced = near.iter().chain(far).filter(|kill| !kill.is_enforced_by(REPLICAS_COUNT));
        results.note(
            "the same: looks at rest that found it fenced, receipts not all enforced, epochs ended",
            format!("{fenced_at_rest}, {}, {ended}", fenced.count()),
        );
    }
}

/// Looks at the far replica while nothing happens: its epoch, and how often it was not ready in it.
fn rest(cluster: &mut Cluster) -> anyhow::Result<(u64, usize)> {
    let far = &mut cluster.operators[FAR];
    let first = readiness(far)?.unwrap_or(0);
    let (began, mut fenced) = (Instant::now(), 0);
    while began.elapsed() < REST {
        std::thread::sleep(LOOK_EVERY);
        fenced += usize::from(readiness(far)? != Some(first));
    }
    Ok((first, fenced))
}

fn kills(cluster: &mut Cluster, through: usize, count: usize) -> anyhow::Result<Vec<Kill>> {
    let operator = &mut cluster.operators[through];
    let mut killed = Vec::with_capacity(count);
    for (number, agent) in cluster.agents.iter().cycle().take(count).enumerate() {
        let which = || format!("kill {number} through replica {through}");
        killed.push(kill(operator, &agent.name).with_context(which)?);
        resume(operator, &agent.name).with_context(which)?;
        std::thread::sleep(PAUSE);
    }
    Ok(killed)
}

fn p50_ms(kills: &[Kill]) -> f64 {
    quantile(&kills.iter().map(|kill| kill.took_ms).collect::<Vec<_>>(), 0.5)
}

fn worst_ms(kills: &[Kill]) -> f64 {
    kills.iter().map(|kill| kill.took_ms).fold(0.0, f64::max)
}

/// The least that a receipt promised.
fn bound_ms(kills: &[Kill]) -> f64 {
    kills.iter().map(|kill| kill.bound_ms).fold(f64::INFINITY, f64::min)
}
