//! Reading the mailer's delivery stream, frame by frame as it arrives.

use super::agents::{Identity, MAILER};
use axme_api::JsonObject;
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::time::Duration;
use ureq::Agent;

/// How long the gateway keeps a quiet stream open; also how late the reader sees the demo's end.
const WAIT_SECONDS: u32 = 1;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A quiet stream ends by itself long before.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The mailer's side of its delivery stream.
pub(super) struct Frames {
    agent: Agent,
    identity_key: String,
    url: String,
    /// The last delivery that was seen; the next stream begins after it.
    since: u64,
}

/// The part of a frame that the mailer needs.
#[derive(Deserialize)]
pub(super) struct Frame {
    pub(super) intent_id: String,
    seq: u64,
    /// The e-mail.
    pub(super) payload: JsonObject,
}

impl Frames {
    pub(super) fn new(identity: &Identity) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(true)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(SILENCE_MAX));
        Self {
            agent: Agent::new_with_config(config.build()),
            identity_key: identity.key.clone(),
            url: format!("{}/v1/agents/{MAILER}/intents/stream", identity.url),
            since: 0,
        }
    }

    /// Opens the stream once and hands over the intents that come, until it ends.
    ///
    /// # Errors
    /// What went wrong, in words; the stream may be opened again.
    pub(super) fn read(&mut self, mut take: impl FnMut(Frame)) -> Result<(), String> {
        let url = format!("{}?since={}&wait_seconds={WAIT_SECONDS}", self.url, self.since);
        let opened = self.agent.get(&url).header("x-api-key", &self.identity_key).call();
        let body = opened.map_err(|error| error.to_string())?.into_body().into_reader();
        let mut is_intent = false;
        for line in BufReader::new(body).lines() {
            let line = line.map_err(|error| error.to_string())?;
            if let Some(event) = line.strip_prefix("event: ") {
                is_intent = event.starts_with("intent.");
            } else if let Some(data) = line.strip_prefix("data: ").filter(|_| is_intent) {
                let frame: Frame = serde_json::from_str(data).map_err(|error| error.to_string())?;
                self.since = self.since.max(frame.seq);
                take(frame);
            }
        }
        Ok(())
    }
}
