//! The promises as predicates: one function each, shared by every level of tests.
//!
//! Names are those of the promises. A predicate looks at values only, so that it can be checked
//! after every step of a simulation as well as after a test against a real store.

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

/// Something that happened to one agent, in the order in which it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// An intent from or to the agent was committed.
    Admitted,
    /// A kill of this revision has returned to its caller.
    KillReturned { revision: Revision },
    /// A resume was committed that names what was seen.
    Resumed { revision: Revision, seen: Revision },
}

/// K1: once a kill has returned nothing is admitted until a later resume names it.
pub fn k1_no_admission_after_a_kill(history: &[Happened]) -> Result<(), Violation> {
    let mut standing: Vec<Revision> = Vec::new();
    let mut resumed: Vec<(Revision, Revision)> = Vec::new();
    for happened in history {
        match *happened {
            Happened::KillReturned { revision } => {
                // A resume may have been committed before the kill's caller heard of it.
                let lifted =
                    |(at, seen): &(Revision, Revision)| *at > revision && *seen >= revision;
                if !resumed.iter().any(lifted) {
                    standing.push(revision);
                }
            }
            Happened::Resumed { revision, seen } => {
                standing.retain(|kill| *kill > seen);
                resumed.push((revision, seen));
            }
            Happened::Admitted => {
                if let Some(kill) = standing.first() {
                    let what =
                        format!("admitted although the kill at revision {kill} has returned");
                    return Err(Violation { promise: "K1", what });
                }
            }
        }
    }
    Ok(())
}

/// K4: the log's prefix only grows.
pub fn k4_log_only_grows(before: &[Hash], after: &[Hash]) -> Result<(), Violation> {
    if after.starts_with(before) {
        return Ok(());
    }
    let kept = before.iter().zip(after).take_while(|(old, new)| old == new).count();
    Err(Violation { promise: "K4", what: format!("the log changed after entry {kept}") })
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
            let what = format!("{} ended without a resume that names it", hold.kill_id);
            return Err(Violation { promise: "K5", what });
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

    const fn killed(revision: u64) -> Happened {
        Happened::KillReturned { revision: Revision(revision) }
    }

    const fn resumed(revision: u64, seen: u64) -> Happened {
        Happened::Resumed { revision: Revision(revision), seen: Revision(seen) }
    }

    #[test]
    fn k1_tells_admissions_after_a_kill_from_those_after_its_resume() {
        use Happened::Admitted;
        assert!(
            k1_no_admission_after_a_kill(&[Admitted, killed(3), resumed(4, 3), Admitted]).is_ok()
        );
        assert!(k1_no_admission_after_a_kill(&[killed(3), Admitted]).is_err());
        assert!(k1_no_admission_after_a_kill(&[killed(3), resumed(4, 2), Admitted]).is_err());
        assert!(k1_no_admission_after_a_kill(&[resumed(4, 3), killed(3), Admitted]).is_ok());
        assert!(k1_no_admission_after_a_kill(&[resumed(4, 3), killed(5), Admitted]).is_err());
    }

    #[test]
    fn k4_finds_a_rewritten_log() {
        let hashes = [Hash::of_body(b"1"), Hash::of_body(b"2")];
        assert!(k4_log_only_grows(&hashes[..1], &hashes).is_ok());
        assert!(k4_log_only_grows(&hashes, &hashes[..1]).is_err());
        assert!(k4_log_only_grows(&hashes, &[hashes[0], Hash::of_body(b"x")]).is_err());
    }
}
