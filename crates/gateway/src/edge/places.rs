//! Places for requests in the works, of which some are kept for operators and owners: a flood of
//! agents' requests must not keep out the kill that would end it.

use std::sync::Arc;

use axme_core::role::Role;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// See the module.
#[derive(Clone, Debug)]
pub struct Places {
    open_to_all: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Places {
    #[must_use]
    pub fn new(requests_max: usize, reserved: usize) -> Self {
        let open = requests_max.saturating_sub(reserved).max(1);
        Self {
            open_to_all: Arc::new(Semaphore::new(open)),
            reserved: Arc::new(Semaphore::new(reserved.max(1))),
        }
    }

    /// Takes a place, if there is one for this role. Nobody waits in line: who is refused is told
    /// at once and can come again.
    #[must_use]
    pub fn take(&self, role: Role) -> Option<Place> {
        let open = Arc::clone(&self.open_to_all).try_acquire_owned().ok();
        let place = match role {
            Role::Owner | Role::Operator => {
                open.or_else(|| Arc::clone(&self.reserved).try_acquire_owned().ok())
            }
            Role::Viewer | Role::Agent => open,
        };
        place.map(Place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_get_in_when_agents_have_taken_everything_else() {
        let places = Places::new(3, 1);
        let _agents = [places.take(Role::Agent).unwrap(), places.take(Role::Agent).unwrap()];
        assert!(places.take(Role::Agent).is_none() && places.take(Role::Viewer).is_none());
        let operator = places.take(Role::Operator);
        assert!(operator.is_some() && places.take(Role::Owner).is_none());
        drop(operator);
        assert!(places.take(Role::Owner).is_some());
    }
}
