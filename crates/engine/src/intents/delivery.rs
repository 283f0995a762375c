//! Delivery: handing queued intents to their receivers over streams.
//!
//! A stream reads the queue when it is woken, never on a timer. Each handover is recorded first,
//! under a permit, and checked again directly before its frame leaves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axme_core::decide::{Action, Denial, End};
use axme_core::id::IntentId;
use axme_core::intent::Status;
use axme_core::time::{Mono, Timestamp};
use axme_store::Ledger;
use axme_store::ledger::{HandedOver, Handing, Intent, QueueQuery};
use tokio_util::sync::CancellationToken;

use super::{Denied, IntentError, Intents};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::enforcer::{Cell, Enforcer, StreamGuard, StreamOwner, Topic};

/// Intents that are read and recorded together.
const BATCH_INTENTS_MAX: usize = 64;
/// An intent that was handed over this lately was so to another open stream of the same agent: to
/// send it here too is no new attempt.
const SAME_ATTEMPT: Duration = Duration::from_secs(30);
/// How long a stream waits that may hand over nothing, unless it is woken.
pub(super) const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// How long a quiet stream goes without a sign of life.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(10);

/// What a stream yields.
#[derive(Clone, Debug)]
pub enum Delivery {
    Intent(Box<Intent>),
    KeepAlive,
    /// The stream ends in good order; the next one asks for what comes after `since`.
    End {
        since: u64,
    },
}

/// What a caller asks of a delivery stream.
#[derive(Clone, Debug)]
pub struct DeliveryRequest {
    /// Cursor after which to begin.
    pub since: u64,
    pub wait: Duration,
    /// Only these; every status that has not ended when empty.
    pub statuses: Vec<Status>,
    /// Cancelled to cut the connection under the stream.
    pub connection: CancellationToken,
}

/// The open delivery stream of one agent.
#[derive(Debug)]
pub struct DeliveryStream {
    enforcer: Arc<Enforcer>,
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    guard: StreamGuard,
    receiver: Arc<Cell>,
    since: u64,
    statuses: Vec<Status>,
    ends_at: Mono,
    ready: VecDeque<Intent>,
    delivered: bool,
    /// When the stream was opened or last showed a sign of life.
    quiet_since: Mono,
    phase: Phase,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Everything there was has been sent: only the end is to be said.
    Ending,
    Over,
}

/// What the queue had.
enum Filled {
    /// Something was there; what of it may be sent is ready.
    Some,
    Nothing,
    /// This replica may not hand over anything at the moment. Nothing is passed over.
    NotNow,
}

/// What came of handovers.
struct Recorded {
    handed: Vec<Intent>,
    /// The first that was not handed over and waits for no resume.
    left_out: Option<Intent>,
    /// Whether a resume has given some of them new places meanwhile.
    any_moved: bool,
}

/// Why a stream stopped waiting.
enum Waited {
    Woken,
    /// Long enough to show that it is still there.
    Quiet,
    /// As long as was asked for.
    Long,
}

impl Intents {
    /// Opens the delivery stream of `receiver`: its own, or for a key that covers its workspace.
    pub fn deliver(
        &self,
        caller: &Caller,
        receiver: &Arc<Cell>,
        request: DeliveryRequest,
    ) -> Result<DeliveryStream, IntentError> {
        let owner = StreamOwner {
            key: Arc::clone(&caller.key),
            agents: vec![Arc::clone(receiver)],
            connection: request.connection,
        };
        let guard =
            self.enforcer.open_stream(Topic::Queue(receiver.key()), owner).map_err(|denial| {
                let denied = Denied::about(denial, Some(receiver));
                self.note_denied(caller, caller.agent().map(|cell| &**cell), &denied);
                denied
            })?;
        if caller.is_agent() {
            receiver.touch(self.clock.wall());
        }
        Ok(DeliveryStream {
            enforcer: Arc::clone(&self.enforcer),
            ledger: Arc::clone(&self.ledger),
            clock: self.clock.clone(),
            guard,
            receiver: Arc::clone(receiver),
            since: request.since,
            statuses: request.statuses,
            ends_at: self.clock.mono().plus(request.wait),
            ready: VecDeque::new(),
            delivered: false,
            quiet_since: self.clock.mono(),
            phase: Phase::Open,
        })
    }
}

impl DeliveryStream {
    /// The next thing to send; none once the stream is over. A stopped agent's stream is over at
    /// once, with nothing more said.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            if self.guard.ending().is_some() {
                self.phase = Phase::Over;
            }
            match self.phase {
                Phase::Open => {}
                Phase::Ending => {
                    self.phase = Phase::Over;
                    return Some(Delivery::End { since: self.since });
                }
                Phase::Over => return None,
            }
            if let Some(intent) = self.ready.pop_front() {
                match self.last_check(intent).await {
                    Some(intent) => return Some(Delivery::Intent(intent)),
                    None => continue,
                }
            }
            let filled = self.fill().await.unwrap_or_else(|error| {
                tracing::debug!(%error, receiver = %self.receiver.address, "delivery paused");
                Filled::NotNow
            });
            let patience = match filled {
                Filled::Some => continue,
                // Ending right after what there was gives every client low latency: some read the
                // whole answer before they look into it.
                Filled::Nothing | Filled::NotNow if self.delivered => {
                    self.phase = Phase::Ending;
                    continue;
                }
                Filled::Nothing => KEEPALIVE,
                Filled::NotNow => TRY_AGAIN_AFTER,
            };
            match self.wait(patience).await {
                Waited::Woken => {}
                Waited::Quiet => return Some(Delivery::KeepAlive),
                Waited::Long => self.phase = Phase::Ending,
            }
        }
    }

    /// Notes bytes that were handed to the connection.
    pub fn note_sent(&self, bytes: usize) {
        self.guard.note_sent(bytes);
    }

    /// Reads the queue and records handovers.
    async fn fill(&mut self) -> Result<Filled, axme_store::WriteError> {
        let query = QueueQuery {
            workspace_id: self.receiver.workspace_id,
            receiver: self.receiver.address.clone(),
            since: self.since,
            statuses: self.statuses.clone(),
            rows_max: BATCH_INTENTS_MAX,
        };
        let queued = self.ledger.queue(query).await?;
        let Some(last) = queued.last() else { return Ok(Filled::Nothing) };
        let since = last.cursor;
        let now = self.clock.wall();
        let mut again = Vec::new();
        let mut handings = Vec::with_capacity(queued.len());
        let mut asked_for = Vec::with_capacity(queued.len());
        let mut blocked = false;
        for intent in queued {
            let sender = self.sender_of(&intent);
            let asked =
                self.enforcer.permit(self.guard.key(), Action::Deliver, &sender, &self.receiver);
            let permit = match asked {
                Ok(permit) => permit,
                // It keeps its place, and nothing behind it goes first.
                Err(denial) if self.must_wait_for(&intent, denial) => {
                    blocked = true;
                    break;
                }
                // Held: it gets a new cursor when its sender is resumed.
                Err(_held) => continue,
            };
            if intent.delivery_attempt > 0 && now.since(intent.updated_at) < SAME_ATTEMPT {
                again.push(intent);
            } else {
                handings.push(Handing { intent_id: intent.intent_id, gate: permit.into_gate() });
                asked_for.push(intent);
            }
        }
        let Recorded { handed, left_out, any_moved } =
            self.record(handings, asked_for, now).await?;
        let mut ready = again;
        ready.extend(handed);
        ready.sort_unstable_by_key(|intent| intent.cursor);
        if let Some(first) = &left_out {
            ready.retain(|intent| intent.cursor < first.cursor);
        }
        self.ready = ready.into();
        if !self.ready.is_empty() {
            return Ok(Filled::Some);
        }
        if blocked || left_out.is_some() {
            return Ok(Filled::NotNow);
        }
        if !any_moved {
            self.since = since;
        }
        Ok(Filled::Some)
    }

    /// Records the handover of what was read as `asked_for`.
    async fn record(
        &self,
        handings: Vec<Handing>,
        mut asked_for: Vec<Intent>,
        now: Timestamp,
    ) -> Result<Recorded, axme_store::WriteError> {
        let outcomes = match handings.is_empty() {
            true => Vec::new(),
            false => self.ledger.hand_over(handings, now).await?,
        };
        let (mut handed, mut moved) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            let id = outcome.intent().intent_id;
            let read_at = asked_for.iter().find(|intent| intent.intent_id == id);
            let read_at = read_at.map(|intent| intent.cursor);
            asked_for.retain(|intent| intent.intent_id != id);
            match outcome {
                HandedOver::Deliver(intent) if read_at != Some(intent.cursor) => moved.push(id),
                HandedOver::Deliver(intent) => handed.push(intent),
                HandedOver::Exhausted(intent) => {
                    self.enforcer.wake(&Topic::Intent(intent.intent_id));
                }
            }
        }
        let any_moved = !moved.is_empty();
        self.take_back(moved).await;
        let left_out = asked_for.into_iter().find(|intent| !self.is_held(intent));
        Ok(Recorded { handed, left_out, any_moved })
    }

    /// Takes back intents that a resume gave new places between their reading and their handover.
    /// Others of their sender may stand before them there: they are read again, in order.
    async fn take_back(&self, moved: Vec<IntentId>) {
        if moved.is_empty() {
            return;
        }
        if let Err(error) = self.ledger.take_back(moved).await {
            // They come again as what they are: handed over, and not sent.
            tracing::warn!(%error, "could not take back what was requeued meanwhile");
        }
    }

    /// Whether an intent that was not handed over waits for a resume, which gives it a new place.
    /// One that was refused for another reason keeps its place, and nothing behind it goes first.
    fn is_held(&self, intent: &Intent) -> bool {
        let sender = self.sender_of(intent);
        let asked =
            self.enforcer.permit(self.guard.key(), Action::Deliver, &sender, &self.receiver);
        asked.is_err_and(|denial| !self.must_wait_for(intent, denial))
    }

    /// Whether an intent is denied only because this replica does not know enough: it cannot prove
    /// its view fresh, or the intent was admitted by a newer one, such as after a resume that is
    /// not applied here yet.
    fn must_wait_for(&self, intent: &Intent, denial: Denial) -> bool {
        denial.end == End::Gateway || intent.admitted_at_revision > self.enforcer.applied()
    }

    /// Asks once more, directly before the frame leaves.
    async fn last_check(&mut self, intent: Intent) -> Option<Box<Intent>> {
        let sender = self.sender_of(&intent);
        let key = self.guard.key();
        match self.enforcer.permit(key, Action::Deliver, &sender, &self.receiver) {
            Ok(_permit) => {
                self.since = intent.cursor;
                self.delivered = true;
                Some(Box::new(intent))
            }
            Err(denial) => {
                // The sender was stopped in between: its resume requeues what was not sent. When
                // it is the receiver the stream ends, and the next one begins before this intent.
                if denial.end == End::Sender
                    && let Err(error) = self.ledger.take_back(vec![intent.intent_id]).await
                {
                    tracing::warn!(%error, intent = %intent.intent_id, "could not take back");
                }
                if denial.end == End::Gateway {
                    // It keeps its place: nothing behind it goes first.
                    self.ready.clear();
                }
                None
            }
        }
    }

    /// Waits until there may be something, for `patience` at most.
    async fn wait(&mut self, patience: Duration) -> Waited {
        let now = self.clock.mono();
        let left = self.ends_at.since(now);
        if left.is_zero() {
            return Waited::Long;
        }
        let until_quiet = KEEPALIVE.saturating_sub(now.since(self.quiet_since));
        if until_quiet.is_zero() {
            self.quiet_since = now;
            return Waited::Quiet;
        }
        // Whoever wakes by the clock looks again, too: a look costs less than one that is missed.
        tokio::select! {
            () = self.guard.woken() => {}
            () = tokio::time::sleep(left.min(until_quiet).min(patience)) => {}
        }
        Waited::Woken
    }

    fn sender_of(&self, intent: &Intent) -> Arc<Cell> {
        // An intent that is stored had a sender with a cell, or the bound on strangers is reached
        // after a restart; then only the receiver's state can be asked about.
        let sender = self.enforcer.cell_or_stranger(intent.workspace_id, &intent.from);
        sender.unwrap_or_else(|_full| Arc::clone(&self.receiver))
    }
}
