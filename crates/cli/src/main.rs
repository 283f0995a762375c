//! The `axme` command: one binary for the people who operate agents.

mod audit_chain;
mod client;
mod command;
mod context;
mod failure;
mod names;
mod output;
mod owner_key;
mod profiles;
mod prompt;
mod runtime;
mod settings;
mod verbs;
mod wording;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = command::Cli::parse();
    let environment = settings::Environment::read();
    // Handles, not locks: a verb may start threads that write too.
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    command::run(cli, &environment, &mut out, &mut err)
}
