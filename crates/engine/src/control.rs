//! The one write path: plan, append, apply.
//!
//! An order is planned on the folded state, appended to the control log by compare and set, and
//! folded like every other entry. Kills do not queue behind other orders: they append whatever the
//! head is, because they commute with everything but a resume, and a resume names what it saw.

mod enforcement;
mod folding;
mod kill;
mod receipt;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axme_core::change::Entry;
use axme_core::command::Order;
use axme_core::id::KillId;
use axme_core::plan::{Plan, plan};
use axme_core::refusal::Refusal;
use axme_core::state::State;
use axme_store::control::{
    Append, Expected, IdempotencyKey, Loaded, LogEntry, LogHead, ReplicaEpoch, ReplicaProfile,
};
use axme_store::{AppendError, ControlLog, StoreError};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

pub use kill::{KillOutcome, Killed};
pub use receipt::{Receipt, ReplicaReceipt, ReplicaState};

use crate::clock::Clock;
use crate::enforcer::Enforcer;
use enforcement::Enforcement;

/// How long an append may take before its caller is told that it is not confirmed.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(2);
/// How often an order is planned again when the log has moved, before its caller is told to retry.
const PLANS_MAX: usize = 16;
/// Why an order was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("idempotency key reused with different payload")]
    KeyReused,
    #[error("the control log changed too often meanwhile; nothing was done")]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of an order that was carried out.
#[derive(Clone, Debug)]
pub enum Carried {
    /// It is this entry of the log; `before` when an earlier request with the same idempotency
    /// key had made it.
    Entry { entry: Box<LogEntry>, before: bool },
    /// Everything was as the order wants it.
    Nothing,
}

/// The control state of this replica and the way to change it. See the module.
#[derive(Debug)]
pub struct Control {
    log: Arc<dyn ControlLog>,
    enforcer: Arc<Enforcer>,
    clock: Clock,
    tasks: TaskTracker,
    me: ReplicaEpoch,
    profile: ReplicaProfile,
    lease: Duration,
    folded: RwLock<Loaded>,
    /// Held while entries are applied, so that they are in order.
    folding: Mutex<()>,
    /// Held by orders other than kills, so that they do not contend for the head among themselves.
    turn: Mutex<()>,
    enforcement: Enforcement,
    receipts: receipt::Recent,
}

/// What the control needs to start.
#[derive(Debug)]
pub struct ControlParts {
    pub log: Arc<dyn ControlLog>,
    pub enforcer: Arc<Enforcer>,
    pub clock: Clock,
    pub tasks: TaskTracker,
    pub profile: ReplicaProfile,
    /// How long a replica is trusted without having renewed.
    pub lease: Duration,
}

impl Control {
    /// Joins the log with a new epoch, and folds it up to its head.
    pub async fn start(parts: ControlParts) -> Result<Arc<Self>, StoreError> {
        let epoch = parts.log.join(&parts.profile, parts.clock.wall()).await?;
        let loaded = parts.log.load().await?;
        parts.enforcer.project_all(&loaded.state);
        let control = Self {
            me: ReplicaEpoch { replica_id: parts.profile.replica_id.clone(), epoch },
            enforcement: Enforcement::up_to(loaded.head.revision),
            folded: RwLock::new(loaded),
            folding: Mutex::new(()),
            turn: Mutex::new(()),
            receipts: receipt::Recent::default(),
            log: parts.log,
            enforcer: parts.enforcer,
            clock: parts.clock,
            tasks: parts.tasks,
            profile: parts.profile,
            lease: parts.lease,
        };
        control.report().await?;
        Ok(Arc::new(control))
    }

    /// Reads the folded state. Short: kills wait for readers to be done.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.folded.read().unwrap_or_else(PoisonError::into_inner).state)
    }

    #[must_use]
    pub const fn me(&self) -> &ReplicaEpoch {
        &self.me
    }

    #[must_use]
    pub const fn profile(&self) -> &ReplicaProfile {
        &self.profile
    }

    #[must_use]
    pub fn log(&self) -> &Arc<dyn ControlLog> {
        &self.log
    }

    /// Carries out one order that is not a kill. Returns once every replica whose view is fresh
    /// has applied it.
    pub async fn carry_out(
        self: &Arc<Self>,
        order: Order,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Carried, ControlError> {
        if let Some(entry) = self.answered(idempotency.as_ref()).await? {
            return Ok(Carried::Entry { entry: Box::new(entry), before: true });
        }
        let control = Arc::clone(self);
        // Its own task: a caller who goes away does not stop an order half way.
        let carried =
            self.tasks.spawn(async move { control.plan_and_append(order, idempotency).await });
        let deadline = tokio::time::timeout(CONFIRM_WITHIN, carried).await;
        let late = |_elapsed| unknown("the control log did not confirm in time");
        let failed = |_join| unknown("the order's task ended early");
        deadline.map_err(late)?.map_err(failed)?
    }

    async fn plan_and_append(
        self: Arc<Self>,
        order: Order,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Carried, ControlError> {
        let _turn = self.turn.lock().await;
        let mut looked = false;
        for _ in 0..PLANS_MAX {
            let (planned, head) = self.plan(&order)?;
            let entry = match planned {
                Plan::Append(entry) => *entry,
                Plan::Nothing if looked => return Ok(Carried::Nothing),
                // Nothing to do as far as this replica knows: that there is nothing is only said
                // after a look at the log.
                Plan::Nothing => {
                    self.fold(None).await?;
                    looked = true;
                    continue;
                }
            };
            let append = Append {
                by: self.me.clone(),
                expected: Expected::Head(head),
                entry: entry.clone(),
                idempotency: idempotency.clone(),
            };
            match self.log.append(append).await {
                Ok(head) => return self.appended(head, entry).await,
                Err(AppendError::Conflict) => self.fold(None).await?,
                Err(AppendError::Duplicate(entry)) => {
                    return Ok(Carried::Entry { entry, before: true });
                }
                Err(AppendError::KeyReused) => return Err(ControlError::KeyReused),
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ControlError::Contended)
    }

    async fn appended(
        self: &Arc<Self>,
        head: LogHead,
        entry: Entry,
    ) -> Result<Carried, ControlError> {
        let logged = LogEntry { revision: head.revision, hash: head.hash, entry };
        self.fold(Some(&logged)).await?;
        self.everywhere(logged.revision).await;
        Ok(Carried::Entry { entry: Box::new(logged), before: false })
    }

    /// Plans on the state as it is folded now, and answers the head that it was planned on.
    fn plan(&self, order: &Order) -> Result<(Plan, LogHead), Refusal> {
        let folded = self.folded.read().unwrap_or_else(PoisonError::into_inner);
        Ok((plan(&folded.state, order)?, folded.head))
    }

    /// What an idempotency key has ordered before, if anything.
    async fn answered(
        &self,
        idempotency: Option<&IdempotencyKey>,
    ) -> Result<Option<LogEntry>, ControlError> {
        let Some(key) = idempotency else { return Ok(None) };
        let Some(answered) = self.log.find_answered(key).await? else { return Ok(None) };
        if !answered.same_request {
            return Err(ControlError::KeyReused);
        }
        let Ok(command) = answered.made.parse() else { return Ok(None) };
        Ok(self.log.find(command).await?)
    }

    /// The receipt of a kill that returned here lately.
    #[must_use]
    pub fn recent_receipt(&self, kill: KillId) -> Option<Receipt> {
        self.receipts.get(kill)
    }
}

fn unknown(problem: &str) -> StoreError {
    StoreError::OutcomeUnknown(problem.to_owned())
}
