//! The mesh: which agents live, what they report, and stopping and resuming them.

mod agents;
mod events;
mod heartbeat;
mod history;
mod kill;
mod record;
mod resume;
mod shown;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(heartbeat::send_heartbeat))
        .routes(routes!(agents::list_mesh_agents))
        .routes(routes!(agents::get_mesh_agent))
        .routes(routes!(kill::kill_agent))
        .routes(routes!(resume::resume_agent))
        .routes(routes!(record::get_kill))
        .routes(routes!(events::list_mesh_events))
}
