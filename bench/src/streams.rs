//! A kill of an agent with 1,000 open streams: how long until the last one is closed.
//!
//! Timed from the first byte of the order to the end of the last stream, as its reader sees it; every reader is a connection of its own, and all of them are read by one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use crate::client::{Connection, request};
use crate::load::create_agents;
use crate::results::{Results, quantile};
use crate::server::Server;

const STREAMS_COUNT: usize = 1_000;
const ROUNDS_COUNT: usize = 30;
const P99_MS_MAX: f64 = 50.0;
const LOOK_EVERY: Duration = Duration::from_millis(5);
const OPEN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Streams that have begun look into their queue once; after this they rest.
const SETTLE: Duration = Duration::from_millis(500);

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let gateway = Server::gateway()?;
    let mut operator = gateway.operator()?;
    let agents = create_agents(&mut operator, "listener", 1)?;
    let agent = agents.first().context("an agent")?;
    let open = format!("/v1/agents/{}/intents/stream?wait_seconds=60", agent.name);
    let open: Arc<[u8]> = request("GET", &open, &agent.key, "").into();
    let path = format!("/v1/mesh/agents/{}", agent.name);
    let (mut last_ms, mut answered_ms, mut cut) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS_COUNT {
        let readers = Readers::open(gateway.address, &open)?;
        let began = Instant::now();
        let killed = operator.call("POST", &format!("{path}/kill"), &json!({}))?;
        answered_ms.push(began.elapsed().as_secs_f64() * 1e3);
        let counted = |what| killed.pointer(what).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let closed = counted("/receipt/streams_closed");
        anyhow::ensure!(closed == STREAMS_COUNT as u64, "streams closed: {closed}");
        cut += counted("/receipt/connections_cut");
        last_ms.push((readers.last_closed()? - began).as_secs_f64() * 1e3);
        operator.call("POST", &format!("{path}/resume"), &json!({}))?;
    }
    let what = format!("kill with {STREAMS_COUNT} open streams: last one closed, p99");
    results.at_most(&what, quantile(&last_ms, 0.99), P99_MS_MAX, "ms");
    results.note(
        "the same: p50 of the last stream, p50 of the kill's answer",
        format!("{:.1} ms, {:.1} ms", quantile(&last_ms, 0.5), quantile(&answered_ms, 0.5)),
    );
    let all = STREAMS_COUNT * ROUNDS_COUNT;
    results.note("the same: streams that lost their connection", format!("{cut} of {all}"));
    Ok(())
}

/// Readers of open streams, in a thread of their own.
struct Readers(std::thread::JoinHandle<anyhow::Result<Instant>>);

impl Readers {
    /// Answers once all of them are open and wait.
    fn open(address: std::net::SocketAddr, open: &Arc<[u8]>) -> anyhow::Result<Self> {
        let (open, opened) = (Arc::clone(open), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&opened);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(read_all(address, open, count))
        });
        let began = Instant::now();
        while opened.load(Ordering::SeqCst) < STREAMS_COUNT {
            if thread.is_finished() || began.elapsed() > OPEN_WAIT_MAX {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        std::thread::sleep(SETTLE);
        Ok(Self(thread))
    }

    /// When the last stream was seen to end.
    fn last_closed(self) -> anyhow::Result<Instant> {
        self.0.join().ok().context("a reader ended in a panic")?
    }
}

async fn read_all(
    address: std::net::SocketAddr,
    open: Arc<[u8]>,
    opened: Arc<AtomicUsize>,
) -> anyhow::Result<Instant> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..STREAMS_COUNT {
        let (open, opened) = (Arc::clone(&open), Arc::clone(&opened));
        tasks.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let head = connection.begin(&open).await?;
            anyhow::ensure!(head.status == 200, "a stream answered {}", head.status);
            opened.fetch_add(1, Ordering::SeqCst);
            connection.to_end().await;
            Ok((Instant::now(), connection))
        });
    }
    let (mut last, mut kept) = (None, Vec::new());
    while let Some(ended) = tasks.join_next().await {
        let (closed_at, connection) = ended??;
        last = last.max(Some(closed_at));
        // Closed when all have ended: a client comes back on its connection.
        kept.push(connection);
    }
    last.context("no stream was open")
}
