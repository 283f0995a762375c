//! Putting back what a log has lost.

use super::authority::Authority;
use super::{Draft, Outcome};
use crate::address::Reference;
use crate::change::{Change, HeldTarget};
use crate::command::LostHold;
use crate::hold::Holds;
use crate::role::Scope;
use crate::state::State;

/// Plans to add the holds that do not stand. A hold of a workspace that is lost itself has nothing
/// to stand on; its agents are lost too.
pub(super) fn restore(state: &State, authority: &Authority<'_>, lost: &[LostHold]) -> Outcome {
    authority.own(Scope::Installation)?;
    let changes: Vec<Change> = lost.iter().flat_map(|lost| put_back(state, lost)).collect();
    if changes.is_empty() {
        return Ok(None);
    }
    let draft = Draft::new("holds.restored", Scope::Installation, "control log", changes);
    let reason = "a failover or a backup had lost them".into();
    Ok(Some(Draft { reason: Some(reason), ..draft }))
}

fn put_back(state: &State, lost: &LostHold) -> Vec<Change> {
    let LostHold { workspace, agent, hold } = lost;
    let Some(home) = state.workspace(*workspace) else { return Vec::new() };
    let (target, holds, registration) = match agent {
        None => (HeldTarget::Workspace { workspace_id: *workspace }, Some(&home.holds), None),
        Some((address_id, address)) => {
            match state.resolve(&Reference::Address(address.clone()), *workspace) {
                Some(known) => {
                    let target = HeldTarget::Agent { address_id: known.address_id };
                    (target, Some(&known.holds), None)
                }
                None => {
                    let registration = Change::AddressRegistered {
                        address_id: *address_id,
                        address: address.clone(),
                        workspace_id: *workspace,
                    };
                    (HeldTarget::Agent { address_id: *address_id }, None, Some(registration))
                }
            }
        }
    };
    let stands = |holds: &Holds| holds.iter().any(|held| held.kill_id == hold.kill_id);
    if holds.is_some_and(stands) {
        return Vec::new();
    }
    let added = Change::HoldAdded { target, hold: Box::new(hold.clone()) };
    registration.into_iter().chain([added]).collect()
}
