//! Kills against a flood: 200 connections send intents as fast as they can, and meanwhile their
//! agents are killed and resumed, one after the other.
//!
//! A kill is timed from its first byte out to its last byte in, by a client that does nothing else.

use std::time::Duration;

use crate::client::Blocking;
use crate::load::{Agent, Load, create_agents, intent};
use crate::orders;
use crate::results::{Results, quantile};
use crate::server::Server;

const CONNECTIONS_COUNT: usize = 200;
const SENDERS_COUNT: usize = 10;
const KILLS_COUNT: usize = 400;
/// Between two kills, so that the flood is a flood again.
const PAUSE: Duration = Duration::from_millis(25);
const WARM_UP: Duration = Duration::from_secs(1);
const P99_MS_MAX: f64 = 100.0;
const IDLE_RATIO_MAX: f64 = 5.0;

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let gateway = Server::gateway()?;
    let mut operator = gateway.operator()?;
    let senders = create_agents(&mut operator, "sender", SENDERS_COUNT)?;
    let receivers = create_agents(&mut operator, "receiver", 1)?;
    let receiver = receivers.first().map_or("", |receiver| &receiver.name);
    let requests: Vec<_> = senders.iter().map(|sender| intent(sender, receiver)).collect();

    let mut idle = kills(&mut operator, &senders, KILLS_COUNT / 2)?;
    let load = Load::start(gateway.address, CONNECTIONS_COUNT, requests);
    let rate = load.watch(WARM_UP).a_second;
    let flooded = kills(&mut operator, &senders, KILLS_COUNT)?;
    let denied = load.denied();
    load.stop()?;
    idle.extend(kills(&mut operator, &senders, KILLS_COUNT / 2)?);

    let (p99, idle_p99) = (quantile(&flooded, 0.99), quantile(&idle, 0.99));
    let what = format!("{KILLS_COUNT} kills against {CONNECTIONS_COUNT} connections, p99");
    results.at_most(&what, p99, P99_MS_MAX, "ms");
    results.at_most("the same, of the idle kill's p99", p99 / idle_p99, IDLE_RATIO_MAX, "");
    results.note(
        "kill against the flood: p50, worst",
        format!("{:.1} ms, {:.1} ms", quantile(&flooded, 0.5), quantile(&flooded, 1.0)),
    );
    results
        .note("idle kill: p50, p99", format!("{:.1} ms, {idle_p99:.1} ms", quantile(&idle, 0.5)));
    results.note("the flood: intents a second before the kills", format!("{rate:.0}"));
    results.note("the flood: tries denied meanwhile", denied.to_string());
    Ok(())
}

/// Kills and resumes the agents in turns; answers the milliseconds that each kill took.
fn kills(operator: &mut Blocking, agents: &[Agent], count: usize) -> anyhow::Result<Vec<f64>> {
    let mut took_ms = Vec::with_capacity(count);
    for agent in agents.iter().cycle().take(count) {
        took_ms.push(orders::kill(operator, &agent.name)?.took_ms);
        orders::resume(operator, &agent.name)?;
        std::thread::sleep(PAUSE);
    }
    Ok(took_ms)
}
