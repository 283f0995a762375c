//! Load: many connections that each send their request again as soon as it was answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::{Blocking, Connection, request};

/// An agent that sends.
pub struct Agent {
    pub name: String,
    pub key: String,
}

/// Makes agents with a key each.
pub fn create_agents(
    operator: &mut Blocking,
    name: &str,
    count: usize,
) -> anyhow::Result<Vec<Agent>> {
    let create = |number| {
        let name = format!("{name}-{number:02}");
        let made = operator.call("POST", "/v1/service-accounts", &json!({ "name": name }))?;
        let account = text(&made, "/service_account/service_account_id")?;
        let path = format!("/v1/service-accounts/{account}/keys");
        let made = operator.call("POST", &path, &json!({}))?;
        Ok(Agent { name, key: text(&made, "/key/token")? })
    };
    (0..count).map(create).collect()
}

/// The request of an agent that sends an intent to `receiver`.
pub fn intent(agent: &Agent, receiver: &str) -> Vec<u8> {
    let body = json!({
        "intent_type": "intent.email.send.v1",
        "correlation_id": "019ab1f0-a000-7000-8000-00000000000a",
        "to_agent": receiver,
        "payload": crate::rows::payload(),
    });
    request("POST", "/v1/intents", &agent.key, &body.to_string())
}

/// Load that runs in a thread of its own until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    thread: JoinHandle<anyhow::Result<()>>,
}

#[derive(Default)]
struct Counts {
    done: AtomicU64,
    denied: AtomicU64,
}

/// What a load did between two moments.
pub struct Rate {
    pub done: u64,
    pub a_second: f64,
}

impl Load {
    /// Opens `connections` and sends on them, in turns, the given requests.
    pub fn start(address: SocketAddr, connections: usize, requests: Vec<Vec<u8>>) -> Self {
        let (stop, counts) = (Arc::<AtomicBool>::default(), Arc::<Counts>::default());
        let parts = (Arc::clone(&stop), Arc::clone(&counts));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let requests: Vec<Arc<[u8]>> = requests.into_iter().map(Arc::from).collect();
            runtime.block_on(run(address, connections, &requests, parts))
        });
        Self { stop, counts, thread }
    }

    /// Lets it run for a while and answers what was done in that time.
    pub fn watch(&self, period: Duration) -> Rate {
        let (before, began) = (self.counts.done.load(Ordering::SeqCst), Instant::now());
        std::thread::sleep(period);
        let done = self.counts.done.load(Ordering::SeqCst) - before;
        Rate { done, a_second: done as f64 / began.elapsed().as_secs_f64() }
    }

    pub fn denied(&self) -> u64 {
        self.counts.denied.load(Ordering::SeqCst)
    }

    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().ok().context("the load ended in a panic")?
    }
}

async fn run(
    address: SocketAddr,
    connections: usize,
    requests: &[Arc<[u8]>],
    (stop, counts): (Arc<AtomicBool>, Arc<Counts>),
) -> anyhow::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..connections {
        let request = requests.get(number % requests.len()).context("a request")?;
        let (request, stop, counts) = (Arc::clone(request), Arc::clone(&stop), Arc::clone(&counts));
        let mut connection = Connection::open(address).await?;
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                match connection.call(&request).await? {
                    200 => counts.done.fetch_add(1, Ordering::Relaxed),
                    403 => counts.denied.fetch_add(1, Ordering::Relaxed),
                    other => anyhow::bail!("answered {other}"),
                };
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("no {pointer} in {value}"))
}
