//! `axme serve`: runs a gateway.

use crate::context::Context;
use crate::failure::Failure;
use crate::owner_key;
use crate::runtime;
use axme_gateway::app::App;
use axme_gateway::config::{Config, Given};

/// Run a gateway; the first start makes its store and an owner key
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    given: Given,
}

impl Serve {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        runtime::log_to_stderr();
        runtime::raise_file_limit();
        let given = self.given.with_owner_key(|name| std::env::var(name).ok());
        let config = Config::load(given)
            .map_err(|error| Failure::Usage(format!("cannot run with these settings: {error}")))?;
        runtime::block_on(async {
            let stop = runtime::stop_signal().map_err(|error| {
                Failure::local("cannot listen for signals", error, "Try again.")
            })?;
            let app = App::start(config)
                .await
                .map_err(|error| runtime::failure("cannot start", &error))?;
            owner_key::hand_out(&app, &mut context.output)?;
            let output = &mut context.output;
            output.line(format_args!("axme serves on http://{}", app.address()))?;
            if let Some(address) = app.operator_address() {
                output.line(format_args!("for operators and owners alone on http://{address}"))?;
            }
            app.run(stop).await;
            Ok(())
        })?
    }
}
