//! Heartbeats without metrics, beside a bare handler that answers with the same body.
//!
//! The handler is as small as one in axum can be: one route, no key; it reads the request's body and
//! writes the answer as JSON. What the gateway adds is ids, the key, its place, the decision, the
//! sign of life, and what the answer says. A beat that names its instance is measured beside the
//! same handler, which reads the name as bytes.

use std::time::Duration;

use crate::client::request;
use crate::load::{Load, create_agents};
use crate::processor_time;
use crate::results::{Results, median};
use crate::server::{HEARTBEAT, Server};

/// The body of a beat that names its instance.
const NAMED: &str = r#"{"instance_id":"i-7"}"#;
const AGENTS_COUNT: usize = 32;
const CONNECTIONS_COUNT: usize = 64;
const ROUNDS_COUNT: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(300);
const RATIO_MIN: f64 = 0.8;
const EXTRA_MICROSECONDS_MAX: f64 = 10.0;

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let (gateway, bare) = (Server::gateway()?, Server::bare()?);
    let agents = create_agents(&mut gateway.operator()?, "sender", AGENTS_COUNT)?;
    let beats = |body| -> Vec<_> {
        agents.iter().map(|agent| request("POST", HEARTBEAT, &agent.key, body)).collect()
    };
    let (plain, named) = (beats(""), beats(NAMED));
    let (mut plain_rounds, mut named_rounds) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS_COUNT {
        plain_rounds.0.push((round(&gateway, &plain)?, round(&bare, &plain)?));
        named_rounds.0.push((round(&gateway, &named)?, round(&bare, &named)?));
    }
    let ratio = plain_rounds.median(|(gateway, bare)| gateway.a_second / bare.a_second);
    results.at_least("heartbeats, of a bare handler's rate", ratio, RATIO_MIN, "");
    results.note("heartbeats a second: gateway, bare handler", plain_rounds.rates());
    results.at_most(
        "processor time of a heartbeat above the bare handler's",
        plain_rounds.extra_microseconds(),
        EXTRA_MICROSECONDS_MAX,
        "µs",
    );
    results.note("processor time of a request: gateway, bare handler", plain_rounds.times());
    results.at_most(
        "processor time of a heartbeat with an instance id above the bare handler's",
        named_rounds.extra_microseconds(),
        EXTRA_MICROSECONDS_MAX,
        "µs",
    );
    results.note(
        "with an instance id, a second and processor time: gateway, bare handler",
        format!("{}; {}", named_rounds.rates(), named_rounds.times()),
    );
    Ok(())
}

/// Rounds of the gateway and of the bare handler, in turns.
#[derive(Default)]
struct Rounds(Vec<(Round, Round)>);

impl Rounds {
    fn median(&self, figure: fn(&(Round, Round)) -> f64) -> f64 {
        median(self.0.iter().map(figure).collect())
    }

    fn extra_microseconds(&self) -> f64 {
        self.median(|(gateway, bare)| gateway.microseconds - bare.microseconds)
    }

    fn rates(&self) -> String {
        let of = |figure| self.median(figure);
        format!("{:.0}, {:.0}", of(|round| round.0.a_second), of(|round| round.1.a_second))
    }

    fn times(&self) -> String {
        let of = |figure| self.median(figure);
        format!(
            "{:.1} µs, {:.1} µs",
            of(|round| round.0.microseconds),
            of(|round| round.1.microseconds)
        )
    }
}

struct Round {
    a_second: f64,
    /// Processor time of the server for one request.
    microseconds: f64,
}

fn round(server: &Server, beats: &[Vec<u8>]) -> anyhow::Result<Round> {
    let load = Load::start(server.address, CONNECTIONS_COUNT, beats.to_vec());
    load.watch(WARM_UP);
    let before = processor_time::used_by(server.process_id())?;
    let rate = load.watch(ROUND);
    let used = processor_time::used_by(server.process_id())? - before;
    load.stop()?;
    let microseconds = used.as_secs_f64() * 1e6 / rate.done as f64;
    Ok(Round { a_second: rate.a_second, microseconds })
}
