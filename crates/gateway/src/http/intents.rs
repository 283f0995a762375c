//! Intents: sent, read, watched, ended.

mod bulk;
mod create;
mod facts;
mod outcome;
mod owner;
mod patch;
mod read;
mod shown;
pub(super) mod statuses;
mod streams;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create::create_intent, read::list_intents))
        .routes(routes!(bulk::cancel_intents))
        .routes(routes!(read::get_intent))
        .routes(routes!(read::list_intent_events))
        .routes(routes!(streams::stream_intent_events))
        .routes(routes!(facts::resolve_intent))
        .routes(routes!(facts::resume_intent))
        .routes(routes!(patch::patch_intent_controls))
        .routes(routes!(patch::patch_intent_policy))
}
