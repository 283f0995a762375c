//! Organizations. Only owners of the whole installation make them.

use axme_api::error::ErrorBody;
use axme_api::tenancy::{
    CreateOrganizationRequest, OrganizationAnswer, OrganizationsAnswer, PatchOrganizationRequest,
};
use axme_core::command::{Command, NewOrganization};
use axme_core::refusal::Refusal;
use axme_core::role::Scope;
use axme_core::tenancy::OrganizationProfile;
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axum::Json;
use axum::extract::State;

use super::page::ListQuery;
use super::reach::{seen_organization, sees_organization};
use super::{fields, made, shown};
use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, Params, PathParams};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::read::{Page, cursor, list_limit};

/// Make an organization
///
/// Its slug is made from the name when none is given, and never changes.
#[utoipa::path(
    post,
    path = "/v1/organizations",
    tag = "organizations",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first")),
    request_body = CreateOrganizationRequest,
    responses(
        (status = 200, description = "It is made", body = OrganizationAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: not an owner of the installation", body = ErrorBody),
        (status = 409, description = "duplicate_name: the slug is taken; or idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn create_organization(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: Body<CreateOrganizationRequest>,
) -> Result<Json<OrganizationAnswer>, ApiError> {
    let sent = &body.value;
    let engine = api.engine();
    let at = engine.clock.wall();
    let new = NewOrganization {
        org: Chance.org(at),
        slug: fields::slug(sent.slug.as_deref(), &sent.name)?,
        profile: OrganizationProfile {
            name: fields::name(&sent.name)?,
            legal_name: fields::text("legal_name", None, sent.legal_name.as_deref())?,
            primary_domain: fields::text("primary_domain", None, sent.primary_domain.as_deref())?,
            status: "active".to_owned(),
            metadata: fields::metadata(Default::default(), sent.metadata.as_ref())?,
        },
    };
    let drawn = new.org;
    let order = caller.order(Chance.command(at), at, Command::CreateOrganization(new));
    let carried = engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    let org = made::organization(&carried).unwrap_or(drawn);
    answer(&api, &caller, &org.to_string())
}

/// List the organizations that the key sees
///
/// Its own, or all of the installation.
#[utoipa::path(
    get,
    path = "/v1/organizations",
    tag = "organizations",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of them", body = OrganizationsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
pub(super) async fn list_organizations(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<ListQuery>,
) -> Result<Json<OrganizationsAnswer>, ApiError> {
    let limit = list_limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let Page { rows, next_cursor } = api.engine().control.read(|state| {
        let organizations = state.organizations_after(after);
        let seen = organizations.filter(|found| sees_organization(&caller, found.org_id));
        let shown = seen.map(|found| shown::organization(&caller, found));
        Page::take(shown, limit, |last| last.org_id.clone())
    });
    Ok(Json(OrganizationsAnswer { ok: true, organizations: rows, next_cursor }))
}

/// Look at one organization
#[utoipa::path(
    get,
    path = "/v1/organizations/{org_id}",
    tag = "organizations",
    params(("org_id" = String, Path, description = "UUID of the organization")),
    responses(
        (status = 200, description = "The organization", body = OrganizationAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "organization_not_found", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
pub(super) async fn get_organization(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<OrganizationAnswer>, ApiError> {
    answer(&api, &caller, path.text("org_id"))
}

/// Change an organization's profile
///
/// What is absent stays.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{org_id}",
    tag = "organizations",
    params(
        ("org_id" = String, Path, description = "UUID of the organization"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = PatchOrganizationRequest,
    responses(
        (status = 200, description = "As it is now", body = OrganizationAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: not an owner of it", body = ErrorBody),
        (status = 404, description = "organization_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn update_organization(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<PatchOrganizationRequest>,
) -> Result<Json<OrganizationAnswer>, ApiError> {
    let named = path.text("org_id");
    let engine = api.engine();
    let (org, former) = engine.control.read(|state| {
        let found = seen_organization(state, &caller, named)?;
        Ok::<_, ApiError>((found.org_id, found.profile.clone()))
    })?;
    // It is seen by keys of its workspaces too, which own less than it.
    if !caller.key.scope.covers(Scope::Organization { org }) {
        return Err(Refusal::OutOfScope.into());
    }
    let profile = patched(former, &body.value)?;
    let at = engine.clock.wall();
    let command = Command::UpdateOrganization { org, profile };
    let order = caller.order(Chance.command(at), at, command);
    engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    answer(&api, &caller, named)
}

fn patched(
    former: OrganizationProfile,
    sent: &PatchOrganizationRequest,
) -> Result<OrganizationProfile, ApiError> {
    let domain = sent.primary_domain.as_deref();
    Ok(OrganizationProfile {
        name: sent.name.as_deref().map_or(Ok(former.name), fields::name)?,
        legal_name: fields::text("legal_name", former.legal_name, sent.legal_name.as_deref())?,
        primary_domain: fields::text("primary_domain", former.primary_domain, domain)?,
        status: fields::status(former.status, sent.status.as_deref())?,
        metadata: fields::metadata(former.metadata, sent.metadata.as_ref())?,
    })
}

fn answer(api: &Api, caller: &Caller, named: &str) -> Result<Json<OrganizationAnswer>, ApiError> {
    let organization = api.engine().control.read(|state| {
        seen_organization(state, caller, named).map(|found| shown::organization(caller, found))
    })?;
    Ok(Json(OrganizationAnswer { ok: true, organization }))
}
