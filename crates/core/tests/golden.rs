//! Golden files of every persisted entry: what was written once must be read for ever.
//!
//! A difference here is a change of the format. Add a new field with a default and a new golden
//! file beside the old one; never change an old file.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::PathBuf;

use axme_core::address::{Address, Reference};
use axme_core::audit::{OBSERVATION_FORMAT, Observation};
use axme_core::change::{ActorKind, ActorName, BadEntry, ENTRY_FORMAT, Entry};
use axme_core::command::{
    Actor, Bootstrap, Command, Kill, NewAccount, NewDashboardToken, NewKey, NewOrganization,
    NewPolicy, NewSession, NewWorkspace, Order, Origin, Resume, SetPolicy, Target,
};
use axme_core::hold::Mode;
use axme_core::id::{
    AccountId, AddressId, CommandId, KeyId, KillId, OrgId, Revision, SessionId, TokenId,
    WorkspaceId,
};
use axme_core::key::KeyDigest;
use axme_core::plan::{Plan, plan};
use axme_core::policy::{
    ActionMode, ActionPolicy, CostLimits, Direction, Money, OnBreach, Pattern,
};
use axme_core::role::{Role, Scope};
use axme_core::state::State;
use axme_core::tenancy::{OrganizationProfile, WorkspaceProfile};
use axme_core::time::Timestamp;
use uuid::Uuid;

const ORG: OrgId = OrgId::from_bytes([0xa; 16]);
const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([0xb; 16]);
const ACCOUNT: AccountId = AccountId::from_bytes([0xc; 16]);
const OWNER: KeyId = KeyId::from_bytes([1; 16]);

/// Every kind of entry once, in an order that makes sense.
#[expect(clippy::too_many_lines, reason = "a list of orders, one after the other")]
fn story() -> Vec<(&'static str, Actor, Command)> {
    let operator = Actor::Key(OWNER);
    let replaced = Actor::Key(KeyId::from_bytes([4; 16]));
    let kill = |target, byte| {
        let reason = Some("template has a broken link".into());
        Command::Kill(Kill {
            kill: KillId::from_bytes([byte; 16]),
            target,
            mode: Mode::Halt,
            reason,
        })
    };
    let agent = |name: &str, register_as| Target::Agent {
        reference: Reference::parse(name, true).unwrap(),
        home: WORKSPACE,
        register_as,
    };
    let resume = |target, seen| {
        Command::Resume(Resume { target, seen: Revision(seen), reason: Some("mended".into()) })
    };
    let profile = OrganizationProfile {
        name: "My Org".into(),
        status: "active".into(),
        ..Default::default()
    };
    let place = WorkspaceProfile {
        name: "Production".into(),
        environment: "production".into(),
        status: "active".into(),
        ..Default::default()
    };
    let renamed = OrganizationProfile { name: "Our Org".into(), ..profile.clone() };
    let moved = WorkspaceProfile { region: Some("eu-central".into()), ..place.clone() };
    let second = OrgId::from_bytes([0xd; 16]);
    vec![
        (
            "bootstrap",
            Actor::Gateway,
            Command::Bootstrap(Box::new(Bootstrap {
                organization: NewOrganization {
                    org: ORG,
                    slug: "myorg".into(),
                    profile: profile.clone(),
                },
                workspace: NewWorkspace {
                    workspace: WORKSPACE,
                    org: ORG,
                    slug: "production".into(),
                    profile: place.clone(),
                },
                owner: key(OWNER, Role::Owner, Scope::Installation, None),
            })),
        ),
        (
            "organization_created",
            operator,
            Command::CreateOrganization(NewOrganization {
                org: second,
                slug: "other".into(),
                profile,
            }),
        ),
        (
            "organization_updated",
            operator,
            Command::UpdateOrganization { org: ORG, profile: renamed },
        ),
        (
            "workspace_created",
            operator,
            Command::CreateWorkspace(NewWorkspace {
                workspace: WorkspaceId::from_bytes([0xe; 16]),
                org: second,
                slug: "staging".into(),
                profile: place,
            }),
        ),
        (
            "workspace_updated",
            operator,
            Command::UpdateWorkspace { workspace: WORKSPACE, profile: moved },
        ),
        (
            "agent_registered",
            operator,
            Command::CreateAccount(NewAccount {
                account: ACCOUNT,
                address: AddressId::from_bytes([2; 16]),
                workspace: WORKSPACE,
                name: "email-campaign".into(),
                display_name: Some("Campaign".into()),
                description: None,
            }),
        ),
        (
            "key_created",
            operator,
            Command::CreateKey(key(
                KeyId::from_bytes([3; 16]),
                Role::Agent,
                Scope::Workspace { org: ORG, workspace: WORKSPACE },
                Some(ACCOUNT),
            )),
        ),
        ("key_revoked", operator, Command::RevokeKey { key: KeyId::from_bytes([3; 16]) }),
        (
            "key_replaced",
            Actor::Gateway,
            Command::ReplaceOwnerKey(key(
                KeyId::from_bytes([4; 16]),
                Role::Owner,
                Scope::Installation,
                None,
            )),
        ),
        ("agent_killed", Actor::Local, kill(agent("email-campaign", None), 5)),
        (
            "stranger_killed",
            Actor::Local,
            kill(agent("agent://bob", Some(AddressId::from_bytes([6; 16]))), 6),
        ),
        ("workspace_killed", Actor::Local, kill(Target::Workspace(WORKSPACE), 7)),
        ("agent_resumed", Actor::Local, resume(agent("email-campaign", None), 10)),
        ("agent_deleted", Actor::Local, Command::DeleteAccount { account: ACCOUNT }),
        ("receive_policy_set", Actor::Local, policy(receive_only_mail())),
        ("cost_policy_set", Actor::Local, policy(NewPolicy::Cost { limits: Some(limits()) })),
        ("cost_policy_removed", Actor::Local, policy(NewPolicy::Cost { limits: None })),
        (
            "dashboard_token_issued",
            replaced,
            Command::IssueDashboardToken(NewDashboardToken {
                token: TokenId::from_bytes([8; 16]),
                digest: KeyDigest::of("axme_dt_golden"),
            }),
        ),
        (
            "dashboard_login",
            replaced,
            Command::OpenSession(NewSession {
                session: SessionId::from_bytes([9; 16]),
                digest: KeyDigest::of("axme_ds_golden"),
                token: Some(TokenId::from_bytes([8; 16])),
                user_agent: Some("Mozilla/5.0 (golden)".into()),
            }),
        ),
        (
            "dashboard_logout",
            replaced,
            Command::EndSession { session: SessionId::from_bytes([9; 16]) },
        ),
    ]
}

fn policy(policy: NewPolicy) -> Command {
    Command::SetPolicy(SetPolicy { agent: AddressId::from_bytes([2; 16]), policy })
}

fn receive_only_mail() -> NewPolicy {
    let patterns = vec![Pattern::parse("intent.mail.*").unwrap()];
    let policy = ActionPolicy { mode: ActionMode::Allowlist, patterns };
    NewPolicy::Action { direction: Direction::Receive, policy: Some(policy) }
}

fn limits() -> CostLimits {
    CostLimits {
        intents_per_day: Some(50_000),
        intents_per_hour: None,
        cost_per_day: Money::from_usd(41.5),
        on_breach: OnBreach::RequireApproval,
    }
}

fn key(id: KeyId, role: Role, scope: Scope, account: Option<AccountId>) -> NewKey {
    NewKey {
        key: id,
        name: "ops".into(),
        digest: KeyDigest::of(&id.to_string()),
        hint: "…abc123".into(),
        role,
        scope,
        home: WORKSPACE,
        account,
        expires_at: None,
    }
}

fn entries() -> Vec<(&'static str, Entry)> {
    let mut state = State::default();
    let mut entries = Vec::new();
    for (number, (name, actor, command)) in (1_u8..).zip(story()) {
        let command_id = CommandId::from_uuid(Uuid::from_u128(number.into()));
        let origin = Origin {
            client_address: Some([192, 0, 2, number].into()),
            request_id: Some(format!("req-{number}").into()),
        };
        let at = Timestamp::from_micros(1_772_355_612_000_000 + i64::from(number));
        let order = Order { command_id, actor, at, origin, command };
        let Plan::Append(entry) =
            plan(&state, &order).unwrap_or_else(|error| panic!("{name}: {error}"))
        else {
            panic!("{name} does nothing");
        };
        state.apply(state.revision().next(), &entry);
        entries.push((name, *entry));
    }
    entries
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"))
}

/// Compares with the golden file; `UPDATE_GOLDEN=1` writes one that is not there yet.
fn check(name: &str, bytes: &[u8]) {
    let path = golden(name);
    if !path.exists() && std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(String::from_utf8_lossy(bytes), String::from_utf8_lossy(&kept), "{name}");
}

#[test]
fn entries_are_written_as_ever() {
    for (name, entry) in entries() {
        check(&format!("entry_v{ENTRY_FORMAT}_{name}"), &entry.encode().unwrap());
    }
}

#[test]
fn every_entry_that_was_ever_written_is_read() {
    for file in std::fs::read_dir(golden("x").parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if path.file_name().unwrap().to_string_lossy().starts_with("entry_") {
            Entry::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        } else {
            serde_json::from_slice::<Observation>(&bytes).unwrap();
        }
    }
}

#[test]
fn observations_are_written_as_ever() {
    let observation = Observation {
        format: OBSERVATION_FORMAT,
        action: "agent.denied".into(),
        at: Timestamp::from_micros(1_772_355_600_000_000),
        scope: Scope::Workspace { org: ORG, workspace: WORKSPACE },
        actor: Some(ActorName {
            kind: ActorKind::Key,
            name: "campaign".into(),
            key_id: Some(OWNER),
        }),
        client_address: Some([192, 0, 2, 1].into()),
        request_id: None,
        target: Some(Address::from_parts("myorg", "production", "email-campaign")),
        address_id: Some(AddressId::from_bytes([2; 16])),
        result: "refused".into(),
        count: 41,
        details: Some(serde_json::json!({ "reason": "agent_killed" })),
    };
    check(&format!("observation_v{OBSERVATION_FORMAT}"), &observation.encode().unwrap());
}

#[test]
fn entries_of_a_newer_version_are_refused_with_what_is_needed() {
    let newer = br#"{"format": 2, "action": "agent.frozen", "something": "else"}"#;
    assert!(matches!(Entry::decode(newer), Err(BadEntry::TooNew { found: 2 })));
    let unknown = br#"{"format": 1, "action": "x", "changes": [{"change": "unheard_of"}]}"#;
    assert!(matches!(Entry::decode(unknown), Err(BadEntry::Unreadable(_))));
}
