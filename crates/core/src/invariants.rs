//! The promises as predicates: one function each, shared by every level of tests.
//!
//! Names are those of the promises. A predicate looks at values only, so that it can be checked
//! after every step of a simulation as well as after a test against a real store.

mod admission;
mod counts;
mod replicas;

pub use admission::k1i_no_row_after_a_kill;
pub use admission::{Happened, k1e_no_check_after_a_kill, k1f_what_was_admitted_is_final};
pub use counts::{Counts, cursors_lose_nothing, k6_exact, k7_no_key_twice, k8_within_the_limit};
pub use replicas::{applied_everywhere, fresh_is_proven, k2_every_socket_is_closed};
pub use replicas::{k2_every_byte_is_accounted_for, k3_bounded, progress_after_healing};

use crate::chain::Hash;
use crate::change::{Change, Entry, HeldTarget};
use crate::hold::{Hold, Holds, Lifter};
use crate::id::Revision;
use crate::state::State;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{promise} is broken: {what}")]
pub struct Violation {
    pub promise: &'static str,
    pub what: String,
}

/// What a predicate answers when it does not hold.
fn broken(promise: &'static str, what: String) -> Result<(), Violation> {
    Err(Violation { promise, what })
}

/// K4: the log's prefix only grows.
pub fn k4_log_only_grows(before: &[Hash], after: &[Hash]) -> Result<(), Violation> {
    if after.starts_with(before) {
        return Ok(());
    }
    let kept = before.iter().zip(after).take_while(|(old, new)| old == new).count();
    broken("K4", format!("the log changed after entry {kept}"))
}

/// K5: no hold ends but by a resume that names it; a rule ends its own only.
pub fn k5_holds_end_by_resumes_only(
    before: &State,
    entry: &Entry,
    after: &State,
) -> Result<(), Violation> {
    for agent in before.agents() {
        let target = HeldTarget::Agent { address_id: agent.address_id };
        let held = after.agent(agent.address_id).map(|agent| &agent.holds);
        check_holds(target, &agent.holds, held, entry)?;
    }
    for workspace in before.workspaces() {
        let target = HeldTarget::Workspace { workspace_id: workspace.workspace_id };
        let held = after.workspace(workspace.workspace_id).map(|workspace| &workspace.holds);
        check_holds(target, &workspace.holds, held, entry)?;
    }
    Ok(())
}

/// K5: what the log says was seen is what whoever resumed had seen, and nothing newer.
pub fn k5_a_resume_names_what_was_seen(asked: Revision, logged: Revision) -> Result<(), Violation> {
    if logged <= asked {
        return Ok(());
    }
    broken("K5", format!("a resume that saw {asked} was logged as having seen {logged}"))
}

fn check_holds(
    target: HeldTarget,
    before: &Holds,
    after: Option<&Holds>,
    entry: &Entry,
) -> Result<(), Violation> {
    for hold in before {
        let stands = |after: &Holds| after.iter().any(|held| held.kill_id == hold.kill_id);
        let superseded = |after: &Holds| after.iter().any(|held| supersedes(held, hold));
        let kept = after.is_some_and(|after| stands(after) || superseded(after));
        if !kept && !entry.changes.iter().any(|change| lifts(change, target, hold)) {
            return broken("K5", format!("{} ended without a resume that names it", hold.kill_id));
        }
    }
    Ok(())
}

/// Whether `newer` does all that `older` did, and falls with it or later.
fn supersedes(newer: &Hold, older: &Hold) -> bool {
    newer.revision > older.revision && newer.mode == older.mode && newer.by.rule == older.by.rule
}

fn lifts(change: &Change, target: HeldTarget, hold: &Hold) -> bool {
    change.lifted_holds().is_some_and(|(lifted, seen, lifter)| {
        let may = match lifter {
            Lifter::Operator => true,
            Lifter::Rule { name } => hold.by.rule.as_ref() == Some(name),
        };
        lifted == target && may && hold.revision <= seen
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k4_finds_a_rewritten_log() {
        let hashes = [Hash::of_body(b"1"), Hash::of_body(b"2")];
        assert!(k4_log_only_grows(&hashes[..1], &hashes).is_ok());
        assert!(k4_log_only_grows(&hashes, &hashes[..1]).is_err());
        assert!(k4_log_only_grows(&hashes, &[hashes[0], Hash::of_body(b"x")]).is_err());
    }
}
