//! What a kill returns: every replica, and when it enforced.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axme_core::id::{KillId, Revision};
use axme_core::lease::{Awaited, Outcome, RollCall};
use axme_core::time::Mono;
use axme_store::control::ReplicaRow;
use serde::{Deserialize, Serialize};

use super::Control;
use super::kill::Committed;
use crate::enforcer::{Progress, StopReport};

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
    /// Which life of it: an id may run twice.
    #[serde(default)]
    pub epoch: u64,
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

impl From<Outcome> for ReplicaState {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Reported => Self::Enforced,
            Outcome::Fenced => Self::Fenced,
            Outcome::Left => Self::Left,
        }
    }
}

impl Control {
    /// Within how many milliseconds of its commit a kill returns, as far as this replica's own
    /// lease goes.
    #[must_use]
    pub fn bound_ms(&self) -> u64 {
        millis_whole(self.lease().length() + CLOSING)
    }

    /// Waits for every replica, and answers the receipt. What is known so far can be read
    /// meanwhile.
    pub(super) async fn receipt(
        self: &Arc<Self>,
        kill: KillId,
        committed: &Committed,
        ordered_at: Mono,
        progress: &Progress,
    ) -> Receipt {
        let Committed { logged, acknowledged_at, .. } = committed;
        let mut receipt = Receipt {
            bound_ms: self.bound_ms(),
            enforced_in_ms: 0.0,
            durability: self.log.durability().as_str().to_owned(),
            replicas: Vec::new(),
            streams_closed: 0,
            connections_cut: 0,
            bytes_after_order: 0,
        };
        self.receipts.put(kill, receipt.clone());
        let drained = self.drained_here(logged.revision, *acknowledged_at, progress);
        let others = self.call_the_roll(
            logged.revision,
            Awaited::Enforced,
            *acknowledged_at,
            |roll, rows| {
                let after_ms = millis(self.clock.mono().since(ordered_at));
                receipt.bound_ms = receipt.bound_ms.max(bound_of(rows));
                note(roll, rows, after_ms, &mut receipt.replicas);
                self.receipts.put(kill, receipt.clone());
            },
        );
        let (at_order, ()) = tokio::join!(drained, others);
        let at_apply = self.enforcement.take_report(logged.revision);
        receipt.enforced_in_ms = millis(self.clock.mono().since(ordered_at));
        receipt.streams_closed = at_order.streams_closed.max(at_apply.streams_closed);
        receipt.connections_cut = at_order.connections_cut + at_apply.connections_cut;
        receipt.bytes_after_order = at_order.bytes_after_order.max(at_apply.bytes_after_order);
        self.add_others(logged.revision, &mut receipt).await;
        self.receipts.put(kill, receipt.clone());
        receipt
    }

    /// Adds what the stop closed on the other replicas.
    async fn add_others(&self, revision: Revision, receipt: &mut Receipt) {
        let accounts = self.log.accounts(revision).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a receipt lacks what the other replicas closed");
            Vec::new()
        });
        let me = self.me();
        for (_, account) in accounts.iter().filter(|(replica, _)| *replica != me) {
            receipt.streams_closed += account.streams_closed;
            receipt.connections_cut += account.connections_cut;
            receipt.bytes_after_order += account.bytes_after_order;
        }
    }

    /// Waits until what the order stopped here has ended, for what is left of the lease.
    async fn drained_here(
        &self,
        revision: Revision,
        acknowledged_at: Mono,
        progress: &Progress,
    ) -> StopReport {
        let lease = self.lease().length();
        let patience = lease.saturating_sub(self.clock.mono().since(acknowledged_at));
        let enforced_here = async {
            let at_order = self.enforcer.drain(progress).await;
            self.enforcement.wait_for(revision).await;
            at_order
        };
        tokio::time::timeout(patience, enforced_here).await.unwrap_or_default()
    }
}

/// Notes those that have come to an outcome since the last look.
fn note(roll: &RollCall, rows: &[ReplicaRow], after_ms: f64, receipts: &mut Vec<ReplicaReceipt>) {
    let settled = roll.outcomes().filter_map(|(replica, outcome)| Some((replica, outcome?)));
    for (replica, outcome) in settled {
        let known = |receipt: &ReplicaReceipt| {
            *receipt.replica_id == *replica.replica_id && receipt.epoch == replica.epoch.0
        };
        if receipts.iter().any(known) {
            continue;
        }
        let row = rows.iter().find(|row| row.sighting.replica == *replica);
        receipts.push(ReplicaReceipt {
            replica_id: replica.replica_id.to_string(),
            epoch: replica.epoch.0,
            region: row.and_then(|row| row.profile.region.as_deref()).map(str::to_owned),
            state: outcome.into(),
            after_ms,
        });
    }
}

/// Within what time a kill returns that waits for the longest of these leases.
fn bound_of(rows: &[ReplicaRow]) -> u64 {
    let longest = rows.iter().map(|row| row.profile.lease.length()).max().unwrap_or_default();
    millis_whole(longest + CLOSING)
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
        if let Some((_, known)) = recent.iter_mut().rev().find(|(id, _)| *id == kill) {
            *known = receipt;
            return;
        }
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
