//! What people build themselves: a flag in a table, at which every worker looks once a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio_postgres::Client;

use crate::postgres::{DATABASE, Postgres};

pub const WORKERS_COUNT: usize = 3;
const POLL_EVERY: Duration = Duration::from_secs(1);
/// When each worker looks within the second: as far apart as chance puts three on average. Spread
/// evenly they would be slower for an operator, together quicker.
const FIRST_POLLS_MS: [u64; WORKERS_COUNT] = [0, 120, 350];
/// No divisor of a second, so that flips fall everywhere in it.
const FLIP_EVERY: Duration = Duration::from_millis(61);

/// A flag that is set again and again, in a thread of its own.
pub struct Flag {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<f64>>>,
}

/// What a worker has read, and when it had it.
type Seen = Vec<(i64, Instant)>;

impl Flag {
    pub fn start(postgres: &Postgres) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let port = postgres.port();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(port, stopped))
        });
        Self { stop, thread }
    }

    /// For each flip, the milliseconds from when the operator began to set it until the last
    /// worker had seen it.
    pub fn stop(self) -> anyhow::Result<Vec<f64>> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().ok().context("the flag ended in a panic")?
    }
}

async fn run(port: u16, stop: Arc<AtomicBool>) -> anyhow::Result<Vec<f64>> {
    let operator = Postgres::connect_to(port, DATABASE).await?;
    operator
        .batch_execute(
            "CREATE TABLE flag (agent text PRIMARY KEY, flips bigint NOT NULL);
                        INSERT INTO flag VALUES ('sender-00', 0)",
        )
        .await?;
    let mut workers = Vec::new();
    for first in FIRST_POLLS_MS {
        let client = Postgres::connect_to(port, DATABASE).await?;
        let first = tokio::time::Instant::now() + Duration::from_millis(first);
        workers.push(tokio::spawn(work(client, first, Arc::clone(&stop))));
    }
    let set = operator.prepare("UPDATE flag SET flips = $1 WHERE agent = 'sender-00'").await?;
    let mut ticks = tokio::time::interval(FLIP_EVERY);
    let mut flips = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        ticks.tick().await;
        flips.push(Instant::now());
        operator.execute(&set, &[&(flips.len() as i64)]).await?;
    }
    let mut seen = Vec::new();
    for worker in workers {
        seen.push(worker.await??);
    }
    let took = flips.iter().enumerate().filter_map(|(number, flipped)| {
        let last = seen.iter().map(|seen| first_with(seen, number as i64 + 1)).max()??;
        Some((last - *flipped).as_secs_f64() * 1e3)
    });
    Ok(took.collect())
}

/// Looks once a second, and once more after the last flip.
async fn work(
    client: Client,
    first: tokio::time::Instant,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Seen> {
    let look = client.prepare("SELECT flips FROM flag WHERE agent = 'sender-00'").await?;
    let mut ticks = tokio::time::interval_at(first, POLL_EVERY);
    let mut seen = Seen::new();
    loop {
        ticks.tick().await;
        let last = stop.load(Ordering::SeqCst);
        let flips = client.query_one(&look, &[]).await?.get(0);
        seen.push((flips, Instant::now()));
        if last {
            return Ok(seen);
        }
    }
}

fn first_with(seen: &Seen, flip: i64) -> Option<Instant> {
    seen.iter().find(|(flips, _)| *flips >= flip).map(|(_, at)| *at)
}
