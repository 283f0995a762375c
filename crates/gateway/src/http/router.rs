//! Every route, and what all of them pass through.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn_with_state, map_request};
use axum::routing::get;
use tower::Layer as _;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use super::{
    Api, accounts, agents, audit, auth, compat, envelope, health, intents, keys, mesh, replicas,
    sign_in, tenancy, usage,
};

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "axme gateway",
    description = "A self-hosted gateway with a kill switch for AI agents. \
                   Compatible with AXME clients, not made by AXME.",
    license(name = "MIT")
))]
struct Document;

/// The whole HTTP side as one service.
pub fn router(api: &Api) -> Router {
    let (routes, document) = routes().split_for_parts();
    let document = document.to_pretty_json().unwrap_or_default();
    let document = move || {
        let document = document.clone();
        async move { ([(axum::http::header::CONTENT_TYPE, "application/json")], document) }
    };
    let routes = routes
        .route("/openapi.json", get(document))
        .route_layer(from_fn_with_state(api.clone(), auth::admit))
        .with_state(api.clone());
    // Paths are rewritten before they are routed, so the rewriting stands around the router.
    let rewriting = map_request(|request: Request| async { compat::one_segment(request) });
    Router::new()
        .fallback_service(rewriting.layer(routes))
        .layer(from_fn_with_state(api.clone(), envelope::envelope))
}

/// The API document of every endpoint.
#[must_use]
pub fn api_document() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(health::routes())
        .merge(mesh::routes())
        .merge(replicas::routes())
        .merge(intents::routes())
        .merge(agents::routes())
        .merge(accounts::routes())
        .merge(keys::routes())
        .merge(tenancy::routes())
        .merge(audit::routes())
        .merge(usage::routes())
        .merge(sign_in::routes())
}
