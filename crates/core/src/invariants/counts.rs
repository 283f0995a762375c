//! What is counted and numbered: K6, K7, K8 and delivery cursors.

use std::collections::BTreeSet;

use super::{Violation, broken};

/// What became of requests, as their callers and the store know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub requests: u64,
    pub admitted: u64,
    pub denied: u64,
    /// Still unknown after everything was asked again.
    pub unknown: u64,
    pub rows: u64,
}

/// K6: every request is admitted or denied, and what is admitted is a row.
pub fn k6_exact(counts: Counts) -> Result<(), Violation> {
    let Counts { requests, admitted, denied, unknown, rows } = counts;
    if requests == admitted + denied + unknown && rows == admitted && unknown == 0 {
        return Ok(());
    }
    broken("K6", format!("the counts do not add up: {counts:?}"))
}

/// K7, as far as idempotency keys go: no key has made two things.
pub fn k7_no_key_twice<K: Ord>(performed: impl IntoIterator<Item = K>) -> Result<(), Violation> {
    let mut seen = BTreeSet::new();
    if performed.into_iter().all(|key| seen.insert(key)) {
        return Ok(());
    }
    broken("K7", "a key was performed twice".to_owned())
}

/// K8: the rows of a window are no more than its limit.
pub fn k8_within_the_limit(rows: u64, limit: u64) -> Result<(), Violation> {
    if rows <= limit {
        return Ok(());
    }
    broken("K8", format!("{rows} rows under a limit of {limit}"))
}

/// Cursor: a reader that keeps the maximum has read everything that is committed up to it, and
/// nothing twice.
pub fn cursors_lose_nothing(committed: &[u64], read: &[u64]) -> Result<(), Violation> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = read.iter().find(|cursor| !seen.insert(**cursor)) {
        return broken("Cursor", format!("cursor {twice} was read twice"));
    }
    let maximum = read.iter().max().copied().unwrap_or_default();
    match committed.iter().find(|cursor| **cursor <= maximum && !seen.contains(cursor)) {
        None => Ok(()),
        Some(lost) => {
            broken("Cursor", format!("cursor {lost} lies before {maximum} and was never read"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_or_do_not() {
        let counts = Counts { requests: 5, admitted: 3, denied: 2, unknown: 0, rows: 3 };
        assert!(k6_exact(counts).is_ok());
        assert!(k6_exact(Counts { rows: 4, ..counts }).is_err());
        assert!(k6_exact(Counts { denied: 1, unknown: 1, ..counts }).is_err());
    }

    #[test]
    fn keys_and_limits() {
        assert!(k7_no_key_twice([1, 2, 3]).is_ok() && k7_no_key_twice([1, 2, 1]).is_err());
        assert!(k8_within_the_limit(4, 4).is_ok() && k8_within_the_limit(5, 4).is_err());
    }

    #[test]
    fn a_cursor_that_is_committed_behind_the_reader_is_lost() {
        assert!(cursors_lose_nothing(&[2, 4, 6], &[2, 4]).is_ok());
        assert!(cursors_lose_nothing(&[2, 4, 6], &[2, 6]).is_err());
        assert!(cursors_lose_nothing(&[2, 4], &[2, 2]).is_err());
    }
}
