//! Until when this replica's view of the log is proven fresh. Without proof it admits nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axme_core::id::Revision;
use axme_core::lease::{Lease, View};
use axme_core::time::{Mono, Timestamp};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::enforcer::Enforcer;

/// See the module.
#[derive(Debug)]
pub(super) struct Freshness {
    enforcer: Arc<Enforcer>,
    clock: Clock,
    lease: Lease,
    /// None for a store that is this process's alone, by a lock held for life: its view cannot
    /// grow stale.
    view: Option<Mutex<Viewed>>,
    until: watch::Sender<Mono>,
}

#[derive(Debug)]
struct Viewed {
    view: View,
    /// When the newest renewal was sent that proved anything, by the wall clock: to be shown.
    proven_at: Timestamp,
}

impl Freshness {
    pub(super) fn new(enforcer: Arc<Enforcer>, clock: Clock, lease: Lease, shared: bool) -> Self {
        let proven_at = clock.wall();
        let view = shared.then(|| Mutex::new(Viewed { view: View::default(), proven_at }));
        let until = if shared { Mono::default() } else { Mono::FOREVER };
        enforcer.set_fresh_until(until);
        Self { enforcer, clock, lease, view, until: watch::Sender::new(until) }
    }

    /// Begins fenced in a new epoch, with everything up to `applied` folded.
    pub(super) fn begin(&self, applied: Revision) {
        self.change(|viewed| viewed.view = View::fenced(applied));
    }

    /// A renewal came back that was sent at `sent` and showed `head`.
    pub(super) fn renewed(&self, sent: Mono, head: Revision) {
        let sent_at = self.clock.wall().minus(self.clock.mono().since(sent));
        self.change(|viewed| {
            let before = viewed.view.fresh_until();
            viewed.view.renewed(self.lease, sent, head);
            if viewed.view.fresh_until() > before {
                viewed.proven_at = sent_at;
            }
        });
    }

    pub(super) fn applied(&self, revision: Revision) {
        self.change(|viewed| viewed.view.applied(revision));
    }

    /// Admits nothing until a later renewal proves the view fresh again.
    pub(super) fn fence(&self) {
        self.change(|viewed| viewed.view.fence());
    }

    /// Since when the view is not known to be fresh; none while it is.
    pub(super) fn stale_since(&self) -> Option<Timestamp> {
        if self.enforcer.is_fresh() {
            return None;
        }
        self.lock().map(|viewed| viewed.proven_at)
    }

    /// Waits until the view is fresh, for `patience` at most; whether it is.
    pub(super) async fn wait(&self, patience: Duration) -> bool {
        if self.enforcer.is_fresh() {
            return true;
        }
        let mut until = self.until.subscribe();
        let fresh = until.wait_for(|until| self.clock.mono() < *until);
        matches!(tokio::time::timeout(patience, fresh).await, Ok(Ok(_)))
    }

    fn change(&self, change: impl FnOnce(&mut Viewed)) {
        let Some(mut viewed) = self.lock() else { return };
        let was_fresh = self.enforcer.is_fresh();
        change(&mut viewed);
        let until = viewed.view.fresh_until();
        self.enforcer.set_fresh_until(until);
        self.until.send_replace(until);
        drop(viewed);
        if !was_fresh && self.enforcer.is_fresh() {
            // What was silent meanwhile looks for what it has missed.
            self.enforcer.wake_all();
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, Viewed>> {
        self.view.as_ref().map(|view| view.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
