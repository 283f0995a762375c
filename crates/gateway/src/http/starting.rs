//! What is answered before the store is there: that the process lives, and why it does not serve.

use std::sync::Arc;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::health::HealthAnswer;
use axme_engine::chance::Chance;
use axme_engine::clock::Clock;
use axme_store::ControlLog;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

/// What the answers are made from.
#[derive(Clone, Debug)]
struct Waiting {
    log: Arc<dyn ControlLog>,
    clock: Clock,
    storage: &'static str,
}

/// The HTTP side of a gateway that waits for its store.
pub(crate) fn router(log: Arc<dyn ControlLog>, clock: Clock, storage: &'static str) -> Router {
    Router::new().route("/health", get(get_health)).fallback(not_ready).with_state(Waiting {
        log,
        clock,
        storage,
    })
}

async fn get_health(State(waiting): State<Waiting>) -> Json<HealthAnswer> {
    Json(HealthAnswer {
        ok: true,
        service: "axme-gateway".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        deployment_profile: "self_hosted".to_owned(),
        storage: waiting.storage.to_owned(),
        registered_users: None,
    })
}

async fn not_ready(State(waiting): State<Waiting>) -> Response {
    let trouble = waiting.log.trouble();
    let message = match &trouble {
        Some(trouble) => format!("starting, and waiting for the store: {}", trouble.message),
        None => "starting: the control log is being read".to_owned(),
    };
    let message = format!("{message}. Nothing was done.");
    let mut details = axme_api::JsonObject::new();
    let reason = trouble.map_or("starting", |trouble| trouble.code);
    details.insert("reason".to_owned(), reason.into());
    let now = waiting.clock.wall();
    let request_id = Chance.name_of_request(now).to_string();
    let body = ErrorBody::new(ErrorCode::NotReady, message, now.to_string())
        .with_request_id(&request_id)
        .with_details(details);
    // Closed, so that the next request comes to the gateway that serves by then.
    let headers = [
        (header::RETRY_AFTER, "1".to_owned()),
        (header::CONNECTION, "close".to_owned()),
        (HeaderName::from_static("x-request-id"), request_id),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Json(body)).into_response()
}
