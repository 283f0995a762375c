//! Service accounts: agents and their addresses.

use serde_json::json;

use super::authority::Authority;
use super::{Draft, Outcome, check_limit};
use crate::address::is_name;
use crate::change::Change;
use crate::command::{NewAccount, Order};
use crate::id::{AccountId, AddressId};
use crate::refusal::{Missing, Refusal};
use crate::state::{Account, State};

/// Most addresses of an installation, those of deleted accounts among them.
const ADDRESSES_MAX: usize = 2_000_000;

/// Makes an account. An address that is known keeps its id and its holds.
pub(super) fn create(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewAccount,
) -> Outcome {
    let missing = Refusal::NotFound(Missing::Workspace);
    let workspace = state.workspace(new.workspace).ok_or_else(|| missing.clone())?;
    authority.reach(workspace.scope(), Missing::Workspace)?;
    authority.command_agents()?;
    if !is_name(&new.name) {
        let problem = "an agent's name has 2 to 63 lower-case letters, digits, dots, hyphens and underscores, and begins and ends with a letter or digit";
        return Err(Refusal::Invalid { field: "name", problem });
    }
    check_limit("agents", state.agents().len(), ADDRESSES_MAX)?;
    let reference = crate::address::Reference::Name(new.name.to_string());
    let known = state.resolve(&reference, new.workspace);
    if let Some(live) = known.and_then(|agent| agent.live_account()) {
        return Err(Refusal::AgentExists { name: new.name.to_string(), account: live.account_id });
    }
    let address = state.address_in(new.workspace, &new.name).ok_or(missing)?;
    let address_id = known.map_or(new.address, |agent| agent.address_id);
    let mut changes = Vec::with_capacity(2);
    if known.is_none() {
        changes.push(Change::AddressRegistered {
            address_id,
            address: address.clone(),
            workspace_id: new.workspace,
        });
    }
    changes.push(put(address_id, order, authority, new));
    Ok(Some(Draft {
        address_id: Some(address_id),
        after: Some(json!({ "account_id": new.account, "display_name": new.display_name })),
        ..Draft::new("agent.registered", workspace.scope(), address.as_str(), changes)
    }))
}

/// Deletes an account and revokes its keys. The address stays, with its holds.
pub(super) fn delete(state: &State, authority: &Authority<'_>, account: AccountId) -> Outcome {
    let missing = Refusal::NotFound(Missing::Account);
    let agent = state.agent_of_account(account).ok_or_else(|| missing.clone())?;
    let workspace = state.workspace(agent.workspace_id).ok_or_else(|| missing.clone())?;
    authority.reach(workspace.scope(), Missing::Account)?;
    authority.command_agents()?;
    if agent.live_account().is_none_or(|live| live.account_id != account) {
        return Err(missing);
    }
    let address_id = agent.address_id;
    let mut changes = vec![Change::AccountDeleted { address_id, account_id: account }];
    let live_keys = state.keys_of(account).filter(|key| key.revoked_at.is_none());
    changes.extend(live_keys.map(|key| Change::KeyRevoked { key_id: key.key_id }));
    let keys_revoked = changes.len() - 1;
    Ok(Some(Draft {
        address_id: Some(address_id),
        before: Some(json!({ "account_id": account, "status": "active" })),
        after: Some(json!({ "status": "deleted", "keys_revoked": keys_revoked })),
        ..Draft::new("agent.deleted", workspace.scope(), agent.address.as_str(), changes)
    }))
}

fn put(
    address_id: AddressId,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewAccount,
) -> Change {
    let account = Account {
        account_id: new.account,
        display_name: new.display_name.clone(),
        description: new.description.clone(),
        created_by: authority.name().name,
        created_at: order.at,
        deleted_at: None,
    };
    Change::AccountPut { address_id, account: Box::new(account) }
}
