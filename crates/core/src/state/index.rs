//! Ways to find records other than by their id. Derived: never stored, always rebuilt.

use std::collections::{BTreeMap, HashMap};

use crate::address::Address;
use crate::id::{AccountId, AddressId, KeyId, OrgId, SessionId, TokenId, WorkspaceId};
use crate::key::{Key, KeyDigest};
use crate::session::{DashboardToken, Session};
use crate::state::Agent;
use crate::tenancy::{Organization, Workspace};

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Index {
    pub(super) org_slugs: HashMap<Box<str>, OrgId>,
    pub(super) workspace_slugs: HashMap<(OrgId, Box<str>), WorkspaceId>,
    /// Ordered, so that lists come in pages by address.
    pub(super) addresses: BTreeMap<(WorkspaceId, Address), AddressId>,
    pub(super) accounts: HashMap<AccountId, AddressId>,
    pub(super) account_keys: HashMap<AccountId, Vec<KeyId>>,
    pub(super) digests: HashMap<KeyDigest, KeyId>,
    pub(super) session_digests: HashMap<KeyDigest, SessionId>,
    pub(super) dashboard_token_digests: HashMap<KeyDigest, TokenId>,
}

impl Index {
    pub(super) fn build(
        organizations: &BTreeMap<OrgId, Organization>,
        workspaces: &BTreeMap<WorkspaceId, Workspace>,
        agents: &BTreeMap<AddressId, Agent>,
        keys: &BTreeMap<KeyId, Key>,
    ) -> Self {
        let mut index = Self::default();
        organizations.values().for_each(|organization| index.put_organization(organization));
        workspaces.values().for_each(|workspace| index.put_workspace(workspace));
        agents.values().for_each(|agent| index.put_agent(agent));
        keys.values().for_each(|key| index.put_key(key));
        index
    }

    pub(super) fn put_organization(&mut self, organization: &Organization) {
        self.org_slugs.insert(organization.slug.clone(), organization.org_id);
    }

    pub(super) fn put_workspace(&mut self, workspace: &Workspace) {
        let slug = (workspace.org_id, workspace.slug.clone());
        self.workspace_slugs.insert(slug, workspace.workspace_id);
    }

    pub(super) fn put_agent(&mut self, agent: &Agent) {
        self.addresses.insert((agent.workspace_id, agent.address.clone()), agent.address_id);
        if let Some(account) = &agent.account {
            self.accounts.insert(account.account_id, agent.address_id);
        }
    }

    pub(super) fn put_key(&mut self, key: &Key) {
        self.digests.insert(key.digest, key.key_id);
        if let Some(account) = key.account {
            let keys = self.account_keys.entry(account).or_default();
            if !keys.contains(&key.key_id) {
                keys.push(key.key_id);
            }
        }
    }

    pub(super) fn put_session(&mut self, session: &Session) {
        self.session_digests.insert(session.digest, session.session_id);
    }

    pub(super) fn put_dashboard_token(&mut self, token: &DashboardToken) {
        self.dashboard_token_digests.insert(token.digest, token.token_id);
    }

    pub(super) fn remove_key(&mut self, key: &Key) {
        self.digests.remove(&key.digest);
        if let Some(account) = key.account
            && let Some(keys) = self.account_keys.get_mut(&account)
        {
            keys.retain(|id| *id != key.key_id);
            if keys.is_empty() {
                self.account_keys.remove(&account);
            }
        }
    }
}
