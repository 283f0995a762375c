//! What whoever gives an order may do, as the state says at this moment.

use crate::change::{ActorKind, ActorName};
use crate::command::{Actor, Order};
use crate::key::{Key, KeyStatus};
use crate::refusal::{Missing, Refusal};
use crate::role::{Role, Scope};
use crate::session::Session;
use crate::state::State;

#[derive(Debug)]
pub(super) enum Authority<'a> {
    Key(&'a Key),
    /// At the machine itself, or the gateway: everything.
    Full(ActorKind),
}

impl<'a> Authority<'a> {
    pub(super) fn of(state: &'a State, order: &Order) -> Result<Self, Refusal> {
        match order.actor {
            Actor::Local => Ok(Self::Full(ActorKind::Local)),
            Actor::Gateway => Ok(Self::Full(ActorKind::Gateway)),
            Actor::Key(id) => match state.key(id) {
                Some(key) if key.status(order.at) == KeyStatus::Active => Ok(Self::Key(key)),
                Some(_) | None => Err(Refusal::KeyInvalid),
            },
        }
    }

    pub(super) fn name(&self) -> ActorName {
        match self {
            Self::Key(key) => {
                ActorName { kind: ActorKind::Key, name: key.name.clone(), key_id: Some(key.key_id) }
            }
            Self::Full(kind) => ActorName { kind: *kind, name: kind.as_str().into(), key_id: None },
        }
    }

    /// Refuses what lies outside of the scope as if it were not there.
    pub(super) fn reach(&self, scope: Scope, missing: Missing) -> Result<(), Refusal> {
        match self {
            Self::Key(key) if !key.scope.covers(scope) => Err(Refusal::NotFound(missing)),
            Self::Key(_) | Self::Full(_) => Ok(()),
        }
    }

    /// Demands a role that commands agents.
    pub(super) fn command_agents(&self) -> Result<(), Refusal> {
        match self {
            Self::Key(key) if key.role == Role::Agent => Err(Refusal::AgentsCommandNobody),
            Self::Key(key) if !key.role.commands() => {
                Err(Refusal::RoleTooLow { role: key.role, needed: "operator or owner" })
            }
            Self::Key(_) | Self::Full(_) => Ok(()),
        }
    }

    /// Demands an owner whose scope covers `scope`.
    pub(super) fn own(&self, scope: Scope) -> Result<(), Refusal> {
        match self {
            Self::Key(key) if key.role != Role::Owner => {
                Err(Refusal::RoleTooLow { role: key.role, needed: "owner" })
            }
            Self::Key(key) if !key.scope.covers(scope) => Err(Refusal::OutOfScope),
            Self::Key(_) | Self::Full(_) => Ok(()),
        }
    }

    /// Demands a key whose holder is a person: who signs in to the dashboard.
    pub(super) fn sign_in(&self) -> Result<&'a Key, Refusal> {
        match self {
            Self::Key(key) if key.role == Role::Agent => {
                Err(Refusal::RoleTooLow { role: key.role, needed: "owner, operator or viewer" })
            }
            Self::Key(key) => Ok(key),
            // A session is a key's, and there is none.
            Self::Full(_) => Err(Refusal::KeyInvalid),
        }
    }

    /// Whether a session of `opener` may be ended.
    pub(super) fn manages(&self, session: &Session, opener: &Key) -> bool {
        match self {
            Self::Key(key) => session.is_managed_by(key, opener),
            Self::Full(_) => true,
        }
    }

    /// Demands a role that makes and revokes keys of `role`.
    pub(super) fn grant(&self, role: Role) -> Result<(), Refusal> {
        match self {
            Self::Key(key) if !key.role.commands() => {
                Err(Refusal::RoleTooLow { role: key.role, needed: "operator or owner" })
            }
            Self::Key(key) if !key.role.grants(role) => {
                Err(Refusal::RoleAboveOwn { mine: key.role, other: role })
            }
            Self::Key(_) | Self::Full(_) => Ok(()),
        }
    }
}
