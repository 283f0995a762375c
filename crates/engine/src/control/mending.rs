//! A log that is not the one that was folded here: a failover or an old backup has lost a part of
//! it. The replica takes the log as it is, and puts back the stops that it knows of.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use axme_core::command::{Actor, Command, LostHold, Order, Origin};
use axme_store::StoreError;

use super::folding::Known;
use super::{Control, ControlError};
use crate::chance::Chance;

/// Lost holds that are put back by one entry of the log.
const PUT_BACK_MAX: usize = 1_000;

impl Control {
    /// Reloads the log, and puts back the holds that it has lost. Fenced meanwhile.
    pub(super) async fn mend(self: &Arc<Self>) {
        if let Err(error) = self.try_mend().await {
            tracing::error!(code = "log_diverged", %error, "not mended yet; admitting nothing");
        }
    }

    /// Whether what is folded here is not the log, or the log lacks stops that are known here.
    pub(super) fn is_diverged(&self) -> bool {
        self.diverged.load(Ordering::SeqCst)
    }

    async fn try_mend(self: &Arc<Self>) -> Result<(), ControlError> {
        self.reload().await?;
        loop {
            let lost: Vec<LostHold> = {
                let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.iter().take(PUT_BACK_MAX).cloned().collect()
            };
            if lost.is_empty() {
                self.diverged.store(false, Ordering::SeqCst);
                self.problem_is_over("log_diverged");
                self.to_report.notify_one();
                return Ok(());
            }
            let at = self.clock.wall();
            let count = lost.len();
            let order = Order {
                command_id: Chance.command(at),
                actor: Actor::Gateway,
                at,
                origin: Origin::default(),
                command: Command::RestoreHolds(lost),
            };
            Arc::clone(self).plan_and_append(order, None).await?;
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).drain(..count);
        }
    }

    /// Folds the log anew, in place of what was folded here.
    async fn reload(self: &Arc<Self>) -> Result<(), StoreError> {
        let _folding = self.folding.lock().await;
        let loaded = self.log.load().await?;
        let head = loaded.head;
        tracing::warn!(folded = %self.head().revision, found = %head.revision, "reading the log anew");
        let candidates = self.read(|state| state.holds_not_in(&loaded.state));
        let mut lost = Vec::new();
        for candidate in candidates {
            // A kill that is in the log was lifted there: its fate is the log's to say.
            if self.log.find(candidate.hold.kill_id.into()).await?.is_none() {
                lost.push(candidate);
            }
        }
        // Added to what an earlier try has found: by now that is in no state any more.
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(lost);
        let stopped = {
            let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
            *folded = loaded;
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::loaded(head);
            self.enforcer.replace(&folded.state)
        };
        self.freshness.begin(head.revision);
        self.begin_enforcing(head.revision, stopped);
        self.followers.iter().for_each(|one| one.log_replaced());
        Ok(())
    }
}
