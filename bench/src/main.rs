//! Measures the gateway and writes `RESULTS.md` beside this crate.
//!
//! Every promise about speed is a ratio or a bound that is taken in one run on one machine, so that
//! it means the same on a laptop and on a server. Where two things are compared they run in turns.
//!
//! `axme-bench [NAME…]` runs only the benchmarks whose names are given, and then writes nothing.

mod allocator;
mod bare_postgres;
mod client;
mod cluster;
mod control;
mod decide;
mod far;
mod heartbeats;
mod idle;
mod intents;
mod intents_postgres;
mod kills;
mod load;
mod machine;
mod million;
mod orders;
mod pace;
mod postgres;
mod processor_time;
mod replicas;
mod resident;
mod results;
mod rows;
mod serve;
mod server;
mod streams;
mod tenancy;

use std::process::ExitCode;

use results::Results;

/// A benchmark: its name and what it adds to the results.
type Benchmark = (&'static str, fn(&mut Results) -> anyhow::Result<()>);

const BENCHMARKS: [Benchmark; 11] = [
    ("decide", decide::measure),
    ("heartbeats", heartbeats::measure),
    ("intents", intents::measure),
    ("kills", kills::measure),
    ("streams", streams::measure),
    ("control", control::measure),
    ("replicas", replicas::measure),
    ("intents-postgres", intents_postgres::measure),
    ("idle", idle::measure),
    ("far", far::measure),
    ("million", million::measure),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    machine::raise_file_limit();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(kind) = arguments.first().and_then(|first| first.strip_prefix("--serve=")) {
        return serve::serve(kind);
    }
    let mut results = Results::default();
    for (name, measure) in BENCHMARKS {
        if arguments.is_empty() || arguments.iter().any(|wanted| wanted == name) {
            eprintln!("{name}");
            measure(&mut results)?;
        }
    }
    if arguments.is_empty() {
        results.write()?;
    }
    results.verdict()
}
