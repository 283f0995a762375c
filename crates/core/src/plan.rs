//! From an order to an entry of the control log, or to a refusal.
//!
//! `plan` authorises on the state that it plans on. When the log has moved, the caller plans again
//! on the newer state, and with that authorises again: no order is carried out on a permission
//! that was withdrawn meanwhile.

mod accounts;
mod authority;
mod holds;
mod keys;
mod policies;
mod restore;
mod sessions;
mod tenancy;

use serde_json::Value;

use crate::change::{Change, ENTRY_FORMAT, Entry};
use crate::command::{Command, Order};
use crate::id::AddressId;
use crate::refusal::Refusal;
use crate::role::Scope;
use crate::state::State;
use authority::Authority;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    Append(Box<Entry>),
    /// Everything is as the order wants it.
    Nothing,
}

/// Plans one order. Pure: the same state and order give the same plan.
pub fn plan(state: &State, order: &Order) -> Result<Plan, Refusal> {
    let authority = Authority::of(state, order)?;
    let outcome = match &order.command {
        Command::Bootstrap(first) => tenancy::bootstrap(state, order, first),
        Command::CreateOrganization(new) => {
            tenancy::create_organization(state, order, &authority, new)
        }
        Command::UpdateOrganization { org, profile } => {
            tenancy::update_organization(state, order, &authority, *org, profile)
        }
        Command::CreateWorkspace(new) => tenancy::create_workspace(state, order, &authority, new),
        Command::UpdateWorkspace { workspace, profile } => {
            tenancy::update_workspace(state, order, &authority, *workspace, profile)
        }
        Command::CreateAccount(new) => accounts::create(state, order, &authority, new),
        Command::DeleteAccount { account } => accounts::delete(state, &authority, *account),
        Command::CreateKey(new) => keys::create(state, order, &authority, new),
        Command::ReplaceOwnerKey(new) => keys::replace_owner(state, order, &authority, new),
        Command::RevokeKey { key } => keys::revoke(state, order, &authority, *key),
        Command::Kill(kill) => holds::kill(state, order, &authority, kill),
        Command::Resume(resume) => holds::resume(state, &authority, resume),
        Command::SetPolicy(set) => policies::set(state, order, &authority, set),
        Command::RestoreHolds(lost) => restore::restore(state, &authority, lost),
        Command::IssueDashboardToken(new) => sessions::issue_token(state, order, &authority, new),
        Command::OpenSession(new) => sessions::open(state, order, &authority, new),
        Command::EndSession { session } => sessions::end(state, &authority, *session),
    }?;
    Ok(match outcome {
        None => Plan::Nothing,
        Some(draft) => Plan::Append(Box::new(draft.into_entry(order, &authority))),
    })
}

/// What one planner answers: nothing to do, or the part of an entry that is its own.
type Outcome = Result<Option<Draft>, Refusal>;

/// The part of an entry that depends on the command.
#[derive(Debug)]
struct Draft {
    action: &'static str,
    scope: Scope,
    target: Option<Box<str>>,
    address_id: Option<AddressId>,
    reason: Option<Box<str>>,
    before: Option<Value>,
    after: Option<Value>,
    changes: Vec<Change>,
}

impl Draft {
    fn new(action: &'static str, scope: Scope, target: &str, changes: Vec<Change>) -> Self {
        Self {
            action,
            scope,
            target: Some(target.into()),
            address_id: None,
            reason: None,
            before: None,
            after: None,
            changes,
        }
    }

    fn into_entry(self, order: &Order, authority: &Authority<'_>) -> Entry {
        Entry {
            format: ENTRY_FORMAT,
            action: self.action.into(),
            command_id: order.command_id,
            at: order.at,
            actor: authority.name(),
            client_address: order.origin.client_address,
            request_id: order.origin.request_id.clone(),
            scope: self.scope,
            target: self.target,
            address_id: self.address_id,
            reason: self.reason,
            before: self.before,
            after: self.after,
            changes: self.changes,
        }
    }
}

fn check_limit(what: &'static str, count: usize, limit: usize) -> Result<(), Refusal> {
    if count < limit { Ok(()) } else { Err(Refusal::LimitReached { what, limit }) }
}

#[cfg(test)]
mod tests;
