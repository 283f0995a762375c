//! For which agent a request is made: the query `owner_agent` or the header `x-owner-agent`.

use axme_api::error::ErrorCode;
use axme_core::address::Address;
use axme_core::id::{IntentId, WorkspaceId};
use axme_engine::Caller;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;

use crate::http::Api;
use crate::http::agents::reach;
use crate::http::answers::intent_error;
use crate::http::body::{Params, not_found};
use crate::http::error::ApiError;

const HEADER: &str = "x-owner-agent";

/// The agent that a request names as the one it is made for, if it names one.
#[derive(Debug)]
pub(super) struct Owner(Option<String>);

#[derive(Debug, Deserialize)]
struct Query {
    owner_agent: Option<String>,
}

impl FromRequestParts<Api> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Params(Query { owner_agent }) = Params::from_request_parts(parts, api).await?;
        let header = parts.headers.get(HEADER).and_then(|value| value.to_str().ok());
        agreed(owner_agent.as_deref(), header).map(Self)
    }
}

/// What query and header say together.
fn agreed(query: Option<&str>, header: Option<&str>) -> Result<Option<String>, ApiError> {
    let query = query.filter(|text| !text.is_empty());
    let header = header.filter(|text| !text.is_empty());
    match (query, header) {
        (Some(query), Some(header)) if query != header => Err(ApiError::new(
            ErrorCode::OwnerAgentConflict,
            "owner_agent and x-owner-agent name different agents; send one of them",
        )),
        (query, header) => Ok(query.or(header).map(str::to_owned)),
    }
}

impl Owner {
    /// The agent that is named, if the caller reaches it.
    pub(super) fn find(
        &self,
        api: &Api,
        caller: &Caller,
    ) -> Result<Option<(WorkspaceId, Address)>, ApiError> {
        self.0.as_deref().map(|named| reach(api, caller, named)).transpose()
    }

    /// The agent that is named, which must be a party of the intent.
    pub(super) async fn party_of(
        &self,
        api: &Api,
        caller: &Caller,
        id: IntentId,
    ) -> Result<Option<Address>, ApiError> {
        let Some((workspace, address)) = self.find(api, caller)? else { return Ok(None) };
        let intent = api.engine().intents.get(caller, id).await;
        let intent = intent.map_err(|error| intent_error(api, error))?;
        let parties = [&intent.from, &intent.to];
        if intent.workspace_id == workspace && parties.contains(&&address) {
            Ok(Some(address))
        } else {
            Err(not_found(ErrorCode::IntentNotFound, &id.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_and_header_must_agree() {
        let named = Some("mailer".to_owned());
        assert_eq!(agreed(Some("mailer"), None).unwrap(), named);
        assert_eq!(agreed(Some(""), Some("mailer")).unwrap(), named);
        assert_eq!(agreed(Some("mailer"), Some("mailer")).unwrap(), named);
        assert_eq!(agreed(None, None).unwrap(), None);
        let refused = agreed(Some("mailer"), Some("other")).unwrap_err();
        assert_eq!(refused.code, ErrorCode::OwnerAgentConflict);
    }
}
