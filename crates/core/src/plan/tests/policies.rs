use super::*;
use crate::command::{NewPolicy, SetPolicy};
use crate::id::AddressId;
use crate::policy::{ActionMode, ActionPolicy, CostLimits, Direction, PATTERNS_MAX, Pattern};
use crate::refusal::Missing;

const MAILER: AddressId = AddressId::from_bytes([10; 16]);

fn per_hour(intents: u64) -> NewPolicy {
    let limits = CostLimits { intents_per_hour: Some(intents), ..CostLimits::default() };
    NewPolicy::Cost { limits: Some(limits) }
}

fn only(direction: Direction, patterns: &[&str]) -> NewPolicy {
    let patterns = patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect();
    let policy = ActionPolicy { mode: ActionMode::Allowlist, patterns };
    NewPolicy::Action { direction, policy: Some(policy) }
}

fn set(at: &mut Installation, actor: Actor, policy: NewPolicy) -> Result<Plan, Refusal> {
    at.give(actor, Command::SetPolicy(SetPolicy { agent: MAILER, policy }))
}

fn entry(plan: Plan) -> Entry {
    let Plan::Append(entry) = plan else { panic!("nothing was planned") };
    *entry
}

#[test]
fn the_audit_shows_what_was_there_and_what_is() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    let owner = Actor::Key(OWNER);
    set(&mut at, owner, per_hour(10)).unwrap();
    let changed = entry(set(&mut at, owner, per_hour(20)).unwrap());
    assert_eq!(&*changed.action, "agent.policy_changed");
    assert_eq!(changed.before.unwrap()["cost"]["max_intents_per_hour"], 10);
    assert_eq!(changed.after.unwrap()["cost"]["max_intents_per_hour"], 20);
    let removed = entry(set(&mut at, owner, NewPolicy::Cost { limits: None }).unwrap());
    assert!(removed.after.unwrap()["cost"].is_null());
    assert!(at.state.agent(MAILER).unwrap().policies.is_empty());
}

#[test]
fn a_policy_that_is_there_already_changes_nothing() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    let owner = Actor::Key(OWNER);
    set(&mut at, owner, only(Direction::Send, &["intent.mail.*"])).unwrap();
    let again = set(&mut at, owner, only(Direction::Send, &["intent.mail.*"])).unwrap();
    assert_eq!(again, Plan::Nothing);
    let nothing = NewPolicy::Action { direction: Direction::Receive, policy: None };
    assert_eq!(set(&mut at, owner, nothing).unwrap(), Plan::Nothing, "there was none to take away");
}

#[test]
fn each_policy_stands_for_itself() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    let owner = Actor::Key(OWNER);
    set(&mut at, owner, only(Direction::Send, &["intent.a.*"])).unwrap();
    set(&mut at, owner, only(Direction::Receive, &["intent.b.*"])).unwrap();
    set(&mut at, owner, per_hour(1)).unwrap();
    let gone = NewPolicy::Action { direction: Direction::Send, policy: None };
    set(&mut at, owner, gone).unwrap();
    let left = at.state.agent(MAILER).unwrap().policies.get().unwrap();
    assert!(left.send.is_none() && left.receive.is_some() && left.cost.is_some());
    assert!(left.allows(Direction::Send, "intent.b.v1"));
    assert!(!left.allows(Direction::Receive, "intent.a.v1"));
}

#[test]
fn only_operators_of_the_scope_set_policies() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    let viewer = at.key(20, Role::Viewer, workspace_scope());
    let refused = set(&mut at, viewer, per_hour(1)).unwrap_err();
    assert!(matches!(refused, Refusal::RoleTooLow { .. }), "{refused}");
    let elsewhere = WorkspaceId::from_bytes([9; 16]);
    let new = Command::CreateWorkspace(new_workspace(elsewhere, "staging"));
    at.give(Actor::Key(OWNER), new).unwrap();
    let scope = Scope::Workspace { org: ORG, workspace: elsewhere };
    let stranger = at.key(21, Role::Operator, scope);
    let refused = set(&mut at, stranger, per_hour(1)).unwrap_err();
    assert_eq!(refused, Refusal::NotFound(Missing::Agent), "not yours reads like not there");
}

#[test]
fn a_policy_outlives_the_account_like_a_hold() {
    let mut at = Installation::new();
    let account = at.agent(10, "mailer");
    set(&mut at, Actor::Key(OWNER), per_hour(1)).unwrap();
    at.give(Actor::Key(OWNER), Command::DeleteAccount { account }).unwrap();
    at.agent(11, "mailer");
    let agent = at.state.resolve(&Reference::Name("mailer".into()), HOME).unwrap();
    assert!(!agent.policies.is_empty(), "made again under the same name");
}

#[test]
fn too_many_patterns_are_refused() {
    let mut at = Installation::new();
    at.agent(10, "mailer");
    let patterns = vec![Pattern::parse("*").unwrap(); PATTERNS_MAX + 1];
    let policy = ActionPolicy { mode: ActionMode::Denylist, patterns };
    let much = NewPolicy::Action { direction: Direction::Send, policy: Some(policy) };
    let refused = set(&mut at, Actor::Key(OWNER), much).unwrap_err();
    assert!(matches!(refused, Refusal::LimitReached { limit: PATTERNS_MAX, .. }));
}
