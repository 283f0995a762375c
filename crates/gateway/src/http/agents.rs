//! The registry of addresses, and the streams over which agents get their intents.

mod reach;
mod registry;
mod stream;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use reach::{WorkspaceQuery, reach};

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(registry::list_agents))
        .routes(routes!(registry::get_agent))
        .routes(routes!(stream::stream_agent_intents))
}
