//! `axme status`: which gateway, how it is, whose key.

use super::login::whose;
use crate::client::{self, Client};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use axme_api::health::HealthAnswer;
use axme_api::keys::SelfAnswer;
use axme_api::mesh::MeshSummary;
use serde_json::{Value, json};

/// Show which gateway is used, how it is, and whose key this is.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let settings = context.settings()?;
        let missing_key = settings.key.is_none().then(|| settings.missing_key());
        let source = settings.key.as_ref().map(|key| key.source.clone());
        let client = Client::new(settings)?;
        let health = client.get("/health", &json!({}))?;
        let ready = client.get("/ready", &json!({}));
        // Both need a key; a gateway that is not ready may refuse them.
        let (key, mesh) = match missing_key {
            Some(_) => (None, None),
            None => {
                let mesh = client.get("/v1/mesh/agents", &json!({"limit": 1}));
                (Some(client.get("/v1/keys/self", &json!({}))), Some(mesh))
            }
        };
        let answer = json!({
            "url": client.url().to_string(),
            "health": health,
            "ready": value_of(&ready),
            "key": key.as_ref().map(value_of),
            "mesh": mesh.as_ref().map(|mesh| value_of(mesh).get("summary").cloned()),
        });
        context.output.answer(&answer, |output| {
            about_gateway(output, &client, &health, &ready)?;
            match (&key, &missing_key) {
                (Some(Ok(key)), _) => {
                    let who = client::read::<SelfAnswer>(key)?;
                    let source = source.unwrap_or_default();
                    output.line(format_args!("key      {} from {source}", whose(&who)))?;
                }
                (_, Some(missing)) => output.line(format_args!("key      {missing}"))?,
                (Some(Err(_)), None) | (None, None) => {}
            }
            about_agents(output, mesh.as_ref())
        })?;
        // What went wrong decides the exit code, after everything that is known was shown.
        ready.map_err(Failure::told)?;
        key.transpose().map_err(Failure::told)?;
        mesh.transpose().map(drop).map_err(Failure::told)
    }
}

fn about_gateway(
    output: &mut Output<'_>,
    client: &Client,
    health: &Value,
    ready: &Result<Value, Failure>,
) -> Result<(), Failure> {
    let about = client::read::<HealthAnswer>(health).ok();
    let version = about.map(|about| format!(" ({} {})", about.service, about.version));
    output.line(format_args!("gateway  {}{}", client.url(), version.unwrap_or_default()))?;
    match ready {
        Ok(_) => output.line("ready    yes"),
        Err(_) => output.line("ready    no"),
    }
}

fn about_agents(
    output: &mut Output<'_>,
    mesh: Option<&Result<Value, Failure>>,
) -> Result<(), Failure> {
    let Some(Ok(mesh)) = mesh else { return Ok(()) };
    let summary = mesh.get("summary").cloned().unwrap_or_default();
    let Ok(summary) = serde_json::from_value::<MeshSummary>(summary) else { return Ok(()) };
    output.line(format_args!(
        "agents   {} in all: {} healthy, {} degraded, {} unreachable, {} killed, {} never seen",
        summary.total,
        summary.healthy,
        summary.degraded,
        summary.unreachable,
        summary.killed,
        summary.unknown,
    ))
}

fn value_of(answer: &Result<Value, Failure>) -> Value {
    match answer {
        Ok(value) => value.clone(),
        Err(failure) => failure.body().cloned().unwrap_or_default(),
    }
}
