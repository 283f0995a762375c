//! The one write path: plan, append, apply.
//!
//! An order is planned on the folded state, appended to the control log by compare and set, and
//! folded like every other entry. Kills do not queue behind other orders: they append whatever the
//! head is, because they commute with everything but a resume, and a resume names what it saw.

mod enforcement;
mod folding;
mod freshness;
mod kill;
mod mending;
mod receipt;
mod renewing;
mod roll;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex as StdMutex, PoisonError, RwLock};
use std::time::Duration;

use axme_core::chain::Hash;
use axme_core::change::{Change, Entry};
use axme_core::command::{LostHold, Order};
use axme_core::id::KillId;
use axme_core::lease::{Awaited, Silence};
use axme_core::plan::{Plan, plan};
use axme_core::refusal::Refusal;
use axme_core::replica::ReplicaEpoch;
use axme_core::time::{Mono, Timestamp};
use axme_store::control::{
    Append, Expected, IdempotencyKey, Loaded, LogEntry, LogHead, ReplicaProfile, Trouble,
};
use axme_store::{AppendError, ControlLog, StoreError};
use tokio::sync::{Mutex, Notify};
use tokio_util::task::TaskTracker;

pub use kill::{KillOutcome, Killed, Wait};
pub use receipt::{Receipt, ReplicaReceipt, ReplicaState};
pub use roll::{Roster, Standing};

use crate::clock::Clock;
use crate::enforcer::Enforcer;
use crate::holding::FollowsHolds;
use enforcement::Enforcement;
use folding::Known;
use freshness::Freshness;

/// How long an append may take before its caller is told that it is not confirmed.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(2);
/// How often an order is planned again when the log has moved, before its caller is told to retry.
const PLANS_MAX: usize = 16;
/// How long to wait before something that the store did not take is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// Why an order was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("idempotency key reused with different payload")]
    KeyReused,
    #[error("the control log changed too often meanwhile; nothing was done")]
    Contended,
    /// This replica cannot prove its view fresh, so that it neither admits nor orders anything.
    #[error("this replica cannot prove its view fresh; nothing was done")]
    Fenced,
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
    profile: ReplicaProfile,
    me: RwLock<ReplicaEpoch>,
    freshness: Freshness,
    folded: RwLock<Loaded>,
    /// Held while entries are applied, so that they are in order.
    folding: Mutex<()>,
    known: StdMutex<Known>,
    /// What is folded here is not what the log holds; it is to be read anew.
    diverged: AtomicBool,
    /// Why nothing is admitted here, beyond what the store itself says.
    problem: StdMutex<Option<Trouble>>,
    /// Holds that the log has lost and that are to be put back.
    lost: StdMutex<Vec<LostHold>>,
    /// Held by orders other than kills, so that they do not contend for the head among themselves.
    turn: Mutex<()>,
    enforcement: Enforcement,
    /// Woken when there is something to report before the next renewal is due.
    to_report: Notify,
    /// Woken when another replica may have reported.
    reported: Notify,
    silence: StdMutex<Silence>,
    /// Whether no other replica has been here longer, when they were last looked at.
    eldest: AtomicBool,
    receipts: receipt::Recent,
    followers: Vec<Arc<dyn FollowsHolds>>,
}

/// What the control needs to start.
#[derive(Debug)]
pub struct ControlParts {
    pub log: Arc<dyn ControlLog>,
    pub enforcer: Arc<Enforcer>,
    pub clock: Clock,
    pub tasks: TaskTracker,
    pub profile: ReplicaProfile,
    /// Who is told of stops and resumes.
    pub followers: Vec<Arc<dyn FollowsHolds>>,
}

impl Control {
    /// Joins the log with a new epoch, and folds it up to its head.
    pub async fn start(parts: ControlParts) -> Result<Arc<Self>, StoreError> {
        let ControlParts { log, enforcer, clock, tasks, profile, followers } = parts;
        // Read before it is registered: others wait for whoever is. What is written in between is
        // folded before the first renewal proves anything.
        let loaded = log.load().await?;
        enforcer.project_all(&loaded.state);
        let epoch = log.join(&profile, clock.wall()).await?;
        let shared = log.is_shared();
        let freshness = Freshness::new(Arc::clone(&enforcer), clock.clone(), profile.lease, shared);
        freshness.begin(loaded.head.revision);
        let me = ReplicaEpoch { replica_id: profile.replica_id.clone(), epoch };
        let control = Self {
            me: RwLock::new(me),
            freshness,
            enforcement: Enforcement::up_to(loaded.head.revision),
            known: StdMutex::new(Known::loaded(loaded.head)),
            folded: RwLock::new(loaded),
            folding: Mutex::new(()),
            diverged: AtomicBool::new(false),
            problem: StdMutex::default(),
            lost: StdMutex::default(),
            turn: Mutex::new(()),
            to_report: Notify::new(),
            reported: Notify::new(),
            silence: StdMutex::default(),
            eldest: AtomicBool::new(!shared),
            receipts: receipt::Recent::default(),
            log,
            enforcer,
            clock,
            tasks,
            profile,
            followers,
        };
        control.report().await?;
        Ok(Arc::new(control))
    }

    /// This life of this replica.
    #[must_use]
    pub fn me(&self) -> ReplicaEpoch {
        self.me.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn log(&self) -> &Arc<dyn ControlLog> {
        &self.log
    }

    /// Since when this replica's view is not known to be fresh; none while it is.
    #[must_use]
    pub fn stale_since(&self) -> Option<Timestamp> {
        self.freshness.stale_since()
    }

    /// Why this replica admits nothing, as far as it is known.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.clone().or_else(|| self.log.trouble())
    }

    /// Waits until this replica's view is proven fresh, for `patience` at most.
    pub async fn fresh_within(&self, patience: Duration) -> Result<(), ControlError> {
        if self.freshness.wait(patience).await { Ok(()) } else { Err(ControlError::Fenced) }
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
        let (carried, acknowledged_at) = deadline.map_err(late)?.map_err(failed)??;
        if let Carried::Entry { entry, before: false } = &carried {
            self.everywhere(entry, acknowledged_at).await?;
        }
        Ok(carried)
    }

    /// Answers what was done, and when its commit was acknowledged.
    async fn plan_and_append(
        self: Arc<Self>,
        order: Order,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<(Carried, Mono), ControlError> {
        let _turn = self.turn.lock().await;
        let mut looked = false;
        for _ in 0..PLANS_MAX {
            let (planned, head) = self.plan(&order)?;
            let entry = match planned {
                Plan::Append(entry) => *entry,
                Plan::Nothing if looked => return Ok((Carried::Nothing, self.clock.mono())),
                // Nothing to do as far as this replica knows: that there is nothing is only said
                // after a look at the log.
                Plan::Nothing => {
                    self.fold(None).await?;
                    looked = true;
                    continue;
                }
            };
            let append = Append {
                by: self.me(),
                expected: Expected::Head(head),
                entry: entry.clone(),
                idempotency: idempotency.clone(),
            };
            match self.log.append(append).await {
                Ok(head) => {
                    let acknowledged_at = self.clock.mono();
                    let entry = Box::new(logged(head, entry));
                    self.fold_own(&entry).await;
                    return Ok((Carried::Entry { entry, before: false }, acknowledged_at));
                }
                Err(AppendError::Conflict) => {
                    self.fold(None).await?;
                    if self.head() == head {
                        // The log has another head, and nothing that comes after this one.
                        self.suspect();
                        return Err(ControlError::Fenced);
                    }
                }
                Err(AppendError::Duplicate(entry)) => {
                    return Ok((Carried::Entry { entry, before: true }, self.clock.mono()));
                }
                Err(AppendError::KeyReused) => return Err(ControlError::KeyReused),
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ControlError::Contended)
    }

    /// Folds an entry that is in the log: until it is, this replica would answer by the old state.
    async fn fold_own(self: &Arc<Self>, logged: &LogEntry) {
        while let Err(error) = self.fold(Some(logged)).await {
            tracing::error!(%error, revision = %logged.revision, "logged, and not folded yet");
            tokio::time::sleep(RETRY_AFTER).await;
        }
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

    /// The receipt of a kill that was ordered here lately, as far as it has come.
    #[must_use]
    pub fn recent_receipt(&self, kill: KillId) -> Option<Receipt> {
        self.receipts.get(kill)
    }
}

impl Control {
    /// Says once what is wrong, in the log and to whoever asks.
    fn tell_problem(&self, trouble: Trouble) {
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if problem.as_ref() != Some(&trouble) {
            let Trouble { code, message } = &trouble;
            tracing::error!(code, "admitting nothing: {message}");
            *problem = Some(trouble);
        }
    }

    fn problem_is_over(&self, code: &str) {
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if problem.take_if(|problem| problem.code == code).is_some() {
            tracing::warn!(code, "this is over");
        }
    }
}

/// What the others have to say to an entry before its caller is answered; none when nobody needs
/// to be waited for.
fn awaited(entry: &Entry) -> Option<Awaited> {
    let of_change = |change: &Change| match change {
        // Nobody may act by what they take away, not even a replica that is cut off.
        Change::HoldAdded { .. }
        | Change::KeyRevoked { .. }
        | Change::AccountDeleted { .. }
        | Change::SessionEnded { .. } => Some(Awaited::Enforced),
        Change::HoldsLifted { .. } => None,
        Change::OrganizationPut { .. }
        | Change::WorkspacePut { .. }
        | Change::AddressRegistered { .. }
        | Change::AccountPut { .. }
        | Change::KeyPut { .. }
        | Change::PolicyPut { .. }
        // Whoever was told of them goes to any replica next.
        | Change::DashboardTokenIssued { .. }
        | Change::SessionOpened { .. } => Some(Awaited::Applied),
    };
    let all = || entry.changes.iter().filter_map(of_change);
    all().find(|awaited| *awaited == Awaited::Enforced).or_else(|| all().next())
}

fn logged(head: LogHead, entry: Entry) -> LogEntry {
    // The bytes that were hashed are those that are encoded here: encoding has no choices.
    let body_hash = entry.encode().map(|body| Hash::of_body(&body)).unwrap_or_default();
    LogEntry { revision: head.revision, hash: head.hash, body_hash, entry }
}

fn unknown(problem: &str) -> StoreError {
    StoreError::OutcomeUnknown(problem.to_owned())
}
