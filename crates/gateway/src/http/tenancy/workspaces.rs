//! Workspaces of an organization, made by its owners.

use axme_api::error::ErrorBody;
use axme_api::tenancy::{
    CreateWorkspaceRequest, PatchWorkspaceRequest, WorkspaceAnswer, WorkspacesAnswer,
};
use axme_core::command::{Command, NewWorkspace};
use axme_core::id::WorkspaceId;
use axme_core::refusal::Refusal;
use axme_core::role::Scope;
use axme_core::tenancy::WorkspaceProfile;
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axum::Json;
use axum::extract::State;

use super::page::ListQuery;
use super::reach::{seen_organization, seen_workspace_of};
use super::{fields, made, shown};
use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, Params, PathParams};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::read::{Page, cursor, list_limit};

/// Make a workspace
///
/// Its slug is made from the name when none is given, and never changes.
#[utoipa::path(
    post,
    path = "/v1/organizations/{org_id}/workspaces",
    tag = "organizations",
    params(
        ("org_id" = String, Path, description = "UUID of the organization"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = CreateWorkspaceRequest,
    responses(
        (status = 200, description = "It is made", body = WorkspaceAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: not an owner of the organization", body = ErrorBody),
        (status = 404, description = "organization_not_found", body = ErrorBody),
        (status = 409, description = "duplicate_name: the slug is taken; or idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn create_workspace(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<CreateWorkspaceRequest>,
) -> Result<Json<WorkspaceAnswer>, ApiError> {
    let (named, sent) = (path.text("org_id"), &body.value);
    let engine = api.engine();
    let org =
        engine.control.read(|state| seen_organization(state, &caller, named).map(|o| o.org_id))?;
    // It is seen by keys of its workspaces too, which own less than it.
    if !caller.key.scope.covers(Scope::Organization { org }) {
        return Err(Refusal::OutOfScope.into());
    }
    let at = engine.clock.wall();
    let new = NewWorkspace {
        workspace: Chance.workspace(at),
        org,
        slug: fields::slug(sent.slug.as_deref(), &sent.name)?,
        profile: WorkspaceProfile {
            name: fields::name(&sent.name)?,
            environment: fields::environment("production".into(), sent.environment.as_deref())?,
            region: fields::text("region", None, sent.region.as_deref())?,
            status: "active".to_owned(),
            metadata: fields::metadata(Default::default(), sent.metadata.as_ref())?,
        },
    };
    let drawn = new.workspace;
    let order = caller.order(Chance.command(at), at, Command::CreateWorkspace(new));
    let carried = engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    let workspace = made::workspace(&carried).unwrap_or(drawn);
    answer(&api, &caller, named, &workspace.to_string())
}

/// List the workspaces of an organization
///
/// Those that the key covers.
#[utoipa::path(
    get,
    path = "/v1/organizations/{org_id}/workspaces",
    tag = "organizations",
    params(("org_id" = String, Path, description = "UUID of the organization"), ListQuery),
    responses(
        (status = 200, description = "A page of them", body = WorkspacesAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "organization_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
pub(super) async fn list_workspaces(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    Params(query): Params<ListQuery>,
) -> Result<Json<WorkspacesAnswer>, ApiError> {
    let limit = list_limit(query.limit)?;
    let after: Option<WorkspaceId> = cursor(query.cursor.as_deref())?;
    let Page { rows, next_cursor } = api.engine().control.read(|state| {
        let org = seen_organization(state, &caller, path.text("org_id"))?.org_id;
        let seen = state
            .workspaces_after(after)
            .filter(|found| found.org_id == org && caller.key.scope.covers(found.scope()));
        let shown = seen.map(|found| shown::workspace(&caller, found));
        Ok::<_, ApiError>(Page::take(shown, limit, |last| last.workspace_id.clone()))
    })?;
    Ok(Json(WorkspacesAnswer { ok: true, workspaces: rows, next_cursor }))
}

/// Look at one workspace
#[utoipa::path(
    get,
    path = "/v1/organizations/{org_id}/workspaces/{workspace_id}",
    tag = "organizations",
    params(
        ("org_id" = String, Path, description = "UUID of the organization"),
        ("workspace_id" = String, Path, description = "UUID of the workspace"),
    ),
    responses(
        (status = 200, description = "The workspace", body = WorkspaceAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "organization_not_found, workspace_not_found", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
pub(super) async fn get_workspace(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<WorkspaceAnswer>, ApiError> {
    answer(&api, &caller, path.text("org_id"), path.text("workspace_id"))
}

/// Change a workspace's profile
///
/// What is absent stays.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{org_id}/workspaces/{workspace_id}",
    tag = "organizations",
    params(
        ("org_id" = String, Path, description = "UUID of the organization"),
        ("workspace_id" = String, Path, description = "UUID of the workspace"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = PatchWorkspaceRequest,
    responses(
        (status = 200, description = "As it is now", body = WorkspaceAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: not an owner of it", body = ErrorBody),
        (status = 404, description = "organization_not_found, workspace_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn update_workspace(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<PatchWorkspaceRequest>,
) -> Result<Json<WorkspaceAnswer>, ApiError> {
    let (org, named) = (path.text("org_id"), path.text("workspace_id"));
    let engine = api.engine();
    let (workspace, former) = engine.control.read(|state| {
        let found = seen_workspace_of(state, &caller, org, named)?;
        Ok::<_, ApiError>((found.workspace_id, found.profile.clone()))
    })?;
    let sent = &body.value;
    let profile = WorkspaceProfile {
        name: sent.name.as_deref().map_or(Ok(former.name), fields::name)?,
        environment: fields::environment(former.environment, sent.environment.as_deref())?,
        region: fields::text("region", former.region, sent.region.as_deref())?,
        status: fields::status(former.status, sent.status.as_deref())?,
        metadata: fields::metadata(former.metadata, sent.metadata.as_ref())?,
    };
    let at = engine.clock.wall();
    let command = Command::UpdateWorkspace { workspace, profile };
    let order = caller.order(Chance.command(at), at, command);
    engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    answer(&api, &caller, org, named)
}

fn answer(
    api: &Api,
    caller: &Caller,
    org: &str,
    named: &str,
) -> Result<Json<WorkspaceAnswer>, ApiError> {
    let workspace = api.engine().control.read(|state| {
        seen_workspace_of(state, caller, org, named).map(|found| shown::workspace(caller, found))
    })?;
    Ok(Json(WorkspaceAnswer { ok: true, workspace }))
}
