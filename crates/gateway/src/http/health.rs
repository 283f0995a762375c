//! Whether the gateway lives, whether it serves, and what it offers.

use std::time::Duration;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::health::{CapabilitiesAnswer, HealthAnswer, ReadyAnswer};
use axme_api::mesh::Durability;
use axme_store::control::Durability as StoreDurability;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::auth::Authenticated;
use super::error::ApiError;

/// How long the store has to answer before this replica calls itself not ready.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// What this gateway offers, in the words that published clients look for.
const CAPABILITIES: &[&str] = &[
    "intents",
    "intents.stream",
    "agents.stream",
    "service_accounts",
    "mesh.heartbeat",
    "mesh.kill",
    "mesh.resume",
    "audit.chain",
];
/// Intents of every type pass; these are named because clients expect a list.
const INTENT_TYPES: &[&str] = &["intent.ask.v1", "intent.reply.v1"];

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_readiness))
        .routes(routes!(get_capabilities))
}

/// Tell whether the process lives
///
/// Never depends on the store.
#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    responses((status = 200, description = "The process lives", body = HealthAnswer)),
    security(())
)]
async fn get_health(State(api): State<Api>) -> Json<HealthAnswer> {
    let agents = api.engine().control.read(|state| state.agents().len());
    Json(HealthAnswer {
        ok: true,
        service: "axme-gateway".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        deployment_profile: "self_hosted".to_owned(),
        storage: api.options().storage.to_owned(),
        registered_users: u64::try_from(agents).ok(),
    })
}

/// Tell whether this replica serves
///
/// And why not when it does not.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "health",
    responses(
        (status = 200, description = "It serves", body = ReadyAnswer),
        (status = 503, description = "not_ready: details.reason is draining, starting, fenced, store, or what is wrong with the store", body = ErrorBody),
    ),
    security(())
)]
async fn get_readiness(State(api): State<Api>) -> Result<Json<ReadyAnswer>, ApiError> {
    let engine = api.engine();
    if api.is_draining() {
        return Err(not_ready("draining", "this replica is shutting down; use another"));
    }
    let log = engine.control.log();
    if !engine.enforcer.is_fresh() {
        return Err(match engine.control.trouble() {
            Some(trouble) => not_ready(trouble.code, &trouble.message),
            None => not_ready(
                "fenced",
                "this replica cannot prove that its view is fresh; it admits nothing",
            ),
        });
    }
    // What an engine knows of its replicas may be in memory; what comes after the last entry is not.
    let reading = log.tail(engine.enforcer.applied());
    match tokio::time::timeout(STORE_ANSWERS_WITHIN, reading).await {
        Ok(Ok(_newer)) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store failed");
            return Err(not_ready("store", "the store answers with an error"));
        }
        Err(_elapsed) => return Err(not_ready("store", "the store does not answer in time")),
    }
    let me = engine.control.me();
    Ok(Json(ReadyAnswer {
        ok: true,
        replica_id: me.replica_id.to_string(),
        epoch: me.epoch.0,
        revision: engine.enforcer.applied().0,
        durability: match log.durability() {
            StoreDurability::Single => Durability::Single,
            StoreDurability::Replicated => Durability::Replicated,
        },
    }))
}

/// Tell what this gateway offers
#[utoipa::path(
    get,
    path = "/v1/capabilities",
    tag = "health",
    responses(
        (status = 200, description = "What it offers", body = CapabilitiesAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
async fn get_capabilities(_caller: Authenticated) -> Json<CapabilitiesAnswer> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Json(CapabilitiesAnswer {
        ok: true,
        capabilities: owned(CAPABILITIES),
        supported_intent_types: owned(INTENT_TYPES),
    })
}

fn not_ready(reason: &str, message: &str) -> ApiError {
    ApiError::new(ErrorCode::NotReady, message).detail("reason", reason)
}
