//! The control state: what the fold of the control log says, on every replica the same.

mod apply;
mod index;
mod lookup;
mod sessions;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::hold::{Holds, RunState};
use crate::id::{AccountId, AddressId, KeyId, OrgId, Revision, WorkspaceId};
use crate::key::Key;
use crate::policy::Policies;
use crate::tenancy::{Organization, Workspace};
use crate::time::Timestamp;
use index::Index;
use sessions::Sessions;

/// Revoked keys that are remembered, so that their holders are told so. The oldest goes first.
pub const REVOKED_KEYS_MAX: usize = 10_000;

/// See the module. Small, read on every request through projections, changed seldom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredState")]
pub struct State {
    revision: Revision,
    organizations: BTreeMap<OrgId, Organization>,
    workspaces: BTreeMap<WorkspaceId, Workspace>,
    agents: BTreeMap<AddressId, Agent>,
    keys: BTreeMap<KeyId, Key>,
    revoked_keys: VecDeque<KeyId>,
    #[serde(skip_serializing_if = "Sessions::is_empty")]
    sessions: Sessions,
    #[serde(skip)]
    index: Index,
}

/// An address and whoever holds it. It stays when an account is deleted, and its holds with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub address_id: AddressId,
    pub address: Address,
    pub workspace_id: WorkspaceId,
    /// None for an address that was stopped without having been registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<Account>>,
    #[serde(default, skip_serializing_if = "Holds::is_empty")]
    pub holds: Holds,
    #[serde(default, skip_serializing_if = "Policies::is_empty")]
    pub policies: Policies,
}

/// A service account: the identity of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub account_id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    pub created_by: Box<str>,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl Agent {
    /// The account, unless there is none or it was deleted.
    #[must_use]
    pub fn live_account(&self) -> Option<&Account> {
        self.account.as_deref().filter(|account| account.deleted_at.is_none())
    }

    /// What people call it: its display name, else its name.
    #[must_use]
    pub fn display_name(&self) -> &str {
        let named = self.account.as_ref().and_then(|account| account.display_name.as_deref());
        named.unwrap_or_else(|| self.address.name())
    }
}

impl State {
    /// The position of the log up to which this is the fold.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether the installation has an organization, a workspace and an owner.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        !self.organizations.is_empty()
    }

    /// The run state of an agent: the strictest of its holds and its workspace's.
    #[must_use]
    pub fn run_state(&self, agent: &Agent) -> RunState {
        agent.holds.run_state().max(self.workspace_state(agent.workspace_id))
    }

    /// The run state that a workspace imposes on all of its agents.
    #[must_use]
    pub fn workspace_state(&self, workspace: WorkspaceId) -> RunState {
        self.workspaces.get(&workspace).map(|w| w.holds.run_state()).unwrap_or_default()
    }
}

/// What a snapshot holds; the index is made again from it.
#[derive(Deserialize)]
struct StoredState {
    revision: Revision,
    organizations: BTreeMap<OrgId, Organization>,
    workspaces: BTreeMap<WorkspaceId, Workspace>,
    agents: BTreeMap<AddressId, Agent>,
    keys: BTreeMap<KeyId, Key>,
    revoked_keys: VecDeque<KeyId>,
    #[serde(default)]
    sessions: Sessions,
}

impl From<StoredState> for State {
    fn from(stored: StoredState) -> Self {
        let StoredState {
            revision,
            organizations,
            workspaces,
            agents,
            keys,
            revoked_keys,
            sessions,
        } = stored;
        let mut index = Index::build(&organizations, &workspaces, &agents, &keys);
        sessions.each_session(|session| index.put_session(session));
        sessions.each_token(|token| index.put_dashboard_token(token));
        Self { revision, organizations, workspaces, agents, keys, revoked_keys, sessions, index }
    }
}
