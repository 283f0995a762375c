//! What can be typed, and what becomes of it: the verb runs, its failure is told, the exit code
//! says 0 done, 1 refused or failed, 2 wrong usage.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::{Environment, GlobalFlags};
use crate::verbs::Command;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// Stop, resume and watch AI agents behind a self-hosted gateway.
#[derive(Debug, Parser)]
#[command(name = "axme", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    flags: GlobalFlags,
    #[command(subcommand)]
    command: Command,
}

/// Runs one command line to its end.
pub(crate) fn run(
    cli: Cli,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let output = Output::new(out, err, cli.flags.json);
    let mut context = Context { flags: cli.flags, environment, output };
    match cli.command.run(&mut context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            context.output.failure(&failure);
            ExitCode::from(exit_code(&failure))
        }
    }
}

fn exit_code(failure: &Failure) -> u8 {
    match failure {
        Failure::Usage(_) => 2,
        Failure::Refused(_)
        | Failure::Failed { .. }
        | Failure::Partly { .. }
        | Failure::Output(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
