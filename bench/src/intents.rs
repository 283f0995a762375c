//! Durable intents: what the gateway takes over HTTP at 100 connections, beside a bare loop that
//! writes the same rows and indexes in the same batches: each of its transactions has as many rows
//! as the gateway's had in the round before.

use std::time::Duration;

use crate::load::{Load, create_agents, intent};
use crate::results::{Results, median};
use crate::rows::BareLoop;
use crate::server::Server;

const CONNECTIONS_COUNT: usize = 100;
const SENDERS_COUNT: usize = 10;
const ROUNDS_COUNT: usize = 4;
const ROUND: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_millis(500);
const RATIO_MIN: f64 = 0.5;

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let gateway = Server::gateway()?;
    let mut operator = gateway.operator()?;
    let senders = create_agents(&mut operator, "sender", SENDERS_COUNT)?;
    let receivers = create_agents(&mut operator, "receiver", 1)?;
    let receiver = receivers.first().map_or("", |receiver| &receiver.name);
    let requests: Vec<_> = senders.iter().map(|sender| intent(sender, receiver)).collect();
    let folder = tempfile::tempdir()?;
    let mut bare = BareLoop::open(folder.path())?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS_COUNT {
        let load = Load::start(gateway.address, CONNECTIONS_COUNT, requests.clone());
        load.watch(WARM_UP);
        let before = gateway.commits()?;
        let rate = load.watch(ROUND);
        let commits = gateway.commits()?.wrapping_sub(before);
        load.stop()?;
        let batch = (rate.done as f64 / f64::from(commits)).round();
        bare.run(WARM_UP, batch as usize)?;
        let written = bare.run(ROUND, batch as usize)?;
        rounds.push(Round { taken: rate.a_second, written, batch });
    }
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = of(|round| round.taken / round.written);
    results.at_least("durable intents, of a bare loop's rate", ratio, RATIO_MIN, "");
    results.note(
        "durable intents a second: gateway, bare loop",
        format!("{:.0}, {:.0}", of(|round| round.taken), of(|round| round.written)),
    );
    results.note("intents in a transaction", format!("{:.0}", of(|round| round.batch)));
    Ok(())
}

struct Round {
    /// Intents that the gateway took a second.
    taken: f64,
    /// Rows that the bare loop wrote a second.
    written: f64,
    /// Rows of a transaction, in both.
    batch: f64,
}
