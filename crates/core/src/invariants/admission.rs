//! K1: once a kill has returned nothing is admitted until a later resume names it.

use super::{Violation, broken};
use crate::id::Revision;

/// Something that happened to one agent, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A row of the agent, an intent or a delivery, was committed.
    Admitted,
    /// A last check let something through: directly before a write of egress or a delivery's frame.
    Checked {
        /// The machine's own clock stood still less than a lease ago: the one honest exception.
        woke_within_a_lease: bool,
    },
    /// A kill of this revision has returned to its caller.
    KillReturned { revision: Revision },
    /// A resume was committed that names what was seen.
    Resumed { revision: Revision, seen: Revision },
}

/// K1i: no row is committed after a kill has returned, until a later resume names that kill.
pub fn k1i_no_row_after_a_kill(history: &[Happened]) -> Result<(), Violation> {
    match first_under_a_kill(history, |happened| happened == Happened::Admitted) {
        None => Ok(()),
        Some(kill) => {
            broken("K1i", format!("admitted although the kill at revision {kill} has returned"))
        }
    }
}

/// K1e: the same for the last checks of egress and deliveries.
pub fn k1e_no_check_after_a_kill(history: &[Happened]) -> Result<(), Violation> {
    let counts = |happened| happened == Happened::Checked { woke_within_a_lease: false };
    match first_under_a_kill(history, counts) {
        None => Ok(()),
        Some(kill) => {
            broken("K1e", format!("let through although the kill at revision {kill} has returned"))
        }
    }
}

/// K1f: what was admitted when a kill returned is what was admitted at the next resume.
pub fn k1f_what_was_admitted_is_final<T: PartialEq>(
    at_return: &[T],
    at_resume: &[T],
) -> Result<(), Violation> {
    if at_return == at_resume {
        return Ok(());
    }
    let (before, after) = (at_return.len(), at_resume.len());
    broken("K1f", format!("the admitted set changed under a kill: {before} rows, then {after}"))
}

/// The kill that stood when the first thing happened that may not happen under one.
fn first_under_a_kill(history: &[Happened], counts: impl Fn(Happened) -> bool) -> Option<Revision> {
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
            Happened::Admitted | Happened::Checked { .. } => {
                if counts(*happened)
                    && let Some(kill) = standing.first()
                {
                    return Some(*kill);
                }
            }
        }
    }
    None
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
        assert!(k1i_no_row_after_a_kill(&[Admitted, killed(3), resumed(4, 3), Admitted]).is_ok());
        assert!(k1i_no_row_after_a_kill(&[killed(3), Admitted]).is_err());
        assert!(k1i_no_row_after_a_kill(&[killed(3), resumed(4, 2), Admitted]).is_err());
        assert!(k1i_no_row_after_a_kill(&[resumed(4, 3), killed(3), Admitted]).is_ok());
        assert!(k1i_no_row_after_a_kill(&[resumed(4, 3), killed(5), Admitted]).is_err());
    }

    #[test]
    fn k1e_excuses_only_a_machine_whose_clock_stood_still() {
        let checked = |woke_within_a_lease| Happened::Checked { woke_within_a_lease };
        assert!(k1e_no_check_after_a_kill(&[checked(false), killed(3)]).is_ok());
        assert!(k1e_no_check_after_a_kill(&[killed(3), checked(true)]).is_ok());
        assert!(k1e_no_check_after_a_kill(&[killed(3), checked(false)]).is_err());
        let row = [killed(3), Happened::Admitted];
        assert!(k1e_no_check_after_a_kill(&row).is_ok(), "rows are K1i's");
    }

    #[test]
    fn k1f_compares_sets() {
        assert!(k1f_what_was_admitted_is_final(&[1, 2], &[1, 2]).is_ok());
        assert!(k1f_what_was_admitted_is_final(&[1, 2], &[1, 2, 3]).is_err());
    }
}
