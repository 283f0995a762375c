//! A replica's life at a shared store: it renews its lease, and begins a new epoch when it must.

use std::sync::{Arc, PoisonError};

use axme_core::lease::Lease;
use axme_core::replica::ReplicaEpoch;
use axme_store::StoreError;
use axme_store::control::Renewal;
use tokio_util::sync::CancellationToken;

use super::Control;

/// What a renewal came to.
#[derive(Debug)]
enum Renewing {
    /// The store has answered; whether that proves the view fresh is for the view to say.
    Renewed,
    /// Nothing is known; the lease runs on as long as it does.
    Unanswered(StoreError),
    /// The epoch has ended: it was closed, or what became of one of its writes is unknown.
    EpochOver(StoreError),
    /// The log does not hold what was applied here.
    Diverged,
}

impl Control {
    /// Renews the lease until `stop`, each quarter of it and whenever there is something to report.
    pub(crate) async fn keep_renewing(self: Arc<Self>, stop: CancellationToken) {
        let mut troubled = false;
        loop {
            let sent = self.clock.mono();
            let outcome = tokio::select! {
                outcome = self.renew() => outcome,
                () = stop.cancelled() => return,
            };
            if !matches!(outcome, Renewing::Unanswered(_)) {
                troubled = false;
            }
            match outcome {
                Renewing::Renewed => {}
                Renewing::Unanswered(error) => {
                    if !std::mem::replace(&mut troubled, true) {
                        tracing::warn!(%error, "the lease is not renewed");
                    }
                }
                Renewing::EpochOver(error) => {
                    tracing::warn!(%error, epoch = %self.me().epoch, "this epoch has ended");
                    self.freshness.fence();
                    if let Err(error) = self.begin_epoch().await {
                        tracing::debug!(%error, "no new epoch yet");
                    }
                }
                Renewing::Diverged => {
                    self.suspect();
                    self.mend().await;
                }
            }
            let left = self.lease().renew_every().saturating_sub(self.clock.mono().since(sent));
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = self.to_report.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Joins the store with a new epoch. Freshness follows from a renewal that is sent after.
    pub(super) async fn begin_epoch(&self) -> Result<(), StoreError> {
        let epoch = self.log.join(&self.profile, self.clock.wall()).await?;
        let me = ReplicaEpoch { replica_id: self.profile.replica_id.clone(), epoch };
        *self.me.write().unwrap_or_else(PoisonError::into_inner) = me;
        self.freshness.begin(self.head().revision);
        // At once: the replica serves after the first renewal of the new epoch.
        self.to_report.notify_one();
        Ok(())
    }

    async fn renew(self: &Arc<Self>) -> Renewing {
        if self.is_diverged() {
            return Renewing::Diverged;
        }
        let sent = self.clock.mono();
        let applied = self.head();
        let enforced = self.enforcement.enforced();
        let accounts = self.enforcement.take_unsent();
        let renewal = Renewal { by: self.me(), applied, enforced, accounts: accounts.clone() };
        let renewed = match self.log.renew(renewal).await {
            Ok(renewed) => renewed,
            Err(error) => {
                // Those that came through all the same are known there by their revision.
                self.enforcement.put_back(accounts);
                return match error {
                    StoreError::Fenced | StoreError::OutcomeUnknown(_) => {
                        Renewing::EpochOver(error)
                    }
                    StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::Unusable(_) => {
                        Renewing::Unanswered(error)
                    }
                };
            }
        };
        if renewed.at_applied != Some(applied.hash) {
            self.enforcement.put_back(accounts);
            return Renewing::Diverged;
        }
        self.freshness.renewed(sent, renewed.head.revision);
        if renewed.head.revision > applied.revision {
            self.fold_hinted().await;
        }
        Renewing::Renewed
    }

    #[must_use]
    pub const fn lease(&self) -> Lease {
        self.profile.lease
    }
}
