//! `axme serve`: runs a gateway.

use crate::context::Context;
use crate::failure::Failure;
use crate::owner_key;
use crate::runtime;
use axme_gateway::app::Starting;
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
            let mut stop = std::pin::pin!(stop);
            let cannot_start = |error| runtime::failure("cannot start", &error);
            let starting = Starting::listen(config).await.map_err(cannot_start)?;
            let app = tokio::select! {
                app = starting.serve() => app.map_err(cannot_start)?,
                () = &mut stop => return Ok(()),
            };
            owner_key::hand_out(&app, &mut context.output)?;
            let output = &mut context.output;
            let scheme = if app.config().tls.is_some() { "https" } else { "http" };
            output.line(format_args!("axme serves on {scheme}://{}", app.address()))?;
            if let Some(address) = app.operator_address() {
                let line = format_args!("for operators and owners alone on {scheme}://{address}");
                output.line(line)?;
            }
            app.run(stop).await;
            Ok(())
        })?
    }
}
