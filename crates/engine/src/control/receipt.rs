//! What a kill returns: every replica, and when it enforced.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axme_core::id::{KillId, Revision};
use axme_core::time::Mono;
use axme_store::control::{ReplicaEpoch, ReplicaRow};
use serde::{Deserialize, Serialize};

use super::Control;
use super::kill::Committed;
use crate::enforcer::Progress;

/// How often the replicas are looked at while some have not enforced yet.
const POLL: Duration = Duration::from_millis(10);
/// What closing the epochs of silent replicas may add to a lease.
const CLOSING: Duration = Duration::from_millis(100);
/// Receipts that are remembered for readers, until they are in the store.
const RECENT_MAX: usize = 1_000;

/// The receipt of one kill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Within what time of its commit every kill returns.
    pub bound_ms: u64,
    /// From the order until the last replica had enforced it or was fenced.
    pub enforced_in_ms: f64,
    /// `single` or `replicated`.
    pub durability: String,
    pub replicas: Vec<ReplicaReceipt>,
    pub streams_closed: u64,
    pub connections_cut: u64,
    pub bytes_after_order: u64,
}

/// One replica in a receipt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaReceipt {
    pub replica_id: String,
    pub region: Option<String>,
    pub state: ReplicaState,
    /// From the order on.
    pub after_ms: f64,
}

/// How a replica came to admit nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// It has said that everything let through before has ended.
    Enforced,
    /// It was silent: its epoch is closed, its lease over, and the store refuses its writes.
    Fenced,
    /// It has left.
    Left,
}

impl Control {
    /// Waits until every replica has enforced the kill or is fenced. Never longer than the bound.
    pub(super) async fn receipt(
        self: &Arc<Self>,
        kill: KillId,
        committed: &Committed,
        ordered_at: Mono,
        progress: &Progress,
    ) -> Receipt {
        let revision = committed.logged.revision;
        let patience =
            self.lease.saturating_sub(self.clock.mono().since(committed.acknowledged_at));
        let enforced_here = async {
            let at_order = self.enforcer.drain(progress).await;
            self.enforcement.wait_for(revision).await;
            at_order
        };
        let at_order = tokio::time::timeout(patience, enforced_here).await.unwrap_or_default();
        let replicas = self.replicas_stopped(revision, committed.acknowledged_at, ordered_at).await;
        let at_apply = self.enforcement.take_report(revision);
        let receipt = Receipt {
            bound_ms: millis_whole(self.lease + CLOSING),
            enforced_in_ms: millis(self.clock.mono().since(ordered_at)),
            durability: self.log.durability().as_str().to_owned(),
            replicas,
            streams_closed: at_order.streams_closed.max(at_apply.streams_closed),
            connections_cut: at_order.connections_cut + at_apply.connections_cut,
            bytes_after_order: at_order.bytes_after_order.max(at_apply.bytes_after_order),
        };
        self.receipts.put(kill, receipt.clone());
        receipt
    }

    /// Returns once every control change is applied wherever a view is fresh.
    pub(super) async fn everywhere(self: &Arc<Self>, revision: Revision) {
        let now = self.clock.mono();
        self.replicas_stopped(revision, now, now).await;
    }

    async fn replicas_stopped(
        &self,
        revision: Revision,
        acknowledged_at: Mono,
        ordered_at: Mono,
    ) -> Vec<ReplicaReceipt> {
        let mut receipts: Vec<ReplicaReceipt> = Vec::new();
        loop {
            let elapsed = millis(self.clock.mono().since(ordered_at));
            // Read after the commit: who joins later has the entry already.
            let rows = self.log.replicas().await.unwrap_or_default();
            let waiting = note_enforced(&rows, revision, elapsed, &mut receipts);
            if waiting.is_empty() {
                return receipts;
            }
            // This replica is never silent to itself: it knows when it has enforced.
            let silent: Vec<_> =
                waiting.into_iter().filter(|row| row.sighting.replica != self.me).collect();
            if !silent.is_empty() && self.clock.mono() >= acknowledged_at.plus(self.lease) {
                self.fence(silent, ordered_at, &mut receipts).await;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Closes the epochs of those that stayed silent for a lease.
    async fn fence(
        &self,
        silent: Vec<ReplicaRow>,
        ordered_at: Mono,
        receipts: &mut Vec<ReplicaReceipt>,
    ) {
        let epochs: Vec<ReplicaEpoch> =
            silent.iter().map(|row| row.sighting.replica.clone()).collect();
        if let Err(error) = self.log.close(&epochs, self.clock.wall()).await {
            tracing::error!(%error, "could not close the epochs of silent replicas");
        }
        let after_ms = millis(self.clock.mono().since(ordered_at));
        for row in silent {
            receipts.push(receipt_of(&row, ReplicaState::Fenced, after_ms));
        }
    }
}

/// Notes the replicas that have enforced `revision`, and answers those that have not.
fn note_enforced(
    rows: &[ReplicaRow],
    revision: Revision,
    after_ms: f64,
    receipts: &mut Vec<ReplicaReceipt>,
) -> Vec<ReplicaRow> {
    let mut waiting = Vec::new();
    for row in rows {
        let known = |receipt: &ReplicaReceipt| *receipt.replica_id == *row.profile.replica_id;
        if receipts.iter().any(known) {
            continue;
        }
        if row.sighting.enforced >= revision {
            receipts.push(receipt_of(row, ReplicaState::Enforced, after_ms));
        } else {
            waiting.push(row.clone());
        }
    }
    waiting
}

fn receipt_of(row: &ReplicaRow, state: ReplicaState, after_ms: f64) -> ReplicaReceipt {
    ReplicaReceipt {
        replica_id: row.profile.replica_id.to_string(),
        region: row.profile.region.as_deref().map(str::to_owned),
        state,
        after_ms,
    }
}

/// Milliseconds with three places.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn millis_whole(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The receipts of the last kills.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<(KillId, Receipt)>>);

impl Recent {
    fn put(&self, kill: KillId, receipt: Receipt) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back((kill, receipt));
    }

    pub(super) fn get(&self, kill: KillId) -> Option<Receipt> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().find(|(id, _)| *id == kill).map(|(_, receipt)| receipt.clone())
    }
}
