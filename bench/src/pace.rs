//! Load at a steady pace: a request each few milliseconds at every server, whether or not those
//! before it were answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::client::Connection;

/// Connections at each server. When none is free the request is not sent.
const CONNECTIONS_MAX: usize = 48;
/// How long answers are waited for when the load has ended.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Load that runs in a thread of its own until it is stopped.
pub struct Pace {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Sample>>>,
}

/// One request.
#[derive(Clone, Copy)]
pub struct Sample {
    /// The place of its server.
    pub server: usize,
    pub sent_at: Instant,
    /// From the first byte out to the last byte in.
    pub took_ms: f64,
    /// 0 when the connection was closed instead.
    pub status: u16,
}

impl Pace {
    /// Sends the given requests in turns, one `every` so often at each server; the servers take
    /// turns as well.
    pub fn start(addresses: Vec<SocketAddr>, every: Duration, requests: Vec<Vec<u8>>) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let requests: Arc<[Arc<[u8]>]> = requests.into_iter().map(Arc::from).collect();
            runtime.block_on(run(&addresses, every, &requests, &stopped))
        });
        Self { stop, thread }
    }

    /// Answers every request that was answered.
    pub fn stop(self) -> anyhow::Result<Vec<Sample>> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().ok().context("the load ended in a panic")?
    }
}

async fn run(
    addresses: &[SocketAddr],
    every: Duration,
    requests: &Arc<[Arc<[u8]>]>,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Vec<Sample>> {
    let begin = tokio::time::Instant::now();
    let mut servers = JoinSet::new();
    for (server, address) in addresses.iter().enumerate() {
        let first = begin + every * u32::try_from(server)? / u32::try_from(addresses.len())?;
        let ticks = tokio::time::interval_at(first, every);
        let (address, requests, stop) = (*address, Arc::clone(requests), Arc::clone(stop));
        servers.spawn(async move { at_one(server, address, ticks, &requests, &stop).await });
    }
    let mut samples = Vec::new();
    while let Some(ended) = servers.join_next().await {
        samples.extend(ended??);
    }
    Ok(samples)
}

async fn at_one(
    server: usize,
    address: SocketAddr,
    mut ticks: tokio::time::Interval,
    requests: &[Arc<[u8]>],
    stop: &AtomicBool,
) -> anyhow::Result<Vec<Sample>> {
    let (mut free, mut under_way, mut samples) = (Vec::new(), JoinSet::new(), Vec::new());
    let mut requests = requests.iter().cycle();
    while !stop.load(Ordering::Relaxed) {
        tokio::select! {
            _ = ticks.tick() => {
                let connection = match free.pop() {
                    Some(connection) => connection,
                    None if under_way.len() < CONNECTIONS_MAX => Connection::open(address).await?,
                    None => continue,
                };
                let request = Arc::clone(requests.next().context("a request")?);
                under_way.spawn(send(server, connection, request));
            }
            Some(answered) = under_way.join_next() => {
                let (connection, sample) = answered?;
                free.extend(connection);
                samples.push(sample);
            }
        }
    }
    let last = async {
        while let Some(answered) = under_way.join_next().await {
            samples.push(answered?.1);
        }
        anyhow::Ok(())
    };
    // What is not answered by then is left out.
    if let Ok(ended) = tokio::time::timeout(LAST_ANSWER_WITHIN, last).await {
        ended?;
    }
    Ok(samples)
}

/// The connection comes back unless it was closed.
async fn send(
    server: usize,
    mut connection: Connection,
    request: Arc<[u8]>,
) -> (Option<Connection>, Sample) {
    let sent_at = Instant::now();
    let answered = connection.call(&request).await;
    let took_ms = sent_at.elapsed().as_secs_f64() * 1e3;
    let status = *answered.as_ref().unwrap_or(&0);
    (answered.is_ok().then_some(connection), Sample { server, sent_at, took_ms, status })
}
