//! A kill, step by step: denied here at once, committed, enforced, receipted.

use std::sync::Arc;
use std::time::Duration;

use axme_core::change::{Change, Entry};
use axme_core::command::{Command, Kill, Order};
use axme_core::decide::Denial;
use axme_core::id::KillId;
use axme_core::plan::Plan;
use axme_core::replica::ReplicaEpoch;
use axme_core::state::State;
use axme_core::time::Mono;
use axme_store::AppendError;
use axme_store::control::{Append, Expected, IdempotencyKey, LogEntry};
use tokio::task::JoinHandle;

use super::{CONFIRM_WITHIN, Control, ControlError, RETRY_AFTER, Receipt};
use crate::enforcer::{Cell, Progress};

/// How long an answer may take beyond the lease and the closing, for the rest of its work.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A kill that is in the log, with its receipt.
#[derive(Clone, Debug)]
pub struct Killed {
    pub logged: LogEntry,
    pub receipt: Receipt,
}

/// What the caller of a kill waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Every replica: the receipt.
    #[default]
    Everyone,
    /// The commit; the rest goes on by itself.
    Commit,
}

/// What a kill can come to. It never comes to nothing without the caller being told.
#[derive(Debug)]
pub enum KillOutcome {
    Confirmed(Box<Killed>),
    /// Enforced on this replica, and not known to be durable: the commit goes on being tried.
    Unconfirmed {
        kill: KillId,
    },
    /// In the log, and not waited for further. `rest` comes when every replica has been heard.
    Committed {
        logged: Box<LogEntry>,
        rest: JoinHandle<Killed>,
    },
    /// The idempotency key stands for an earlier kill.
    Before(Box<LogEntry>),
}

impl Control {
    /// Carries out a kill. The agents are denied on this replica before this first waits.
    pub async fn kill(
        self: &Arc<Self>,
        order: Order,
        kill: &Kill,
        idempotency: Option<IdempotencyKey>,
        wait: Wait,
    ) -> Result<KillOutcome, ControlError> {
        self.fresh_within(CONFIRM_WITHIN).await?;
        if let Some(entry) = self.answered(idempotency.as_ref()).await? {
            return Ok(KillOutcome::Before(Box::new(entry)));
        }
        let ordered_at = self.clock.mono();
        debug_assert!(matches!(order.command, Command::Kill(_)), "only kills come this way");
        let (planned, _head) = self.plan(&order)?;
        let Plan::Append(entry) = planned else { return Err(ControlError::Contended) };
        let progress =
            self.order_stop(kill, &entry).map_err(|_busy: Denial| ControlError::Contended)?;
        let append = Append { by: self.me(), expected: Expected::Any, entry: *entry, idempotency };
        let (control, kill) = (Arc::clone(self), kill.kill);
        let first = append.clone();
        // Its own task: the order stands and is committed when it can be, whoever still waits.
        let committing = self.tasks.spawn(async move { control.commit_kill(first).await });
        let committed = match tokio::time::timeout(CONFIRM_WITHIN, committing).await {
            Ok(Ok(Ok(committed))) => committed,
            Ok(Ok(Err(refused))) => {
                self.read(|state| self.enforcer.cancel_order(state, kill));
                return Err(refused);
            }
            Ok(Err(_)) | Err(_) => return Ok(KillOutcome::Unconfirmed { kill }),
        };
        let logged = committed.logged.clone();
        let control = Arc::clone(self);
        let receipting = self.tasks.spawn(async move {
            control.confirm(append, (kill, committed), ordered_at, &progress).await
        });
        if wait == Wait::Commit {
            return Ok(KillOutcome::Committed { logged: Box::new(logged), rest: receipting });
        }
        // Only a store that fails after the commit keeps a receipt longer than its bound.
        let patience = self.longest_lease().await.length() + ANSWER_WITHIN + CONFIRM_WITHIN;
        match tokio::time::timeout(patience, receipting).await {
            Ok(Ok(killed)) => Ok(KillOutcome::Confirmed(Box::new(killed))),
            Ok(Err(_)) | Err(_) => Ok(KillOutcome::Unconfirmed { kill }),
        }
    }

    /// Denies what the kill stops on this replica, from the moment of sending.
    fn order_stop(&self, kill: &Kill, entry: &Entry) -> Result<Progress, Denial> {
        let cells = self.read(|state| self.cells_to_stop(state, entry));
        self.enforcer.order_stop(kill.kill, kill.mode.run_state(), cells)
    }

    fn cells_to_stop(&self, state: &State, entry: &Entry) -> Vec<Arc<Cell>> {
        let mut cells = Vec::new();
        for change in &entry.changes {
            match change {
                // An address that nobody has registered becomes known with this kill.
                Change::AddressRegistered { address, workspace_id, .. } => {
                    let imposed = || state.workspace_state(*workspace_id);
                    cells.push(self.enforcer.ensure(*workspace_id, address, imposed));
                }
                Change::HoldAdded { target, .. } => {
                    cells.extend(self.enforcer.cells_of(state, *target));
                }
                Change::OrganizationPut { .. }
                | Change::WorkspacePut { .. }
                | Change::AccountPut { .. }
                | Change::AccountDeleted { .. }
                | Change::KeyPut { .. }
                | Change::KeyRevoked { .. }
                | Change::HoldsLifted { .. }
                | Change::PolicyPut { .. }
                | Change::DashboardTokenIssued { .. }
                | Change::SessionOpened { .. }
                | Change::SessionEnded { .. } => {}
            }
        }
        cells
    }

    /// Waits for every replica. What was learned in an epoch that has ended since may be of a
    /// server that was deposed: then the kill is appended again, which changes nothing if the log
    /// has kept it, and everybody is asked anew.
    async fn confirm(
        self: Arc<Self>,
        append: Append,
        (kill, mut committed): (KillId, Committed),
        ordered_at: Mono,
        progress: &Progress,
    ) -> Killed {
        loop {
            let receipt = self.receipt(kill, &committed, ordered_at, progress).await;
            if committed.by == self.me() {
                return Killed { logged: committed.logged, receipt };
            }
            match Arc::clone(&self).commit_kill(append.clone()).await {
                Ok(again) => committed = again,
                // It was in the log once, so that its key is not reused.
                Err(_refused) => return Killed { logged: committed.logged, receipt },
            }
        }
    }

    /// Appends a kill until it is in the log. Only a reused idempotency key ends it otherwise.
    async fn commit_kill(self: Arc<Self>, append: Append) -> Result<Committed, ControlError> {
        loop {
            // By the epoch of the moment: the one in which it was ordered may have ended.
            let by = self.me();
            let append = Append { by: by.clone(), ..append.clone() };
            let entry = append.entry.clone();
            let logged = match self.log.append(append).await {
                Ok(head) => super::logged(head, entry),
                Err(AppendError::Duplicate(logged)) => *logged,
                Err(AppendError::KeyReused) => return Err(ControlError::KeyReused),
                Err(AppendError::Conflict) => continue,
                Err(AppendError::Store(error)) => {
                    tracing::error!(%error, "a kill is enforced here and not durable yet");
                    tokio::time::sleep(RETRY_AFTER).await;
                    continue;
                }
            };
            let acknowledged_at = self.clock.mono();
            self.fold_own(&logged).await;
            return Ok(Committed { by, logged, acknowledged_at });
        }
    }
}

/// A kill that is in the log and folded here.
#[derive(Debug)]
pub(super) struct Committed {
    /// The life in which its commit was acknowledged.
    by: ReplicaEpoch,
    pub(super) logged: LogEntry,
    pub(super) acknowledged_at: Mono,
}
