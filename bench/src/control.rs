//! The control streams of one agent, beside a bare fan-out: streams in axum that are fed by one
//! channel.
//!
//! A kill is timed from the first byte of its order until the last of 1,000 readers has read the
//! frame that tells it; every reader is a connection of its own, and one thread reads all of them.
//! The bare fan-out commits the frame as one row, makes it once and hands it to the channel: it knows
//! no keys and no agents, and its streams say nothing while nothing happens. The two are killed in
//! turns.

mod readers;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::Blocking;
use crate::load::create_agents;
use crate::resident;
use crate::results::{Results, median, quantile};
use crate::server::{BARE_CHANGE, Server};
use readers::{Change, Readers};

const READERS_COUNT: usize = 1_000;
const KILLS_COUNT: usize = 300;
const P99_MS_MAX: f64 = 150.0;
const BARE_RATIO_MAX: f64 = 1.5;

const IDLE_STREAMS_COUNT: usize = 2_000;
const IDLE_ROUNDS_COUNT: usize = 3;
/// Streams that are opened before and stay: they take up what a start has left free, and pay for
/// what is made once.
const FIRST_STREAMS_COUNT: usize = 500;
/// What is written about new instances is written, and what that took is given back.
const SETTLE: Duration = Duration::from_secs(3);
const EXTRA_KIBIBYTES_MAX: f64 = 4.0;

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    measure_kills(results)?;
    measure_idle(results)
}

fn measure_kills(results: &mut Results) -> anyhow::Result<()> {
    let (gateway, bare) = (Server::gateway()?, Server::bare_streams()?);
    let mut killed = Told::by_gateway(&gateway)?;
    let mut told = Told::by_bare(&bare)?;
    let (mut kills, mut bare_ms) = (Vec::new(), Vec::new());
    for _ in 0..KILLS_COUNT {
        kills.push(killed.round()?);
        bare_ms.push(told.round()?.last_read_ms);
    }
    let last_ms: Vec<_> = kills.iter().map(|kill| kill.last_read_ms).collect();
    let (p99, bare_p99) = (quantile(&last_ms, 0.99), quantile(&bare_ms, 0.99));
    let what = format!("{KILLS_COUNT} kills, {READERS_COUNT} control streams: last one told, p99");
    results.at_most(&what, p99, P99_MS_MAX, "ms");
    results.at_most(
        "the same, of the p99 of a bare fan-out that commits one row first",
        p99 / bare_p99,
        BARE_RATIO_MAX,
        "",
    );
    results.note(
        "the last one told: p50 and p99 of the gateway, of the bare fan-out",
        format!(
            "{:.1} and {p99:.1} ms, {:.1} and {bare_p99:.1} ms",
            quantile(&last_ms, 0.5),
            quantile(&bare_ms, 0.5)
        ),
    );
    let enforced_ms: Vec<_> = kills.iter().filter_map(|kill| kill.enforced_ms).collect();
    let both = |kill: &Kill| kill.enforced_ms.map(|enforced| kill.last_read_ms - enforced);
    let rest_ms: Vec<_> = kills.iter().filter_map(both).collect();
    let rest_p99 = quantile(&rest_ms, 0.99);
    results.note(
        "the same kills: p50 and p99 until durable and enforced, from there to the last one told",
        format!(
            "{:.1} and {:.1} ms, {:.1} and {rest_p99:.1} ms",
            quantile(&enforced_ms, 0.5),
            quantile(&enforced_ms, 0.99),
            quantile(&rest_ms, 0.5)
        ),
    );
    Ok(())
}

/// A kill, as it came to the readers.
struct Kill {
    /// From the order's first byte out until the last reader had read of it.
    last_read_ms: f64,
    /// What the receipt says of the order itself.
    enforced_ms: Option<f64>,
}

/// Readers, and whoever has them told of kills and resumes.
struct Told {
    operator: Blocking,
    readers: Readers,
    /// Where a kill is ordered, and where a resume is; what is sent there.
    kill: (String, Value),
    resume: (String, Value),
}

impl Told {
    fn by_gateway(gateway: &Server) -> anyhow::Result<Self> {
        let mut operator = gateway.operator()?;
        let agents = create_agents(&mut operator, "told", 1)?;
        let agent = agents.first().context("an agent")?;
        let path = format!("/v1/mesh/agents/{}", agent.name);
        Ok(Self {
            readers: Readers::open(gateway.address, &agent.key, 0..READERS_COUNT)?,
            operator,
            kill: (format!("{path}/kill"), json!({ "wait_instances_ms": 0 })),
            resume: (format!("{path}/resume"), json!({})),
        })
    }

    fn by_bare(bare: &Server) -> anyhow::Result<Self> {
        let change = |change: Change| (BARE_CHANGE.to_owned(), json!(change.word()));
        Ok(Self {
            readers: Readers::open(bare.address, "", 0..READERS_COUNT)?,
            operator: bare.operator()?,
            kill: change(Change::Killed),
            resume: change(Change::Resumed),
        })
    }

    /// A kill, and a resume once all have read of it. The answers, which are long, are read when
    /// all readers have read: taking them in is not what is timed.
    fn round(&mut self) -> anyhow::Result<Kill> {
        let Self { operator, readers, kill, resume } = self;
        let began = Instant::now();
        operator.send("POST", &kill.0, &kill.1)?;
        let last_read_ms = (readers.all_read(Change::Killed)? - began).as_secs_f64() * 1e3;
        let enforced_ms = operator.answer(&kill.0)?.pointer("/receipt/enforced_in_ms").cloned();
        operator.call("POST", &resume.0, &resume.1)?;
        readers.all_read(Change::Resumed)?;
        Ok(Kill { last_read_ms, enforced_ms: enforced_ms.as_ref().and_then(Value::as_f64) })
    }
}

fn measure_idle(results: &mut Results) -> anyhow::Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..IDLE_ROUNDS_COUNT {
        let gateway = Server::gateway()?;
        let agents = create_agents(&mut gateway.operator()?, "told", 1)?;
        let key = &agents.first().context("an agent")?.key;
        rounds.push((idle_bytes(&gateway, key)?, idle_bytes(&Server::bare_streams()?, "")?));
    }
    let of = |figure: fn(&(f64, f64)) -> f64| median(rounds.iter().map(figure).collect());
    results.at_most(
        &format!(
            "memory of an idle control stream above a bare one's, {IDLE_STREAMS_COUNT} of each"
        ),
        of(|(gateway, bare)| gateway - bare) / 1024.0,
        EXTRA_KIBIBYTES_MAX,
        "KiB",
    );
    results.note(
        "memory of an idle stream: gateway, bare",
        format!("{:.0}, {:.0} bytes", of(|round| round.0), of(|round| round.1)),
    );
    Ok(())
}

/// Memory of the server for one stream on which nothing happens.
fn idle_bytes(server: &Server, key: &str) -> anyhow::Result<f64> {
    let _first = Readers::open(server.address, key, 0..FIRST_STREAMS_COUNT)?;
    std::thread::sleep(SETTLE);
    let before = resident::bytes_of(server.process_id())?;
    let numbers = FIRST_STREAMS_COUNT..FIRST_STREAMS_COUNT + IDLE_STREAMS_COUNT;
    let _readers = Readers::open(server.address, key, numbers)?;
    std::thread::sleep(SETTLE);
    let after = resident::bytes_of(server.process_id())?;
    Ok((after as f64 - before as f64) / IDLE_STREAMS_COUNT as f64)
}
