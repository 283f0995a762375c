//! How far this replica has enforced the log: everything that was let through before has ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axme_core::id::Revision;
use axme_store::control::{ACCOUNTS_MAX, StopAccount};
use tokio::sync::watch;

use super::Control;
use crate::enforcer::{Cell, StopReport};

/// Reports of drains that are kept until the kill that waits for them takes them.
const REPORTS_MAX: usize = 1_000;

/// The revisions that are being enforced, and the highest up to which all are.
#[derive(Debug)]
pub(super) struct Enforcement {
    under_way: Mutex<UnderWay>,
    enforced: watch::Sender<Revision>,
}

#[derive(Debug)]
struct UnderWay {
    applied: Revision,
    /// Applied and not drained; how many drains of each.
    draining: BTreeMap<Revision, usize>,
    reports: BTreeMap<Revision, StopReport>,
    /// Accounts that have not come to the store yet.
    unsent: VecDeque<StopAccount>,
}

impl Enforcement {
    pub(super) fn up_to(revision: Revision) -> Self {
        let under_way = UnderWay {
            applied: revision,
            draining: BTreeMap::new(),
            reports: BTreeMap::new(),
            unsent: VecDeque::new(),
        };
        Self { under_way: Mutex::new(under_way), enforced: watch::Sender::new(revision) }
    }

    pub(super) fn enforced(&self) -> Revision {
        *self.enforced.borrow()
    }

    pub(super) async fn wait_for(&self, revision: Revision) {
        let mut enforced = self.enforced.subscribe();
        // The sender lives as long as self.
        let _ = enforced.wait_for(|reached| *reached >= revision).await;
    }

    pub(super) fn take_report(&self, revision: Revision) -> StopReport {
        self.lock().reports.remove(&revision).unwrap_or_default()
    }

    /// Takes accounts to send, oldest first.
    pub(super) fn take_unsent(&self) -> Vec<StopAccount> {
        let mut under_way = self.lock();
        let count = under_way.unsent.len().min(ACCOUNTS_MAX);
        under_way.unsent.drain(..count).collect()
    }

    /// Puts accounts back that did not come through.
    pub(super) fn put_back(&self, accounts: Vec<StopAccount>) {
        let mut under_way = self.lock();
        for account in accounts.into_iter().rev() {
            under_way.unsent.push_front(account);
        }
    }

    fn begin(&self, revision: Revision, drains: bool) {
        let mut under_way = self.lock();
        under_way.applied = revision;
        if drains {
            *under_way.draining.entry(revision).or_default() += 1;
        }
        self.publish(&under_way);
    }

    fn done(&self, revision: Revision, report: StopReport) {
        let mut under_way = self.lock();
        under_way.draining.remove(&revision);
        under_way.reports.insert(revision, report);
        under_way.unsent.push_back(account(revision, report));
        if under_way.unsent.len() > REPORTS_MAX {
            under_way.unsent.pop_front();
        }
        while under_way.reports.len() > REPORTS_MAX {
            under_way.reports.pop_first();
        }
        self.publish(&under_way);
    }

    fn publish(&self, under_way: &UnderWay) {
        let enforced = match under_way.draining.first_key_value() {
            Some((first, _)) => Revision(first.0.saturating_sub(1)),
            None => under_way.applied,
        };
        self.enforced.send_replace(enforced);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// Drains what the entry at `revision` stopped, and then reports the revision as enforced.
    pub(super) fn begin_enforcing(self: &Arc<Self>, revision: Revision, stopped: Vec<Arc<Cell>>) {
        self.enforcement.begin(revision, !stopped.is_empty());
        if stopped.is_empty() {
            return;
        }
        let progress = self.enforcer.progress(stopped);
        // Mostly nothing is under way: then the first report says so already.
        if let Some(report) = progress.report_if_drained() {
            self.enforcement.done(revision, report);
            return;
        }
        let control = Arc::clone(self);
        self.tasks.spawn(async move {
            let report = control.enforcer.drain(&progress).await;
            control.enforcement.done(revision, report);
            if let Err(error) = control.report().await {
                tracing::warn!(%revision, %error, "could not report what is enforced");
            }
        });
    }
}

fn account(revision: Revision, report: StopReport) -> StopAccount {
    let StopReport { streams_closed, connections_cut, bytes_after_order } = report;
    StopAccount { revision, streams_closed, connections_cut, bytes_after_order }
}
