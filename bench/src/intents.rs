//! Durable intents: what the gateway takes over HTTP at 100 connections, beside a bare loop that
//! writes the same rows and indexes in batches of as many.

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
    bare.run(WARM_UP, CONNECTIONS_COUNT)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS_COUNT {
        let load = Load::start(gateway.address, CONNECTIONS_COUNT, requests.clone());
        load.watch(WARM_UP);
        let taken = load.watch(ROUND).a_second;
        load.stop()?;
        rounds.push((taken, bare.run(ROUND, CONNECTIONS_COUNT)?));
    }
    let of = |figure: fn(&(f64, f64)) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = of(|(taken, written)| taken / written);
    results.at_least("durable intents, of a bare loop's rate", ratio, RATIO_MIN, "");
    results.note(
        "durable intents a second: gateway, bare loop",
        format!("{:.0}, {:.0}", of(|round| round.0), of(|round| round.1)),
    );
    Ok(())
}
