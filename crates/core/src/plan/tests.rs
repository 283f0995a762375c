mod sessions;

use super::*;
use crate::address::Reference;
use crate::command::{
    Actor, Bootstrap, Kill, NewAccount, NewKey, NewOrganization, NewWorkspace, Origin, Resume,
    Target,
};
use crate::hold::{Mode, RunState};
use crate::id::{AccountId, CommandId, KeyId, KillId, OrgId, Revision, WorkspaceId};
use crate::key::KeyDigest;
use crate::role::Role;
use crate::tenancy::{OrganizationProfile, WorkspaceProfile};
use crate::time::Timestamp;
use uuid::Uuid;

const ORG: OrgId = OrgId::from_bytes([1; 16]);
const HOME: WorkspaceId = WorkspaceId::from_bytes([2; 16]);
const OWNER: KeyId = KeyId::from_bytes([3; 16]);

/// An installation that orders are given to, one after the other.
struct Installation {
    state: State,
    given: u128,
}

impl Installation {
    fn new() -> Self {
        let mut installation = Self { state: State::default(), given: 0 };
        let bootstrap = Command::Bootstrap(Box::new(Bootstrap {
            organization: NewOrganization {
                org: ORG,
                slug: "myorg".into(),
                profile: OrganizationProfile::default(),
            },
            workspace: new_workspace(HOME, "production"),
            owner: new_key(OWNER, Role::Owner, Scope::Installation),
        }));
        installation.give(Actor::Gateway, bootstrap).unwrap();
        installation
    }

    fn give(&mut self, actor: Actor, command: Command) -> Result<Plan, Refusal> {
        let at = Timestamp::from_micros(i64::try_from(self.given + 1).unwrap());
        self.give_at(at, actor, command)
    }

    fn give_at(&mut self, at: Timestamp, actor: Actor, command: Command) -> Result<Plan, Refusal> {
        self.given += 1;
        let command_id = CommandId::from_uuid(Uuid::from_u128(self.given));
        let order = Order { command_id, actor, at, origin: Origin::default(), command };
        let planned = plan(&self.state, &order)?;
        if let Plan::Append(entry) = &planned {
            self.state.apply(self.state.revision().next(), entry);
        }
        Ok(planned)
    }

    fn key(&mut self, byte: u8, role: Role, scope: Scope) -> Actor {
        let key = KeyId::from_bytes([byte; 16]);
        self.give(Actor::Key(OWNER), Command::CreateKey(new_key(key, role, scope))).unwrap();
        Actor::Key(key)
    }

    fn agent(&mut self, byte: u8, name: &str) -> AccountId {
        let account = AccountId::from_bytes([byte; 16]);
        let new = NewAccount {
            account,
            address: AddressId::from_bytes([byte; 16]),
            workspace: HOME,
            name: name.into(),
            display_name: None,
            description: None,
        };
        self.give(Actor::Key(OWNER), Command::CreateAccount(new)).unwrap();
        account
    }

    fn kill(&mut self, actor: Actor, name: &str) -> Result<Plan, Refusal> {
        let kill = KillId::from_uuid(Uuid::from_u128(self.given + 1));
        let kill = Kill { kill, target: agent_named(name), mode: Mode::Halt, reason: None };
        self.give(actor, Command::Kill(kill))
    }

    fn resume(&mut self, actor: Actor, name: &str, seen: Revision) -> Result<Plan, Refusal> {
        let resume = Resume { target: agent_named(name), seen, reason: None };
        self.give(actor, Command::Resume(resume))
    }

    fn run_state(&self, name: &str) -> RunState {
        let agent = self.state.resolve(&Reference::Name(name.into()), HOME).unwrap();
        self.state.run_state(agent)
    }
}

fn agent_named(name: &str) -> Target {
    Target::Agent { reference: Reference::Name(name.into()), home: HOME, register_as: None }
}

fn new_workspace(workspace: WorkspaceId, slug: &str) -> NewWorkspace {
    NewWorkspace { workspace, org: ORG, slug: slug.into(), profile: WorkspaceProfile::default() }
}

fn new_key(key: KeyId, role: Role, scope: Scope) -> NewKey {
    NewKey {
        key,
        name: "ops".into(),
        digest: KeyDigest::of(&key.to_string()),
        hint: "…".into(),
        role,
        scope,
        home: HOME,
        account: None,
        expires_at: None,
    }
}

fn workspace_scope() -> Scope {
    Scope::Workspace { org: ORG, workspace: HOME }
}

#[test]
fn every_kill_appends_and_says_what_was_in_force() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    for before in ["active", "killed"] {
        let Plan::Append(entry) = at.kill(Actor::Key(OWNER), "mailer").unwrap() else {
            panic!("a kill always appends");
        };
        assert_eq!(entry.before.unwrap()["run_state"], before);
    }
    assert_eq!(at.run_state("mailer"), RunState::Killed);
}

#[test]
fn a_resume_after_a_newer_kill_is_refused_and_lifts_nothing() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    at.kill(Actor::Key(OWNER), "mailer").unwrap();
    let seen = at.state.revision();
    at.kill(Actor::Key(OWNER), "mailer").unwrap();
    let newest = at.state.revision();
    let refused = at.resume(Actor::Key(OWNER), "mailer", seen).unwrap_err();
    assert!(matches!(refused, Refusal::KilledAgain { newer } if newer.revision == newest));
    assert_eq!(at.run_state("mailer"), RunState::Killed);
    at.resume(Actor::Key(OWNER), "mailer", newest).unwrap();
    assert_eq!(at.run_state("mailer"), RunState::Active);
    assert_eq!(at.resume(Actor::Key(OWNER), "mailer", newest), Ok(Plan::Nothing));
}

#[test]
fn an_address_keeps_its_hold_when_its_account_is_made_again() {
    let mut at = Installation::new();
    let account = at.agent(10, "mailer");
    at.kill(Actor::Key(OWNER), "mailer").unwrap();
    at.give(Actor::Key(OWNER), Command::DeleteAccount { account }).unwrap();
    at.agent(11, "mailer");
    assert_eq!(at.run_state("mailer"), RunState::Killed);
}

#[test]
fn a_hold_on_a_workspace_takes_agents_that_come_later() {
    let mut at = Installation::new();
    let kill = Kill {
        kill: KillId::from_bytes([9; 16]),
        target: Target::Workspace(HOME),
        mode: Mode::Halt,
        reason: None,
    };
    at.give(Actor::Key(OWNER), Command::Kill(kill)).unwrap();
    at.agent(10, "mailer");
    assert_eq!(at.run_state("mailer"), RunState::Killed);
    let seen = at.state.revision();
    assert_eq!(at.resume(Actor::Key(OWNER), "mailer", seen), Ok(Plan::Nothing));
    assert_eq!(at.run_state("mailer"), RunState::Killed, "the workspace's hold is not the agent's");
}

#[test]
fn agents_and_viewers_stop_nobody() {
    let mut at = Installation::new();
    let account = at.agent(10, "mailer");
    let viewer = at.key(20, Role::Viewer, workspace_scope());
    let agent_key = NewKey {
        account: Some(account),
        ..new_key(KeyId::from_bytes([21; 16]), Role::Agent, workspace_scope())
    };
    at.give(Actor::Key(OWNER), Command::CreateKey(agent_key)).unwrap();
    let agent = Actor::Key(KeyId::from_bytes([21; 16]));
    assert_eq!(at.kill(agent, "mailer"), Err(Refusal::AgentsCommandNobody));
    assert!(matches!(at.kill(viewer, "mailer"), Err(Refusal::RoleTooLow { .. })));
    at.kill(Actor::Key(OWNER), "mailer").unwrap();
    let seen = at.state.revision();
    assert_eq!(at.resume(agent, "mailer", seen), Err(Refusal::AgentsCommandNobody));
}

#[test]
fn what_lies_outside_of_a_scope_is_not_there() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    let elsewhere = WorkspaceId::from_bytes([5; 16]);
    at.give(Actor::Key(OWNER), Command::CreateWorkspace(new_workspace(elsewhere, "staging")))
        .unwrap();
    let scope = Scope::Workspace { org: ORG, workspace: elsewhere };
    let mut new = new_key(KeyId::from_bytes([22; 16]), Role::Operator, scope);
    new.home = elsewhere;
    at.give(Actor::Key(OWNER), Command::CreateKey(new)).unwrap();
    let foreign = Actor::Key(KeyId::from_bytes([22; 16]));
    let unknown = at.kill(foreign, "nobody").unwrap_err();
    assert_eq!(at.kill(foreign, "mailer").unwrap_err(), unknown, "not there and not yours are one");
}

#[test]
fn operators_make_keys_of_agents_only_and_within_their_scope() {
    let mut at = Installation::new();
    let operator = at.key(20, Role::Operator, workspace_scope());
    for role in [Role::Owner, Role::Operator, Role::Viewer] {
        let new = new_key(KeyId::from_bytes([30; 16]), role, workspace_scope());
        let refused = at.give(operator, Command::CreateKey(new)).unwrap_err();
        assert!(matches!(refused, Refusal::RoleAboveOwn { .. }), "{refused}");
    }
    let owner = at.key(23, Role::Owner, workspace_scope());
    let wider = new_key(KeyId::from_bytes([31; 16]), Role::Viewer, Scope::Installation);
    assert_eq!(at.give(owner, Command::CreateKey(wider)), Err(Refusal::OutOfScope));
}

#[test]
fn the_last_owner_key_stays() {
    let mut at = Installation::new();
    let revoke = Command::RevokeKey { key: OWNER };
    assert_eq!(at.give(Actor::Key(OWNER), revoke.clone()), Err(Refusal::LastOwnerKey));
    at.key(20, Role::Owner, Scope::Installation);
    assert!(at.give(Actor::Key(OWNER), revoke).is_ok());
    let refused = at.kill(Actor::Key(OWNER), "mailer").unwrap_err();
    assert_eq!(refused, Refusal::KeyInvalid, "a revoked key orders nothing");
}

#[test]
fn a_changed_preset_owner_key_replaces_the_former_one() {
    let mut at = Installation::new();
    let new = new_key(KeyId::from_bytes([40; 16]), Role::Owner, Scope::Installation);
    let replace = Command::ReplaceOwnerKey(new);
    assert!(matches!(at.give(Actor::Gateway, replace.clone()), Ok(Plan::Append(_))));
    assert_eq!(at.give(Actor::Gateway, replace), Ok(Plan::Nothing), "the same again is no change");
    assert!(at.state.key(OWNER).unwrap().revoked_at.is_some());
}

#[test]
fn names_and_slugs_are_unique_and_well_formed() {
    let mut at = Installation::new();
    let first = at.agent(10, "mailer");
    let again = NewAccount {
        account: AccountId::from_bytes([11; 16]),
        address: AddressId::from_bytes([11; 16]),
        workspace: HOME,
        name: "mailer".into(),
        display_name: None,
        description: None,
    };
    let refused = at.give(Actor::Key(OWNER), Command::CreateAccount(again.clone())).unwrap_err();
    assert!(matches!(refused, Refusal::AgentExists { account, .. } if account == first));
    let shouting = NewAccount { name: "MAILER".into(), ..again };
    let refused = at.give(Actor::Key(OWNER), Command::CreateAccount(shouting)).unwrap_err();
    assert!(matches!(refused, Refusal::Invalid { field: "name", .. }));
    let taken =
        Command::CreateWorkspace(new_workspace(WorkspaceId::from_bytes([6; 16]), "production"));
    assert!(matches!(at.give(Actor::Key(OWNER), taken), Err(Refusal::Taken { .. })));
}

#[test]
fn an_address_that_nobody_registered_can_be_stopped_leniently() {
    let mut at = Installation::new();
    let target = |register_as| Target::Agent {
        reference: Reference::parse("agent://bob", true).unwrap(),
        home: HOME,
        register_as,
    };
    let kill = |register_as| {
        let kill = KillId::from_bytes([8; 16]);
        Command::Kill(Kill { kill, target: target(register_as), mode: Mode::Halt, reason: None })
    };
    assert!(matches!(at.give(Actor::Key(OWNER), kill(None)), Err(Refusal::NotFound(_))));
    at.give(Actor::Key(OWNER), kill(Some(AddressId::from_bytes([7; 16])))).unwrap();
    let bob = at.state.agent(AddressId::from_bytes([7; 16])).unwrap();
    assert_eq!(at.state.run_state(bob), RunState::Killed);
}

#[test]
fn a_kill_that_registers_an_address_stops_whoever_has_registered_it_meanwhile() {
    let mut at = Installation::new();
    let before = at.state.clone();
    at.agent(4, "mailer");
    let kill = KillId::from_bytes([8; 16]);
    let target = Target::Agent {
        reference: Reference::Name("mailer".into()),
        home: HOME,
        register_as: Some(AddressId::from_bytes([7; 16])),
    };
    let command = Command::Kill(Kill { kill, target, mode: Mode::Halt, reason: None });
    let order = Order {
        command_id: kill.into(),
        actor: Actor::Local,
        at: Timestamp::default(),
        origin: Origin::default(),
        command,
    };
    // Planned on a replica that has not seen the registration, and appended all the same.
    let Ok(Plan::Append(entry)) = plan(&before, &order) else { panic!("kills append") };
    at.state.apply(at.state.revision().next(), &entry);
    assert_eq!(at.run_state("mailer"), RunState::Killed);
    assert!(at.state.agent(AddressId::from_bytes([7; 16])).is_none(), "one agent an address");
    at.resume(Actor::Key(OWNER), "mailer", at.state.revision()).unwrap();
    assert_eq!(at.run_state("mailer"), RunState::Active);
}

#[test]
fn holds_that_a_log_has_lost_are_put_back_once() {
    let mut at = Installation::new();
    at.agent(4, "mailer");
    let mut lost = Installation::new();
    lost.agent(4, "mailer");
    at.kill(Actor::Key(OWNER), "mailer").unwrap();
    let holds = at.state.holds_not_in(&lost.state);
    assert_eq!(holds.len(), 1);
    assert_eq!(lost.run_state("mailer"), RunState::Active);
    lost.give(Actor::Gateway, Command::RestoreHolds(holds.clone())).unwrap();
    assert_eq!(lost.run_state("mailer"), RunState::Killed);
    assert_eq!(lost.give(Actor::Gateway, Command::RestoreHolds(holds)), Ok(Plan::Nothing));
    assert_eq!(at.state.holds_not_in(&lost.state), []);
}

mod policies;
