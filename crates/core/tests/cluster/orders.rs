//! The small installation that everything happens to, and orders to its control log.

use std::cell::RefCell;
use std::rc::Rc;

use axme_core::address::Reference;
use axme_core::chain::Hash;
use axme_core::change::{Entry, HeldTarget};
use axme_core::command::{
    Actor, Bootstrap, Command, Kill, NewAccount, NewKey, NewOrganization, NewWorkspace, Order,
    Origin, Resume, Target,
};
use axme_core::hold::{Hold, Mode};
use axme_core::id::{AccountId, AddressId, CommandId, KeyId, KillId, OrgId, Revision, WorkspaceId};
use axme_core::key::KeyDigest;
use axme_core::plan::{Plan, plan};
use axme_core::role::{Role, Scope};
use axme_core::state::State;
use axme_core::tenancy::{OrganizationProfile, WorkspaceProfile};
use axme_core::time::Timestamp;
use uuid::Uuid;

/// Agents of the installation; they are named by their number.
pub(crate) const AGENTS: usize = 3;
const NAMES: [&str; AGENTS] = ["mailer", "buyer", "planner"];

/// An entry and the hash of its bytes.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) entry: Entry,
    pub(crate) hash: Hash,
}

impl Body {
    pub(crate) fn of(entry: Entry) -> Rc<Self> {
        let hash = Hash::of_body(&entry.encode().unwrap());
        Rc::new(Self { entry, hash })
    }
}

/// An entry in its place in the log.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) revision: Revision,
    pub(crate) hash: Hash,
    pub(crate) body: Rc<Body>,
}

/// The log of an installation in which nothing has happened yet, and its fold.
pub(crate) fn genesis() -> (Vec<Rc<Logged>>, State) {
    thread_local! {
        static GENESIS: RefCell<Option<(Vec<Rc<Logged>>, State)>> = const { RefCell::new(None) };
    }
    GENESIS.with_borrow_mut(|genesis| genesis.get_or_insert_with(found).clone())
}

fn found() -> (Vec<Rc<Logged>>, State) {
    let (mut log, mut state, mut hash) = (Vec::new(), State::default(), Hash::START);
    let mut orders = vec![bootstrap()];
    orders.extend((0..AGENTS).map(|agent| {
        order(
            500 + agent as u128,
            Actor::Local,
            Command::CreateAccount(new_account(agent as u128, NAMES[agent])),
        )
    }));
    for order in orders {
        let Plan::Append(entry) = plan(&state, &order).unwrap() else { panic!("nothing to found") };
        let (body, revision) = (Body::of(*entry), state.revision().next());
        state.apply(revision, &body.entry);
        hash = hash.follow(body.hash);
        log.push(Rc::new(Logged { revision, hash, body }));
    }
    (log, state)
}

pub(crate) fn kill(id: KillId, target: Target) -> Order {
    let kill = Kill { kill: id, target, mode: Mode::Halt, reason: None };
    order(id.as_uuid().as_u128(), Actor::Key(owner()), Command::Kill(kill))
}

pub(crate) fn resume(number: u64, agent: Option<usize>, seen: Revision) -> Order {
    let resume = Resume { target: agent.map_or_else(everyone, one), seen, reason: None };
    order(u128::from(number), Actor::Key(owner()), Command::Resume(resume))
}

/// Any other control change: one more service account.
pub(crate) fn another_account(number: u64) -> Order {
    let name = format!("agent-{number}");
    let account = new_account(u128::from(number), &name);
    order(u128::from(number), Actor::Key(owner()), Command::CreateAccount(account))
}

pub(crate) fn one(agent: usize) -> Target {
    Target::Agent {
        reference: Reference::Id(address_id(agent)),
        home: workspace(),
        register_as: None,
    }
}

pub(crate) fn everyone() -> Target {
    Target::Workspace(workspace())
}

pub(crate) fn kill_id(number: u64) -> KillId {
    KillId::from_uuid(Uuid::from_u128(number.into()))
}

pub(crate) fn address_id(agent: usize) -> AddressId {
    AddressId::from_uuid(Uuid::from_u128(0x100 + agent as u128))
}

/// The agents that a hold stands on.
pub(crate) fn agents_of(target: HeldTarget) -> Vec<usize> {
    match target {
        HeldTarget::Agent { address_id: id } => {
            (0..AGENTS).filter(|agent| address_id(*agent) == id).collect()
        }
        HeldTarget::Workspace { .. } => (0..AGENTS).collect(),
    }
}

/// The holds of one state that another does not have, and what they stand on.
pub(crate) fn holds_missing(known: &State, there: &State) -> Vec<(Hold, HeldTarget)> {
    let known_and_there = known.agents().map(|agent| {
        let target = HeldTarget::Agent { address_id: agent.address_id };
        (target, &agent.holds, there.agent(agent.address_id).map(|agent| &agent.holds))
    });
    let of_workspaces = known.workspaces().map(|workspace| {
        let workspace_id = workspace.workspace_id;
        let target = HeldTarget::Workspace { workspace_id };
        (target, &workspace.holds, there.workspace(workspace_id).map(|found| &found.holds))
    });
    let mut missing = Vec::new();
    for (target, holds, others) in known_and_there.chain(of_workspaces) {
        let is_there = |hold: &Hold| {
            others.is_some_and(|others| others.iter().any(|held| held.kill_id == hold.kill_id))
        };
        missing
            .extend(holds.iter().filter(|hold| !is_there(hold)).map(|hold| (hold.clone(), target)));
    }
    missing
}

fn bootstrap() -> Order {
    let new = Bootstrap {
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
        owner: NewKey {
            key: owner(),
            name: "owner".into(),
            digest: KeyDigest::of("owner"),
            hint: "…".into(),
            role: Role::Owner,
            scope: Scope::Installation,
            home: workspace(),
            account: None,
            expires_at: None,
        },
    };
    order(499, Actor::Gateway, Command::Bootstrap(Box::new(new)))
}

fn new_account(number: u128, name: &str) -> NewAccount {
    NewAccount {
        account: AccountId::from_uuid(Uuid::from_u128(0x200 + number)),
        address: AddressId::from_uuid(Uuid::from_u128(0x100 + number)),
        workspace: workspace(),
        name: name.into(),
        display_name: None,
        description: None,
    }
}

fn order(id: u128, actor: Actor, command: Command) -> Order {
    let command_id = CommandId::from_uuid(Uuid::from_u128(id));
    Order { command_id, actor, at: Timestamp::default(), origin: Origin::default(), command }
}

fn org() -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(0xa))
}

fn workspace() -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::from_u128(0xb))
}

fn owner() -> KeyId {
    KeyId::from_uuid(Uuid::from_u128(0xc))
}
