//! The one fold: every replica applies the same entries with this code.

use crate::change::{Change, Entry, HeldTarget};
use crate::hold::{Hold, Holds};
use crate::id::{AddressId, KeyId, Revision};
use crate::policy::Policies;
use crate::state::{Account, Agent, REVOKED_KEYS_MAX, State};
use crate::time::Timestamp;

impl State {
    /// Applies the entry at `revision`, which must be the next of the log.
    pub fn apply(&mut self, revision: Revision, entry: &Entry) {
        debug_assert_eq!(revision, self.revision.next(), "entries are applied in order");
        for change in &entry.changes {
            self.apply_change(revision, entry, change);
        }
        self.revision = revision;
    }

    /// What a change of `entry` is about. A kill that registers an address may come to the log
    /// after somebody else has registered it: kills append whatever the head is. Then it is about
    /// the agent that holds the address.
    #[must_use]
    pub fn standing_target(&self, entry: &Entry, target: HeldTarget) -> HeldTarget {
        let HeldTarget::Agent { address_id } = target else { return target };
        if self.agents.contains_key(&address_id) {
            return target;
        }
        let registered = entry.changes.iter().find_map(|change| change.registered(address_id));
        let holder = registered.and_then(|place| self.index.addresses.get(&place));
        holder.map_or(target, |holder| HeldTarget::Agent { address_id: *holder })
    }

    fn apply_change(&mut self, revision: Revision, entry: &Entry, change: &Change) {
        match change {
            Change::OrganizationPut { organization } => {
                self.index.put_organization(organization);
                self.organizations.insert(organization.org_id, (**organization).clone());
            }
            Change::WorkspacePut { workspace } => {
                self.index.put_workspace(workspace);
                self.workspaces.insert(workspace.workspace_id, (**workspace).clone());
            }
            Change::AddressRegistered { address, workspace_id, .. }
                if self.index.addresses.contains_key(&(*workspace_id, address.clone())) => {}
            Change::AddressRegistered { address_id, address, workspace_id } => {
                let agent = Agent {
                    address_id: *address_id,
                    address: address.clone(),
                    workspace_id: *workspace_id,
                    account: None,
                    holds: Holds::default(),
                    policies: Policies::default(),
                };
                self.index.put_agent(&agent);
                self.agents.entry(*address_id).or_insert(agent);
            }
            Change::AccountPut { address_id, account } => self.put_account(*address_id, account),
            Change::AccountDeleted { address_id, .. } => {
                let agent = self.agents.get_mut(address_id);
                if let Some(account) = agent.and_then(|agent| agent.account.as_mut()) {
                    account.deleted_at = Some(entry.at);
                }
            }
            Change::KeyPut { key } => {
                self.index.put_key(key);
                self.keys.insert(key.key_id, (**key).clone());
            }
            Change::KeyRevoked { key_id } => self.revoke_key(*key_id, entry.at),
            Change::HoldAdded { target, hold } => {
                let hold = Hold { revision, ..(**hold).clone() };
                self.change_holds(self.standing_target(entry, *target), |holds| holds.add(hold));
            }
            Change::PolicyPut { address_id, policy } => {
                if let Some(agent) = self.agents.get_mut(address_id) {
                    agent.policies.put((**policy).clone());
                }
            }
            Change::HoldsLifted { target, seen, lifter } => {
                self.change_holds(self.standing_target(entry, *target), |holds| {
                    holds.lift(*seen, lifter)
                });
            }
            Change::DashboardTokenIssued { token } => self.put_dashboard_token(token, entry.at),
            Change::SessionOpened { session, token } => {
                self.open_session(session, *token, entry.at);
            }
            Change::SessionEnded { session_id } => self.end_session(*session_id),
        }
    }

    fn put_account(&mut self, address_id: AddressId, account: &Account) {
        if let Some(agent) = self.agents.get_mut(&address_id) {
            if let Some(former) = &agent.account {
                self.index.accounts.remove(&former.account_id);
            }
            agent.account = Some(Box::new(account.clone()));
            self.index.accounts.insert(account.account_id, address_id);
        }
    }

    fn revoke_key(&mut self, key_id: KeyId, at: Timestamp) {
        let Some(key) = self.keys.get_mut(&key_id) else { return };
        if key.revoked_at.is_none() {
            key.revoked_at = Some(at);
            self.revoked_keys.push_back(key_id);
        }
        self.end_sessions_of(key_id);
        if self.revoked_keys.len() > REVOKED_KEYS_MAX
            && let Some(oldest) = self.revoked_keys.pop_front()
            && let Some(forgotten) = self.keys.remove(&oldest)
        {
            self.index.remove_key(&forgotten);
        }
    }

    fn change_holds(&mut self, target: HeldTarget, change: impl FnOnce(&mut Holds)) {
        let holds = match target {
            HeldTarget::Agent { address_id } => {
                self.agents.get_mut(&address_id).map(|agent| &mut agent.holds)
            }
            HeldTarget::Workspace { workspace_id } => {
                self.workspaces.get_mut(&workspace_id).map(|workspace| &mut workspace.holds)
            }
        };
        if let Some(holds) = holds {
            change(holds);
        }
    }
}
