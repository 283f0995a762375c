//! Kill and resume.

use serde_json::json;

use super::authority::Authority;
use super::{Draft, Outcome};
use crate::address::{Address, Reference};
use crate::change::{Change, HeldTarget};
use crate::command::{Kill, Order, Resume, Target};
use crate::hold::{Hold, Holder, Holds, Lifter, RunState};
use crate::id::{AddressId, Revision, WorkspaceId};
use crate::refusal::{Missing, Refusal};
use crate::state::State;

/// Longest reason of a kill or resume, in bytes.
const REASON_BYTES_MAX: usize = 2_000;

/// Plans a kill. Every kill appends, whatever holds are in force: it waits for its own revision.
pub(super) fn kill(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    kill: &Kill,
) -> Outcome {
    authority.command_agents()?;
    let found = find(state, authority, &kill.target)?;
    let reason = checked_reason(kill.reason.as_deref())?;
    let actor = authority.name();
    let hold = Hold {
        kill_id: kill.kill,
        mode: kill.mode,
        by: Holder { name: actor.name, key_id: actor.key_id, rule: None },
        reason: reason.clone(),
        revision: Revision::default(),
        at: order.at,
    };
    let held = found.run_state.max(kill.mode.run_state());
    let mut changes = Vec::with_capacity(2);
    changes.extend(found.registration.clone());
    changes.push(Change::HoldAdded { target: found.target, hold: Box::new(hold) });
    let action = match kill.mode.run_state() {
        RunState::Paused => "agent.paused",
        RunState::Quarantined => "agent.quarantined",
        RunState::Active | RunState::Killed => "agent.killed",
    };
    Ok(Some(found.draft(action, reason, held, changes)))
}

/// Plans a resume. It names the revision that whoever resumes has seen, and is refused when
/// somebody has killed since.
pub(super) fn resume(state: &State, authority: &Authority<'_>, resume: &Resume) -> Outcome {
    authority.command_agents()?;
    let found = find(state, authority, &resume.target)?;
    if let Some(newer) = found.holds.newer_than(resume.seen) {
        return Err(Refusal::KilledAgain { newer: Box::new(newer.clone()) });
    }
    if found.holds.is_empty() {
        return Ok(None);
    }
    let reason = checked_reason(resume.reason.as_deref())?;
    let lifted =
        Change::HoldsLifted { target: found.target, seen: resume.seen, lifter: Lifter::Operator };
    let left = found.imposed;
    Ok(Some(found.draft("agent.resumed", reason, left, vec![lifted])))
}

/// What an order about a run state found.
struct Found<'a> {
    target: HeldTarget,
    scope: crate::role::Scope,
    name: Address,
    /// Set when the address has to become known first.
    registration: Option<Change>,
    holds: std::borrow::Cow<'a, Holds>,
    run_state: RunState,
    /// What the workspace imposes, whatever becomes of the agent's own holds.
    imposed: RunState,
}

impl Found<'_> {
    fn draft(
        self,
        action: &'static str,
        reason: Option<Box<str>>,
        after: RunState,
        changes: Vec<Change>,
    ) -> Draft {
        Draft {
            address_id: self.target.agent(),
            reason,
            before: Some(json!({ "run_state": self.run_state })),
            after: Some(json!({ "run_state": after })),
            ..Draft::new(action, self.scope, self.name.as_str(), changes)
        }
    }
}

fn find<'a>(
    state: &'a State,
    authority: &Authority<'_>,
    target: &Target,
) -> Result<Found<'a>, Refusal> {
    match target {
        Target::Workspace(id) => find_workspace(state, authority, *id),
        Target::Agent { reference, home, register_as } => {
            find_agent(state, authority, reference, *home, *register_as)
        }
    }
}

fn find_workspace<'a>(
    state: &'a State,
    authority: &Authority<'_>,
    id: WorkspaceId,
) -> Result<Found<'a>, Refusal> {
    let missing = Missing::Workspace;
    let workspace = state.workspace(id).ok_or(Refusal::NotFound(missing))?;
    authority.reach(workspace.scope(), missing)?;
    Ok(Found {
        target: HeldTarget::Workspace { workspace_id: id },
        scope: workspace.scope(),
        name: state.address_in(id, "*").ok_or(Refusal::NotFound(missing))?,
        registration: None,
        holds: std::borrow::Cow::Borrowed(&workspace.holds),
        run_state: workspace.holds.run_state(),
        imposed: RunState::Active,
    })
}

fn find_agent<'a>(
    state: &'a State,
    authority: &Authority<'_>,
    reference: &Reference,
    home: WorkspaceId,
    register_as: Option<AddressId>,
) -> Result<Found<'a>, Refusal> {
    let not_found = Refusal::NotFound(Missing::Agent);
    let Some(agent) = state.resolve(reference, home) else {
        let address_id = register_as.ok_or(not_found)?;
        return register_stranger(state, authority, reference, home, address_id);
    };
    let workspace = state.workspace(agent.workspace_id).ok_or(not_found)?;
    authority.reach(workspace.scope(), Missing::Agent)?;
    Ok(Found {
        target: HeldTarget::Agent { address_id: agent.address_id },
        scope: workspace.scope(),
        name: agent.address.clone(),
        registration: None,
        holds: std::borrow::Cow::Borrowed(&agent.holds),
        run_state: state.run_state(agent),
        imposed: workspace.holds.run_state(),
    })
}

/// An address that nobody has registered can be stopped too, and the hold stays on it.
fn register_stranger<'a>(
    state: &'a State,
    authority: &Authority<'_>,
    reference: &Reference,
    home: WorkspaceId,
    address_id: AddressId,
) -> Result<Found<'a>, Refusal> {
    let not_found = || Refusal::NotFound(Missing::Agent);
    let address = state.address_of(reference, home).ok_or_else(not_found)?;
    let workspace_id = state.workspace_of_address(&address, home).ok_or_else(not_found)?;
    let workspace = state.workspace(workspace_id).ok_or_else(not_found)?;
    authority.reach(workspace.scope(), Missing::Agent)?;
    Ok(Found {
        target: HeldTarget::Agent { address_id },
        scope: workspace.scope(),
        registration: Some(Change::AddressRegistered {
            address_id,
            address: address.clone(),
            workspace_id,
        }),
        name: address,
        holds: std::borrow::Cow::Owned(Holds::default()),
        run_state: workspace.holds.run_state(),
        imposed: workspace.holds.run_state(),
    })
}

fn checked_reason(reason: Option<&str>) -> Result<Option<Box<str>>, Refusal> {
    match reason {
        Some(reason) if reason.len() > REASON_BYTES_MAX => {
            Err(Refusal::Invalid { field: "reason", problem: "longer than 2000 bytes" })
        }
        Some(reason) => Ok(Some(reason.into())),
        None => Ok(None),
    }
}
