//! What the holder of a key learns about it.

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::keys::{SelfAgent, SelfAnswer};
use axme_core::state::State as ControlState;
use axme_engine::Caller;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::error::ApiError;
use crate::http::tenancy;
use crate::read::keys;

/// Tell whose key this is
///
/// And where it acts when a request names no place.
#[utoipa::path(
    get,
    path = "/v1/keys/self",
    tag = "keys",
    responses(
        (status = 200, description = "The key of this request", body = SelfAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
pub(super) async fn get_own_key(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
) -> Result<Json<SelfAnswer>, ApiError> {
    let engine = api.engine();
    engine.observer.signed_in(engine.clock.wall(), &caller.key, caller.client_address);
    engine.control.read(|state| {
        let key = state.key(caller.key.key_id);
        let key =
            key.ok_or_else(|| ApiError::new(ErrorCode::KeyRevoked, "this key was revoked"))?;
        let home = state.workspace(key.home);
        let home = home.filter(|home| key.scope.covers(home.scope()));
        let org = tenancy::own_organization(state, &caller);
        let org = org.and_then(|org| state.organization(org));
        Ok(Json(SelfAnswer {
            ok: true,
            key: keys::shown(engine, state, key),
            organization: org.map(|org| tenancy::organization(&caller, org)),
            workspace: home.map(|home| tenancy::workspace(&caller, home)),
            agent: own_agent(state, &caller),
        }))
    })
}

fn own_agent(state: &ControlState, caller: &Caller) -> Option<SelfAgent> {
    let cell = caller.agent()?;
    let agent = state.agent(cell.address_id()?)?;
    let account = agent.live_account().map(|account| account.account_id.to_string());
    Some(SelfAgent {
        address_id: agent.address_id.to_string(),
        address: agent.address.to_string(),
        name: agent.address.name().to_owned(),
        service_account_id: account,
        run_state: Some(cell.run_state().as_str().to_owned()),
    })
}
