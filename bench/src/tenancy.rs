//! A control state of many agents, folded from entries as a replica folds them.

use axme_core::address::Address;
use axme_core::change::{ActorKind, ActorName, Change, ENTRY_FORMAT, Entry};
use axme_core::id::WorkspaceId;
use axme_core::key::{Key, KeyDigest};
use axme_core::role::{Role, Scope};
use axme_core::state::{Account, State};
use axme_core::tenancy::{Organization, OrganizationProfile, Workspace, WorkspaceProfile};
use axme_core::time::Timestamp;
use axme_engine::chance::{Chance, hint_of};

const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const ACTOR: &str = "owner";

/// A state with agents, and what is needed to ask about them.
pub struct Tenancy {
    pub state: State,
    pub workspace: WorkspaceId,
    /// Bytes of the strings that the agents brought with them.
    pub strings_bytes: usize,
    scope: Scope,
}

impl Tenancy {
    /// One organization and one workspace, in memory.
    pub fn new() -> Self {
        Self::found().0
    }

    /// The same with the entry that made it.
    pub fn found() -> (Self, Entry) {
        let (org, workspace) = (Chance.org(AT), Chance.workspace(AT));
        let scope = Scope::Workspace { org, workspace };
        let mut tenancy = Self { state: State::default(), workspace, strings_bytes: 0, scope };
        let organization = Organization {
            org_id: org,
            slug: "myorg".into(),
            profile: OrganizationProfile::default(),
            created_at: AT,
            updated_at: AT,
        };
        let production = Workspace {
            workspace_id: workspace,
            org_id: org,
            slug: "production".into(),
            profile: WorkspaceProfile::default(),
            created_at: AT,
            updated_at: AT,
            holds: Default::default(),
        };
        let entry = tenancy.apply(vec![
            Change::OrganizationPut { organization: Box::new(organization) },
            Change::WorkspacePut { workspace: Box::new(production) },
        ]);
        (tenancy, entry)
    }

    /// The address of the agent with a number.
    pub fn address(number: usize) -> Address {
        Address::from_parts("myorg", "production", &format!("agent-{number:07}"))
    }

    /// Registers agents, an entry each.
    pub fn add_agents(&mut self, count: usize) {
        for number in 0..count {
            let changes = self.registration(number);
            self.apply(changes.into());
        }
    }

    /// Registers agents, all in the one entry that is answered.
    pub fn add_agents_at_once(&mut self, numbers: std::ops::Range<usize>) -> Entry {
        let changes = numbers.flat_map(|number| self.registration(number)).collect();
        self.apply(changes)
    }

    fn registration(&mut self, number: usize) -> [Change; 2] {
        // A thousand in a millisecond, so that ids come nearly in order, as in a log.
        let at = Timestamp::from_micros(AT.as_micros() + i64::try_from(number).unwrap_or(0));
        let (address_id, address) = (Chance.address(at), Self::address(number));
        self.strings_bytes += address.as_str().len() + ACTOR.len();
        let account = Account {
            account_id: Chance.account(at),
            display_name: None,
            description: None,
            created_by: ACTOR.into(),
            created_at: AT,
            deleted_at: None,
        };
        [
            Change::AddressRegistered { address_id, address, workspace_id: self.workspace },
            Change::AccountPut { address_id, account: Box::new(account) },
        ]
    }

    /// A key of one agent.
    pub fn add_key(&mut self, agent: usize) -> KeyDigest {
        let address = Self::address(agent);
        let agents = self.state.agents();
        let account = agents.into_iter().find(|agent| agent.address == address);
        let account = account.and_then(|agent| Some(agent.account.as_ref()?.account_id));
        let key_id = Chance.key(AT);
        let token = Chance.token(key_id, account);
        let key = Key {
            key_id,
            name: "campaign".into(),
            digest: token.digest,
            hint: token.hint,
            role: Role::Agent,
            scope: self.scope,
            home: self.workspace,
            account,
            created_by: ACTOR.into(),
            created_at: AT,
            expires_at: None,
            revoked_at: None,
            preset: false,
        };
        self.apply(vec![Change::KeyPut { key: Box::new(key) }]);
        token.digest
    }

    /// The preset owner key.
    pub fn add_owner_key(&mut self, token: &str) -> Entry {
        let key = Key {
            key_id: Chance.key(AT),
            name: ACTOR.into(),
            digest: KeyDigest::of(token),
            hint: hint_of(token),
            role: Role::Owner,
            scope: Scope::Installation,
            home: self.workspace,
            account: None,
            created_by: ACTOR.into(),
            created_at: AT,
            expires_at: None,
            revoked_at: None,
            preset: true,
        };
        self.apply(vec![Change::KeyPut { key: Box::new(key) }])
    }

    fn apply(&mut self, changes: Vec<Change>) -> Entry {
        let entry = Entry {
            format: ENTRY_FORMAT,
            action: "bench".into(),
            command_id: Chance.command(AT),
            at: AT,
            actor: ActorName { kind: ActorKind::Local, name: ACTOR.into(), key_id: None },
            client_address: None,
            request_id: None,
            scope: self.scope,
            target: None,
            address_id: None,
            reason: None,
            before: None,
            after: None,
            changes,
        };
        let revision = self.state.revision().next();
        self.state.apply(revision, &entry);
        entry
    }
}
