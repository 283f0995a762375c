//! Finding records. Not found is not an error: lookups answer `Option`.

use std::ops::Bound;

use crate::address::{Address, Reference};
use crate::command::LostHold;
use crate::hold::{Hold, Holds};
use crate::id::{AccountId, AddressId, KeyId, KillId, OrgId, WorkspaceId};
use crate::key::{Key, KeyDigest};
use crate::role::{Role, Scope};
use crate::state::{Agent, State};
use crate::tenancy::{Organization, Workspace};
use crate::time::Timestamp;

impl State {
    #[must_use]
    pub fn organization(&self, id: OrgId) -> Option<&Organization> {
        self.organizations.get(&id)
    }

    #[must_use]
    pub fn organization_by_slug(&self, slug: &str) -> Option<&Organization> {
        self.organization(*self.index.org_slugs.get(slug)?)
    }

    /// Organizations by id, from the one after `after` on.
    pub fn organizations_after(&self, after: Option<OrgId>) -> impl Iterator<Item = &Organization> {
        self.organizations.range((past(after), Bound::Unbounded)).map(|(_, found)| found)
    }

    pub fn organizations(&self) -> impl ExactSizeIterator<Item = &Organization> {
        self.organizations.values()
    }

    #[must_use]
    pub fn workspace(&self, id: WorkspaceId) -> Option<&Workspace> {
        self.workspaces.get(&id)
    }

    #[must_use]
    pub fn workspace_by_slugs(&self, org: &str, workspace: &str) -> Option<&Workspace> {
        let org = *self.index.org_slugs.get(org)?;
        self.workspace(*self.index.workspace_slugs.get(&(org, workspace.into()))?)
    }

    /// Workspaces by id, from the one after `after` on.
    pub fn workspaces_after(&self, after: Option<WorkspaceId>) -> impl Iterator<Item = &Workspace> {
        self.workspaces.range((past(after), Bound::Unbounded)).map(|(_, found)| found)
    }

    pub fn workspaces(&self) -> impl ExactSizeIterator<Item = &Workspace> {
        self.workspaces.values()
    }

    #[must_use]
    pub fn agent(&self, id: AddressId) -> Option<&Agent> {
        self.agents.get(&id)
    }

    #[must_use]
    pub fn agent_of_account(&self, account: AccountId) -> Option<&Agent> {
        self.agent(*self.index.accounts.get(&account)?)
    }

    /// Every known address, in no order that means anything.
    pub fn agents(&self) -> impl ExactSizeIterator<Item = &Agent> {
        self.agents.values()
    }

    /// The agents of a workspace by address, from the one after `after` on.
    pub fn agents_of<'a>(
        &'a self,
        workspace: WorkspaceId,
        after: Option<&Address>,
    ) -> impl Iterator<Item = &'a Agent> {
        let from = match after {
            Some(address) => Bound::Excluded((workspace, address.clone())),
            None => Bound::Included((workspace, Address::lowest())),
        };
        self.index
            .addresses
            .range((from, Bound::Unbounded))
            .take_while(move |((of, _), _)| *of == workspace)
            .filter_map(|(_, id)| self.agents.get(id))
    }

    /// The hold by which an agent is stopped: the strictest of its own and its workspace's.
    #[must_use]
    pub fn hold_on<'a>(&'a self, agent: &'a Agent) -> Option<&'a Hold> {
        let own = agent.holds.strictest();
        let imposed = self.workspace(agent.workspace_id)?.holds.strictest();
        let strictness = |hold: Option<&Hold>| hold.map(|hold| hold.mode.run_state());
        if strictness(imposed) > strictness(own) { imposed } else { own }
    }

    /// The holds that stand here and not in `other`.
    #[must_use]
    pub fn holds_not_in(&self, other: &Self) -> Vec<LostHold> {
        let of_workspaces = self.workspaces.values().flat_map(|workspace| {
            let there = other.workspace(workspace.workspace_id).map(|there| &there.holds);
            missing(&workspace.holds, there).map(|hold| LostHold {
                workspace: workspace.workspace_id,
                agent: None,
                hold: hold.clone(),
            })
        });
        let of_agents = self.agents.values().flat_map(|agent| {
            let there = other.agent(agent.address_id).map(|there| &there.holds);
            missing(&agent.holds, there).map(|hold| LostHold {
                workspace: agent.workspace_id,
                agent: Some((agent.address_id, agent.address.clone())),
                hold: hold.clone(),
            })
        });
        of_workspaces.chain(of_agents).collect()
    }

    /// The agent that a caller means. `home` is where bare names and short addresses are looked up.
    #[must_use]
    pub fn resolve(&self, reference: &Reference, home: WorkspaceId) -> Option<&Agent> {
        match reference {
            Reference::Id(id) => self.agent(*id),
            Reference::Address(address) => {
                let workspace = self.workspace_of_address(address, home)?;
                self.agent(*self.index.addresses.get(&(workspace, address.clone()))?)
            }
            Reference::Name(_) => {
                let address = self.address_of(reference, home)?;
                self.agent(*self.index.addresses.get(&(home, address))?)
            }
        }
    }

    /// The full address that a reference stands for, known or not.
    #[must_use]
    pub fn address_of(&self, reference: &Reference, home: WorkspaceId) -> Option<Address> {
        match reference {
            Reference::Id(id) => self.agent(*id).map(|agent| agent.address.clone()),
            Reference::Address(address) => Some(address.clone()),
            Reference::Name(name) => self.address_in(home, name),
        }
    }

    /// The address of agent `name` in a workspace.
    #[must_use]
    pub fn address_in(&self, workspace: WorkspaceId, name: &str) -> Option<Address> {
        let workspace = self.workspace(workspace)?;
        let organization = self.organization(workspace.org_id)?;
        Some(Address::from_parts(&organization.slug, &workspace.slug, name))
    }

    /// The workspace that an address belongs to; short addresses belong to the one they are used
    /// in. None when its organization or workspace does not exist.
    #[must_use]
    pub fn workspace_of_address(
        &self,
        address: &Address,
        home: WorkspaceId,
    ) -> Option<WorkspaceId> {
        match address.slugs() {
            Some((org, workspace)) => {
                self.workspace_by_slugs(org, workspace).map(|found| found.workspace_id)
            }
            None => Some(home),
        }
    }

    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(&id)
    }

    #[must_use]
    pub fn key_by_digest(&self, digest: &KeyDigest) -> Option<&Key> {
        self.key(*self.index.digests.get(digest)?)
    }

    /// Keys by id, from the one after `after` on.
    pub fn keys_after(&self, after: Option<KeyId>) -> impl Iterator<Item = &Key> {
        self.keys.range((past(after), Bound::Unbounded)).map(|(_, found)| found)
    }

    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.keys.values()
    }

    /// The keys of an account, revoked ones among them, oldest first.
    pub fn keys_of(&self, account: AccountId) -> impl Iterator<Item = &Key> {
        let ids = self.index.account_keys.get(&account).into_iter().flatten();
        ids.filter_map(|id| self.keys.get(id))
    }

    /// How many owner keys of exactly this scope work and do not expire by themselves.
    #[must_use]
    pub fn lasting_owner_keys(&self, scope: Scope, now: Timestamp) -> usize {
        let lasting = |key: &&Key| {
            key.role == Role::Owner
                && key.scope == scope
                && key.expires_at.is_none()
                && key.status(now) == crate::key::KeyStatus::Active
        };
        self.keys.values().filter(lasting).count()
    }
}

/// Where a page begins that goes on after `after`.
fn past<T>(after: Option<T>) -> Bound<T> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}

fn missing<'a>(holds: &'a Holds, there: Option<&Holds>) -> impl Iterator<Item = &'a Hold> {
    let there: Vec<KillId> = there.into_iter().flatten().map(|hold| hold.kill_id).collect();
    holds.iter().filter(move |hold| !there.contains(&hold.kill_id))
}
