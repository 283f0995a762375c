//! `axme mesh dashboard`: open the dashboard, signed in with this key.

use crate::client::{self, Client};
use crate::context::Context;
use crate::failure::Failure;
use crate::settings::{BaseUrl, Desktop};
use axme_api::dashboard::DashboardTokenAnswer;
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often, and how long apart, an opener is looked at that may fail.
const LOOKS_COUNT: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Open the dashboard in a browser, signed in with your key.
///
/// The link works once, for five minutes. AXME_MESH_DASHBOARD_URL is where the dashboard is, when
/// people reach it by another address than the gateway says.
#[derive(Debug, clap::Args)]
pub(crate) struct Dashboard {
    /// Print the link instead of opening it
    #[arg(long)]
    no_browser: bool,
}

impl Dashboard {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let elsewhere = context.environment.dashboard_url.as_deref();
        let elsewhere = elsewhere.map(BaseUrl::parse).transpose()?;
        let desktop = context.environment.desktop;
        let client = context.client()?;
        let mut answer = client.post("/v1/auth/dashboard-token", &json!({}))?;
        let token = client::read::<DashboardTokenAnswer>(&answer)?;
        let link = link(&client, elsewhere.as_ref(), &token);
        if let Some(url) = answer.get_mut("url") {
            *url = json!(link);
        }
        context.output.answer(&answer, |output| {
            let minutes = token.expires_in.div_ceil(60);
            let browser = desktop.filter(|_| !self.no_browser);
            if browser.is_some_and(|desktop| open(desktop, &link)) {
                return output.line(format_args!(
                    "The dashboard opens in your browser. The link works once, for {minutes} min."
                ));
            }
            output.line("Open this in a browser; it signs you in:")?;
            output.line(format_args!("  {link}"))?;
            output.line(format_args!("It works once, for {minutes} min."))
        })
    }
}

/// Where to go: as the environment says, else as the gateway says, else where the gateway is.
fn link(client: &Client, elsewhere: Option<&BaseUrl>, token: &DashboardTokenAnswer) -> String {
    let at = |base: &BaseUrl| format!("{base}/auth/exchange?token={}", token.token);
    match elsewhere {
        Some(base) => at(base),
        None if token.url.starts_with("http") => token.url.clone(),
        None => at(client.url()),
    }
}

/// Has the desktop open a link; whether it seems to.
fn open(desktop: Desktop, link: &str) -> bool {
    let opener = match desktop {
        Desktop::FreeDesktop => "xdg-open",
        Desktop::Mac => "open",
    };
    let mut command = Command::new(opener);
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut opening) = command.spawn() else { return false };
    // It may go on for as long as the browser is open; what fails, fails soon.
    for _ in 0..LOOKS_COUNT {
        match opening.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(LOOK_EVERY),
            Err(_gone) => return false,
        }
    }
    true
}
