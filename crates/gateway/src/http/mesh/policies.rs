//! Policies of an agent: read by itself and by people, set by operators.

mod action;
mod cost;
pub(super) mod shown;

use axme_api::error::ErrorBody;
use axme_api::mesh::{PoliciesAnswer, PolicyUsage};
use axme_core::command::{Command, NewPolicy, SetPolicy};
use axme_core::id::AddressId;
use axme_core::period::{day_start, hour_start};
use axme_core::state::Agent;
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axme_engine::control::Carried;
use axme_store::control::IdempotencyKey;
use axme_store::ledger::{Per, TrafficQuery};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::kill::about_agent;
use crate::http::Api;
use crate::http::answers::{unless_stale, with_agent};
use crate::http::auth::Authenticated;
use crate::http::body::PathParams;
use crate::http::error::ApiError;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_policies))
        .routes(routes!(action::put_action_policy, action::delete_action_policy))
        .routes(routes!(action::delete_action_policy_by_id))
        .routes(routes!(cost::get_cost_policy, cost::put_cost_policy, cost::delete_cost_policy))
}

/// Get the policies of an agent, with what it has used of its limits
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}/policies",
    tag = "policies",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = PoliciesAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn get_policies(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<PoliciesAnswer>, ApiError> {
    let agent = found(&api, &caller, &path)?;
    Ok(Json(PoliciesAnswer {
        ok: true,
        address_id: agent.address_id.to_string(),
        address: agent.address.to_string(),
        policies: shown::policies(&agent.policies),
        usage: usage(&api, &agent).await?,
    }))
}

/// The agent that the path names, as the state has it now.
fn found(api: &Api, caller: &Caller, path: &PathParams) -> Result<Agent, ApiError> {
    with_agent(api, caller, path.text("agent"), |_state, agent| agent.clone())
}

/// Sets a policy, or takes it away. Answers the agent as it is now, and whether anything changed.
async fn set(
    api: &Api,
    caller: &Caller,
    path: &PathParams,
    policy: NewPolicy,
    idempotency: Option<IdempotencyKey>,
) -> Result<(Agent, bool), ApiError> {
    let address_id: AddressId = found(api, caller, path)?.address_id;
    let at = api.engine().clock.wall();
    let set = SetPolicy { agent: address_id, policy };
    let order = caller.order(Chance.command(at), at, Command::SetPolicy(set));
    let carried = api.engine().control.carry_out(order, idempotency).await;
    let carried = carried.map_err(|error| about_agent(error, path.text("agent")))?;
    let changed = matches!(carried, Carried::Entry { .. });
    Ok((found(api, caller, path)?, changed))
}

/// What an agent has used in the current hour and day. Nothing while the store is gone.
async fn usage(api: &Api, agent: &Agent) -> Result<PolicyUsage, ApiError> {
    let (now, ledger) = (api.engine().clock.wall(), &api.engine().ledger);
    let (workspace_id, address_id) = (agent.workspace_id, agent.address_id);
    let query = TrafficQuery {
        workspace_id,
        agents: vec![address_id],
        since: day_start(now),
        per: Per::Hour,
    };
    let hours = unless_stale(api, ledger.traffic(query).await)?;
    let reported = ledger.usage(workspace_id, Some(address_id), day_start(now)).await;
    let reported = unless_stale(api, reported)?;
    let admitted = |hours: &mut dyn Iterator<Item = &(_, _, axme_store::ledger::Traffic)>| -> u64 {
        hours.map(|(_, _, traffic)| traffic.admitted).sum()
    };
    Ok(PolicyUsage {
        intents_today: admitted(&mut hours.iter()),
        intents_this_hour: admitted(
            &mut hours.iter().filter(|(_, hour, _)| *hour == hour_start(now)),
        ),
        cost_today: reported.first().map_or(0.0, |(_, usage)| usage.cost_usd),
    })
}
