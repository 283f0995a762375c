//! What is known here of one agent's instances, and of the last changes of its run state.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axme_core::id::{AddressId, Revision};
use axme_core::time::Timestamp;

use super::{Heard, Message, Name, RunStateChange};

/// Changes that are kept for streams that have not told them yet. A stream that is further behind
/// is told the state as it is.
const CHANGES_KEPT_MAX: usize = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    instances: Mutex<HashMap<Name, Arc<Heard>>>,
    changes: Mutex<Changes>,
}

#[derive(Debug)]
struct Changes {
    /// Every change after this revision is here.
    since: Revision,
    kept: VecDeque<Arc<RunStateChange>>,
}

/// The changes after a revision.
#[derive(Debug)]
pub(super) enum After {
    These(Vec<Arc<RunStateChange>>),
    /// Some are not kept any more.
    Forgotten,
}

impl Known {
    pub(super) fn since(revision: Revision) -> Self {
        let changes = Changes { since: revision, kept: VecDeque::new() };
        Self { instances: Mutex::default(), changes: Mutex::new(changes) }
    }

    pub(super) fn find(&self, name: &Name) -> Option<Arc<Heard>> {
        self.lock().get(name).map(Arc::clone)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// The instance of a message, and whether it is new.
    pub(super) fn meet(&self, address_id: AddressId, message: &Message) -> (Arc<Heard>, bool) {
        let mut instances = self.lock();
        let before = instances.len();
        let make = || Arc::new(Heard::new(address_id, message.name.clone(), message.at));
        let heard = Arc::clone(instances.entry(message.name.clone()).or_insert_with(make));
        (heard, instances.len() > before)
    }

    /// Forgets who was not heard since, and answers them.
    pub(super) fn make_room(&self, not_since: Timestamp) -> Vec<Arc<Heard>> {
        let mut instances = self.lock();
        let idle = instances.extract_if(|_, heard| heard.is_idle_since(not_since));
        idle.map(|(_, heard)| heard).collect()
    }

    pub(super) fn push_change(&self, change: RunStateChange) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.kept.len() == CHANGES_KEPT_MAX
            && let Some(oldest) = changes.kept.pop_front()
        {
            changes.since = oldest.now.revision;
        }
        changes.kept.push_back(Arc::new(change));
    }

    /// What is known is not what the log says any more.
    pub(super) fn forget_changes(&self) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.kept.clear();
        changes.since = Revision(u64::MAX);
    }

    pub(super) fn changes_after(&self, revision: Revision) -> After {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if revision < changes.since {
            return After::Forgotten;
        }
        let after = changes.kept.iter().filter(|change| change.now.revision > revision);
        After::These(after.map(Arc::clone).collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Arc<Heard>>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
