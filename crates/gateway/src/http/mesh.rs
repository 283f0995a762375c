//! The mesh: which agents live, what they report, and stopping and resuming them.

mod agents;
mod blast_radius;
mod control;
mod events;
mod heartbeat;
mod incident;
mod instances;
mod kill;
mod kill_stream;
mod last_state;
mod overview;
mod policies;
mod record;
mod resume;
mod resume_preview;
mod saying;

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
        .routes(routes!(overview::get_mesh_summary))
        .routes(routes!(blast_radius::get_blast_radius))
        .routes(routes!(resume_preview::get_resume_preview))
        .routes(routes!(incident::get_incident))
        .routes(routes!(record::get_kill))
        .routes(routes!(kill_stream::stream_kill))
        .routes(routes!(instances::list_instances))
        .routes(routes!(last_state::get_last_state))
        .merge(policies::routes())
        .routes(routes!(control::stream_control))
        .routes(routes!(control::acknowledge_kill))
        .routes(routes!(events::list_mesh_events))
}
