//! When sessions were last used.
//!
//! In memory, and written now and then like other signs of life: then a session that is used at
//! one replica is not taken for left alone by another, and a restart signs nobody out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axme_core::id::SessionId;
use axme_core::session::Session;
use axme_core::time::Timestamp;

/// How much later a use is than the one that is written, before it is written too. Much shorter
/// than what makes a session left alone.
const WRITTEN_EVERY: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashMap<SessionId, Use>>);

#[derive(Clone, Copy, Debug)]
struct Use {
    last: Timestamp,
    written: Option<Timestamp>,
}

impl Uses {
    /// When a session was last used, as far as this replica knows.
    pub(super) fn last(&self, session: &Session) -> Timestamp {
        let used = self.lock().get(&session.session_id).map(|used| used.last);
        used.map_or(session.opened_at, |last| last.max(session.opened_at))
    }

    /// Notes a use, and answers how many sessions are remembered.
    pub(super) fn touch(&self, id: SessionId, at: Timestamp) -> usize {
        let mut uses = self.lock();
        let known = uses.entry(id).or_insert(Use { last: at, written: None });
        known.last = known.last.max(at);
        uses.len()
    }

    /// Forgets the sessions that are not there any more.
    pub(super) fn keep(&self, is_there: impl Fn(SessionId) -> bool) {
        self.lock().retain(|id, _| is_there(*id));
    }

    pub(super) fn take_over(&self, used: &[(SessionId, Timestamp)]) {
        let mut uses = self.lock();
        for (id, at) in used {
            let known = uses.entry(*id).or_insert(Use { last: *at, written: None });
            known.last = known.last.max(*at);
            known.written = known.written.max(Some(*at));
        }
    }

    pub(super) fn unsaved(&self) -> Vec<(SessionId, Timestamp)> {
        let is_due = |used: &Use| {
            used.written.is_none_or(|written| used.last.since(written) >= WRITTEN_EVERY)
        };
        let uses = self.lock();
        uses.iter().filter(|(_, used)| is_due(used)).map(|(id, used)| (*id, used.last)).collect()
    }

    pub(super) fn mark_saved(&self, saved: &[(SessionId, Timestamp)]) {
        let mut uses = self.lock();
        for (id, at) in saved {
            if let Some(used) = uses.get_mut(id) {
                used.written = used.written.max(Some(*at));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_written_once_and_again_when_it_is_much_later() {
        let (uses, id) = (Uses::default(), SessionId::from_bytes([1; 16]));
        let at = |seconds| Timestamp::from_micros(0).plus(Duration::from_secs(seconds));
        uses.touch(id, at(10));
        assert_eq!(uses.unsaved(), [(id, at(10))]);
        uses.mark_saved(&[(id, at(10))]);
        uses.touch(id, at(39));
        assert_eq!(uses.unsaved(), []);
        uses.touch(id, at(40));
        assert_eq!(uses.unsaved(), [(id, at(40))]);
        uses.take_over(&[(id, at(41))]);
        assert_eq!(uses.unsaved(), [], "another replica has written that");
        uses.keep(|_| false);
        assert_eq!(uses.touch(id, at(50)), 1);
    }
}
