//! The running copies of an agent.

use axme_api::error::ErrorBody;
use axme_api::mesh::{InstancesAnswer, InstancesQuery};
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams};
use crate::http::error::ApiError;
use crate::read::instances;

/// List the running copies of an agent
///
/// By id. Copies that give no id are told apart by their key and the address that they call from.
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}/instances",
    tag = "mesh",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        InstancesQuery,
    ),
    responses(
        (status = 200, body = InstancesAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn list_instances(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    Params(query): Params<InstancesQuery>,
) -> Result<Json<InstancesAnswer>, ApiError> {
    let named = path.text("agent");
    Ok(Json(instances::list(api.engine(), &caller, named, &query).await?))
}
