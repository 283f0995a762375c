//! Holds, and the run state that follows from them.
//!
//! A kill adds a hold and never weakens another; a resume lifts the holds up to the revision that
//! the operator saw; an automatic rule lifts only its own; time lifts none.

use serde::{Deserialize, Serialize};

use crate::id::{KeyId, KillId, Revision};
use crate::time::Timestamp;

/// Most holds kept on one agent or workspace. Beyond it the oldest goes whose work a newer one of
/// the same mode and rule does: a resume lifts either both of them or neither.
pub const HOLDS_PER_TARGET_MAX: usize = 32;

/// How strictly a hold stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Pause,
    Quarantine,
    Halt,
}

impl Mode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Quarantine => "quarantine",
            Self::Halt => "halt",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pause, Self::Quarantine, Self::Halt].into_iter().find(|mode| mode.as_str() == text)
    }

    /// The run state that a hold of this mode asks for.
    #[must_use]
    pub const fn run_state(self) -> RunState {
        match self {
            Self::Pause => RunState::Paused,
            Self::Quarantine => RunState::Quarantined,
            Self::Halt => RunState::Killed,
        }
    }
}

/// Whether an agent's work flows. Ordered by strictness.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    #[default]
    Active,
    Paused,
    Quarantined,
    Killed,
}

impl RunState {
    pub const ALL: [Self; 4] = [Self::Active, Self::Paused, Self::Quarantined, Self::Killed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Quarantined => "quarantined",
            Self::Killed => "killed",
        }
    }
}

/// Who placed a hold, as the audit names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub name: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// The automatic rule that placed it; none for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Box<str>>,
}

/// One reason why an agent is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub kill_id: KillId,
    pub mode: Mode,
    pub by: Holder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    pub revision: Revision,
    pub at: Timestamp,
}

/// Who asks for holds to be lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Lifter {
    Operator,
    Rule { name: Box<str> },
}

/// The holds in force on one agent or workspace, oldest first.
///
/// Almost every agent has none, a million times: an absent list takes eight bytes, an empty one
/// would take twenty-four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Hold>", into = "Vec<Hold>")]
#[expect(clippy::box_collection, reason = "the size of the absent list is what counts")]
pub struct Holds(Option<Box<Vec<Hold>>>);

impl From<Vec<Hold>> for Holds {
    fn from(holds: Vec<Hold>) -> Self {
        Self((!holds.is_empty()).then(|| Box::new(holds)))
    }
}

impl From<Holds> for Vec<Hold> {
    fn from(holds: Holds) -> Self {
        holds.0.map(|holds| *holds).unwrap_or_default()
    }
}

impl Holds {
    /// The strictest of the holds in force.
    #[must_use]
    pub fn run_state(&self) -> RunState {
        self.iter().map(|hold| hold.mode.run_state()).max().unwrap_or_default()
    }

    /// The strictest hold, the oldest of them: what people are told as the reason.
    #[must_use]
    pub fn strictest(&self) -> Option<&Hold> {
        let state = self.run_state();
        self.iter().find(|hold| hold.mode.run_state() == state)
    }

    /// The newest hold placed after `seen`, if there is one.
    #[must_use]
    pub fn newer_than(&self, seen: Revision) -> Option<&Hold> {
        self.iter().rev().find(|hold| hold.revision > seen)
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Hold> {
        self.0.as_deref().map(Vec::as_slice).unwrap_or_default().iter()
    }

    /// Adds a hold; one that is in force already stays as it is.
    pub fn add(&mut self, hold: Hold) {
        if self.iter().any(|held| held.kill_id == hold.kill_id) {
            return;
        }
        let holds = self.0.get_or_insert_default();
        holds.push(hold);
        if holds.len() > HOLDS_PER_TARGET_MAX {
            drop_superseded(holds);
        }
    }

    /// Lifts what `lifter` may lift of the holds up to `seen`.
    pub fn lift(&mut self, seen: Revision, lifter: &Lifter) {
        let Some(holds) = &mut self.0 else { return };
        holds.retain(|hold| {
            let in_reach = match lifter {
                Lifter::Operator => true,
                Lifter::Rule { name } => hold.by.rule.as_ref() == Some(name),
            };
            !(in_reach && hold.revision <= seen)
        });
        if holds.is_empty() {
            self.0 = None;
        }
    }
}

/// Drops the oldest hold whose work a newer one does.
fn drop_superseded(holds: &mut Vec<Hold>) {
    let superseded = holds.iter().enumerate().position(|(at, old)| {
        let mut newer = holds.iter().skip(at + 1);
        newer.any(|new| new.mode == old.mode && new.by.rule == old.by.rule)
    });
    if let Some(at) = superseded {
        holds.remove(at);
    }
}

impl<'a> IntoIterator for &'a Holds {
    type Item = &'a Hold;
    type IntoIter = std::slice::Iter<'a, Hold>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn hold(revision: u64, mode: Mode, rule: Option<&str>) -> Hold {
        Hold {
            kill_id: KillId::from_uuid(Uuid::from_u128(revision.into())),
            mode,
            by: Holder { name: "ops".into(), key_id: None, rule: rule.map(Into::into) },
            reason: None,
            revision: Revision(revision),
            at: Timestamp::default(),
        }
    }

    #[test]
    fn the_strictest_hold_decides_and_a_weaker_one_does_not_soften_it() {
        let mut holds = Holds::default();
        assert_eq!(holds.run_state(), RunState::Active);
        holds.add(hold(1, Mode::Halt, None));
        holds.add(hold(2, Mode::Pause, None));
        assert_eq!(holds.run_state(), RunState::Killed);
        assert_eq!(holds.strictest().unwrap().revision, Revision(1));
    }

    #[test]
    fn a_resume_lifts_nothing_newer_than_what_was_seen() {
        let mut holds = Holds::default();
        holds.add(hold(1, Mode::Halt, None));
        holds.add(hold(5, Mode::Halt, None));
        assert_eq!(holds.newer_than(Revision(4)).unwrap().revision, Revision(5));
        holds.lift(Revision(4), &Lifter::Operator);
        assert_eq!(holds.run_state(), RunState::Killed);
        holds.lift(Revision(5), &Lifter::Operator);
        assert_eq!(holds.run_state(), RunState::Active);
    }

    #[test]
    fn a_rule_lifts_its_own_holds_only() {
        let mut holds = Holds::default();
        holds.add(hold(1, Mode::Halt, None));
        holds.add(hold(2, Mode::Halt, Some("budget")));
        holds.add(hold(3, Mode::Pause, Some("errors")));
        holds.lift(Revision(9), &Lifter::Rule { name: "budget".into() });
        let left: Vec<_> = holds.iter().map(|hold| hold.revision.0).collect();
        assert_eq!(left, [1, 3]);
    }

    #[test]
    fn holds_are_bounded_and_what_goes_is_done_by_a_newer_one() {
        let mut holds = Holds::default();
        holds.add(hold(1, Mode::Quarantine, Some("errors")));
        for revision in 2..200 {
            holds.add(hold(revision, Mode::Halt, None));
        }
        assert_eq!(holds.iter().count(), HOLDS_PER_TARGET_MAX);
        assert!(holds.iter().any(|hold| hold.by.rule.is_some()), "the only hold of its rule stays");
        holds.lift(Revision(198), &Lifter::Operator);
        assert_eq!(holds.run_state(), RunState::Killed, "the newest was not seen");
    }
}
