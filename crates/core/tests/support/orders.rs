//! Random orders on a small world, from one seed. Shared by the property tests of several crates.

use std::collections::BTreeMap;

use axme_core::address::Reference;
use axme_core::command::{
    Actor, Bootstrap, Command, Kill, NewAccount, NewDashboardToken, NewKey, NewOrganization,
    NewSession, NewWorkspace, Order, Origin, Resume, Target,
};
use axme_core::hold::Mode;
use axme_core::id::{
    AccountId, AddressId, CommandId, KeyId, KillId, OrgId, Revision, SessionId, TokenId,
    WorkspaceId,
};
use axme_core::key::KeyDigest;
use axme_core::role::{Role, Scope};
use axme_core::tenancy::{OrganizationProfile, WorkspaceProfile};
use axme_core::time::Timestamp;
use uuid::Uuid;

/// Names of the agents that orders are about.
pub(crate) const NAMES: [&str; 5] = ["mailer", "email-campaign", "scraper", "buyer", "planner"];

/// Draws orders; the same seed draws the same ones.
#[derive(Debug)]
pub(crate) struct Orders {
    state: u64,
    drawn: u128,
    keys: Vec<KeyId>,
    accounts: BTreeMap<u64, AccountId>,
    tokens: Vec<TokenId>,
    sessions: Vec<SessionId>,
}

impl Orders {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self {
            state: seed | 1,
            drawn: 0,
            keys: Vec::new(),
            accounts: BTreeMap::new(),
            tokens: Vec::new(),
            sessions: Vec::new(),
        }
    }

    /// The first order of every log.
    pub(crate) fn bootstrap(&mut self) -> Order {
        let owner = self.new_key(Role::Owner, Scope::Installation, None);
        self.order(
            Actor::Gateway,
            Command::Bootstrap(Box::new(Bootstrap {
                organization: NewOrganization {
                    org: org(),
                    slug: "myorg".into(),
                    profile: OrganizationProfile::default(),
                },
                workspace: NewWorkspace {
                    workspace: workspace(),
                    org: org(),
                    slug: "production".into(),
                    profile: WorkspaceProfile::default(),
                },
                owner,
            })),
        )
    }

    /// Any order: most are about holds, some come from keys that may not give them.
    pub(crate) fn any(&mut self, head: Revision) -> Order {
        let actor = match self.below(4) {
            0 => Actor::Local,
            _ => self.any_key().map_or(Actor::Local, Actor::Key),
        };
        let command = match self.below(15) {
            0..=3 => Command::Kill(Kill {
                kill: KillId::from_uuid(self.uuid()),
                target: self.target(),
                mode: [Mode::Halt, Mode::Quarantine, Mode::Pause][self.below_len(3)],
                reason: None,
            }),
            4..=6 => {
                let back = self.below(4);
                let seen = Revision(head.0.saturating_sub(back));
                Command::Resume(Resume { target: self.target(), seen, reason: None })
            }
            7 | 8 => self.create_account(),
            9 => Command::DeleteAccount { account: self.account() },
            10 => {
                let (role, account) = match self.below(4) {
                    0 => (Role::Owner, None),
                    1 => (Role::Operator, None),
                    2 => (Role::Viewer, None),
                    _ => (Role::Agent, Some(self.account())),
                };
                let scope = Scope::Workspace { org: org(), workspace: workspace() };
                Command::CreateKey(self.new_key(role, scope, account))
            }
            11 => self.sign_in(),
            12 => self.issue_token(),
            13 => {
                let at = self.below_len(self.sessions.len());
                let nobodys = SessionId::from_uuid(Uuid::nil());
                let session = self.sessions.get(at).copied().unwrap_or(nobodys);
                Command::EndSession { session }
            }
            _ => {
                let nobodys = KeyId::from_uuid(Uuid::nil());
                Command::RevokeKey { key: self.any_key().unwrap_or(nobodys) }
            }
        };
        self.order(actor, command)
    }

    fn create_account(&mut self) -> Command {
        let account = AccountId::from_uuid(self.uuid());
        let name = self.below(NAMES.len() as u64);
        self.accounts.insert(name, account);
        Command::CreateAccount(NewAccount {
            account,
            address: AddressId::from_uuid(self.uuid()),
            workspace: workspace(),
            name: NAMES[usize::try_from(name).unwrap()].into(),
            display_name: None,
            description: None,
        })
    }

    fn issue_token(&mut self) -> Command {
        let token = TokenId::from_uuid(self.uuid());
        self.tokens.push(token);
        let digest = KeyDigest::of(&token.to_string());
        Command::IssueDashboardToken(NewDashboardToken { token, digest })
    }

    /// With a key, or with some token: used, another's, or good.
    fn sign_in(&mut self) -> Command {
        let session = SessionId::from_uuid(self.uuid());
        self.sessions.push(session);
        let at = self.below_len(self.tokens.len() + 1);
        let token = self.tokens.get(at).copied();
        let digest = KeyDigest::of(&session.to_string());
        Command::OpenSession(NewSession { session, digest, token, user_agent: None })
    }

    fn account(&mut self) -> AccountId {
        let name = self.below(NAMES.len() as u64);
        self.accounts.get(&name).copied().unwrap_or(AccountId::from_uuid(Uuid::nil()))
    }

    fn target(&mut self) -> Target {
        if self.below(8) == 0 {
            return Target::Workspace(workspace());
        }
        let name = NAMES[self.below_len(NAMES.len())];
        let register_as = (self.below(2) == 0).then(|| AddressId::from_uuid(self.uuid()));
        Target::Agent { reference: Reference::Name(name.into()), home: workspace(), register_as }
    }

    fn new_key(&mut self, role: Role, scope: Scope, account: Option<AccountId>) -> NewKey {
        let key = KeyId::from_uuid(self.uuid());
        self.keys.push(key);
        NewKey {
            key,
            name: "somebody".into(),
            digest: KeyDigest::of(&key.to_string()),
            hint: "…".into(),
            role,
            scope,
            home: workspace(),
            account,
            expires_at: None,
        }
    }

    fn order(&mut self, actor: Actor, command: Command) -> Order {
        let command_id = match &command {
            Command::Kill(kill) => kill.kill.into(),
            _ => CommandId::from_uuid(self.uuid()),
        };
        let at = Timestamp::from_micros(i64::try_from(self.drawn).unwrap());
        Order { command_id, actor, at, origin: Origin::default(), command }
    }

    fn any_key(&mut self) -> Option<KeyId> {
        let at = self.below_len(self.keys.len());
        self.keys.get(at).copied()
    }

    fn uuid(&mut self) -> Uuid {
        self.drawn += 1;
        Uuid::from_u128(self.drawn)
    }

    fn below_len(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap()
    }

    /// A number below `limit`, by xorshift.
    fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % limit
    }
}

pub(crate) fn org() -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(0xa))
}

pub(crate) fn workspace() -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::from_u128(0xb))
}
