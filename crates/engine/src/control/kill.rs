//! A kill, step by step: denied here at once, committed, enforced, receipted.

use std::sync::Arc;
use std::time::Duration;

use axme_core::change::{Change, Entry};
use axme_core::command::{Command, Kill, Order};
use axme_core::decide::Denial;
use axme_core::id::KillId;
use axme_core::plan::Plan;
use axme_core::state::State;
use axme_core::time::Mono;
use axme_store::AppendError;
use axme_store::control::{Append, Expected, IdempotencyKey, LogEntry};

use super::{CONFIRM_WITHIN, Control, ControlError, Receipt};
use crate::enforcer::{Cell, Progress};

/// How long to wait before a kill's append is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A kill that is in the log, with its receipt.
#[derive(Clone, Debug)]
pub struct Killed {
    pub logged: LogEntry,
    pub receipt: Receipt,
}

/// What a kill can come to. It never comes to nothing without the caller being told.
#[derive(Clone, Debug)]
pub enum KillOutcome {
    Confirmed(Box<Killed>),
    /// Enforced on this replica, and not known to be durable: the commit goes on being tried.
    Unconfirmed {
        kill: KillId,
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
    ) -> Result<KillOutcome, ControlError> {
        if let Some(entry) = self.answered(idempotency.as_ref()).await? {
            return Ok(KillOutcome::Before(Box::new(entry)));
        }
        let ordered_at = self.clock.mono();
        debug_assert!(matches!(order.command, Command::Kill(_)), "only kills come this way");
        let (planned, _head) = self.plan(&order)?;
        let Plan::Append(entry) = planned else { return Err(ControlError::Contended) };
        let progress =
            self.order_stop(kill, &entry).map_err(|_busy: Denial| ControlError::Contended)?;
        let append =
            Append { by: self.me.clone(), expected: Expected::Any, entry: *entry, idempotency };
        let control = Arc::clone(self);
        // Its own task: the order stands and is committed when it can be, whoever still waits.
        let committing = self.tasks.spawn(async move { control.commit_kill(append).await });
        let kill = kill.kill;
        let committed = match tokio::time::timeout(CONFIRM_WITHIN, committing).await {
            Ok(Ok(Ok(committed))) => committed,
            Ok(Ok(Err(refused))) => {
                self.read(|state| self.enforcer.cancel_order(state, kill));
                return Err(refused);
            }
            Ok(Err(_)) | Err(_) => return Ok(KillOutcome::Unconfirmed { kill }),
        };
        let receipt = self.receipt(kill, &committed, ordered_at, &progress).await;
        let Committed { logged, .. } = committed;
        Ok(KillOutcome::Confirmed(Box::new(Killed { logged, receipt })))
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
                | Change::HoldsLifted { .. } => {}
            }
        }
        cells
    }

    /// Appends a kill until it is in the log. Only a reused idempotency key ends it otherwise.
    async fn commit_kill(self: Arc<Self>, append: Append) -> Result<Committed, ControlError> {
        loop {
            let entry = append.entry.clone();
            let logged = match self.log.append(append.clone()).await {
                Ok(head) => LogEntry { revision: head.revision, hash: head.hash, entry },
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
            while let Err(error) = self.fold(Some(&logged)).await {
                tracing::error!(%error, "a kill is in the log and cannot be folded yet");
                tokio::time::sleep(RETRY_AFTER).await;
            }
            return Ok(Committed { logged, acknowledged_at });
        }
    }
}

/// A kill that is in the log and folded here.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) logged: LogEntry,
    pub(super) acknowledged_at: Mono,
}
