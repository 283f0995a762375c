//! Durable intents on PostgreSQL: what one gateway takes over HTTP at 100 connections, beside a
//! bare loop that sends the same statement with as many rows as the gateway's batches had in the
//! round before.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::Client;

use crate::bare_postgres::BareLoop;
use crate::load::{Load, create_agents, intent};
use crate::postgres::{DATABASE, Postgres};
use crate::results::{Results, median};
use crate::server::Server;

const CONNECTIONS_COUNT: usize = 100;
const SENDERS_COUNT: usize = 10;
const ROUNDS_COUNT: usize = 4;
const ROUND: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_millis(500);
const RATIO_MIN: f64 = 0.5;

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let gateway = Server::replica(&postgres.url(), "only", None)?;
    gateway.wait_until_ready()?;
    let mut operator = gateway.operator()?;
    let senders = create_agents(&mut operator, "sender", SENDERS_COUNT)?;
    let receivers = create_agents(&mut operator, "receiver", 1)?;
    let receiver = receivers.first().map_or("", |receiver| &receiver.name);
    let requests: Vec<_> = senders.iter().map(|sender| intent(sender, receiver)).collect();
    let bare = BareLoop::open(&postgres, SENDERS_COUNT)?;
    let observer = Observer::open(&postgres)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS_COUNT {
        let before = observer.last_row()?;
        let load = Load::start(gateway.address, CONNECTIONS_COUNT, requests.clone());
        load.watch(WARM_UP);
        let taken = load.watch(ROUND).a_second;
        load.stop()?;
        let batch = observer.rows_of_a_batch(before)?.round();
        bare.run(WARM_UP, batch as usize)?;
        let written = bare.run(ROUND, batch as usize)?;
        rounds.push(Round { taken, written, batch });
    }
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = of(|round| round.taken / round.written);
    results.at_least("durable intents on PostgreSQL, of a bare loop's rate", ratio, RATIO_MIN, "");
    results.note(
        "durable intents a second on PostgreSQL: gateway, bare loop",
        format!("{:.0}, {:.0}", of(|round| round.taken), of(|round| round.written)),
    );
    results.note("intents in a batch on PostgreSQL", format!("{:.0}", of(|round| round.batch)));
    Ok(())
}

struct Round {
    /// Intents that the gateway took a second.
    taken: f64,
    /// Rows that the bare loop wrote a second.
    written: f64,
    /// Rows of a statement, in both.
    batch: f64,
}

/// Looks into the gateway's tables between the rounds.
struct Observer {
    runtime: Runtime,
    client: Client,
}

impl Observer {
    fn open(postgres: &Postgres) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(postgres.connect(DATABASE))?;
        Ok(Self { runtime, client })
    }

    fn last_row(&self) -> anyhow::Result<i64> {
        let sql = "SELECT coalesce(max(row_id), 0) FROM axme.intents";
        Ok(self.runtime.block_on(self.client.query_one(sql, &[]))?.get(0))
    }

    /// How many rows each transaction stored, on average.
    fn rows_of_a_batch(&self, after: i64) -> anyhow::Result<f64> {
        let sql = "SELECT count(*)::float8 / count(DISTINCT xmin::text)
                   FROM axme.intents WHERE row_id > $1";
        Ok(self.runtime.block_on(self.client.query_one(sql, &[&after]))?.get(0))
    }
}
