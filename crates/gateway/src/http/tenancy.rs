//! Organizations and their workspaces, and how callers name them.

mod fields;
mod made;
mod organizations;
mod page;
mod reach;
mod shown;
mod workspaces;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) use reach::{own_organization, seen_organization, seen_workspace};
pub(super) use shown::{organization, workspace};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(organizations::create_organization, organizations::list_organizations))
        .routes(routes!(organizations::get_organization, organizations::update_organization))
        .routes(routes!(workspaces::create_workspace, workspaces::list_workspaces))
        .routes(routes!(workspaces::get_workspace, workspaces::update_workspace))
}
