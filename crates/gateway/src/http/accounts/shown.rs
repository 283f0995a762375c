//! Service accounts and their keys as the wire shows them.

use axme_api::accounts::{AccountKey, ServiceAccount};
use axme_core::key::Key;
use axme_core::state::{Account, Agent, State};
use axme_core::time::Timestamp;

use crate::read::scope_of;

pub(super) fn account(state: &State, agent: &Agent, account: &Account) -> ServiceAccount {
    let owned = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let org = scope_of(state, agent.workspace_id).org();
    let id = account.account_id.to_string();
    let address = agent.address.to_string();
    ServiceAccount {
        service_account_id: id.clone(),
        id,
        org_id: org.map(|org| org.to_string()).unwrap_or_default(),
        workspace_id: agent.workspace_id.to_string(),
        name: agent.address.name().to_owned(),
        description: owned(&account.description),
        display_name: owned(&account.display_name),
        status: if account.deleted_at.is_none() { "active" } else { "revoked" }.to_owned(),
        created_by_actor_id: Some(account.created_by.to_string()),
        created_at: account.created_at.to_string(),
        updated_at: account.deleted_at.unwrap_or(account.created_at).to_string(),
        agent_address: address.clone(),
        address,
        address_id: agent.address_id.to_string(),
    }
}

/// A key of an account, without its secret.
pub(super) fn key(key: &Key, account: String, now: Timestamp) -> AccountKey {
    AccountKey {
        key_id: key.key_id.to_string(),
        service_account_id: account,
        key_hint: key.hint.to_string(),
        status: key.status(now).as_str().to_owned(),
        created_at: key.created_at.to_string(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        revoked_at: key.revoked_at.map(|at| at.to_string()),
        token: None,
    }
}
