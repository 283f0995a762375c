//! Finding what a caller names.

use axme_api::error::ErrorCode;
use axme_core::address::{Address, Reference};
use axme_core::id::WorkspaceId;
use axme_engine::Caller;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::http::Api;
use crate::http::body::not_found;
use crate::http::error::ApiError;
use crate::read::{Place, parse_reference, scope_of};

/// Which workspace a list is about; the key's own when absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct WorkspaceQuery {
    pub(in crate::http) org_id: Option<String>,
    pub(in crate::http) workspace_id: Option<String>,
}

impl WorkspaceQuery {
    pub(in crate::http) fn place(&self) -> Place<'_> {
        Place { org_id: self.org_id.as_deref(), workspace_id: self.workspace_id.as_deref() }
    }
}

/// The address that a caller names and may act for, with its workspace. With lenient addressing
/// nobody need have registered it.
pub(in crate::http) fn reach(
    api: &Api,
    caller: &Caller,
    named: &str,
) -> Result<(WorkspaceId, Address), ApiError> {
    let reference = parse_reference(api.engine(), named)?;
    let home = caller.key.home;
    let found = api.engine().control.read(|state| {
        let address = state.address_of(&reference, home)?;
        let workspace = match &reference {
            Reference::Id(id) => state.agent(*id)?.workspace_id,
            Reference::Address(_) | Reference::Name(_) => {
                state.workspace_of_address(&address, home)?
            }
        };
        let known = state.resolve(&reference, home).is_some();
        let mine = match caller.agent() {
            Some(own) => own.workspace_id == workspace && own.address == address,
            None => caller.key.scope.covers(scope_of(state, workspace)),
        };
        let reached = mine && (known || api.options().lenient_addressing);
        reached.then_some((workspace, address))
    });
    found.ok_or_else(|| not_found(ErrorCode::AgentNotFound, named).detail("address", named))
}
