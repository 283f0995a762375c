//! Hints between replicas, by `NOTIFY` and `LISTEN`.
//!
//! A hint is told after the commit that it speaks of, in a statement and on a session of its own:
//! within the commit it would make all of them wait for each other. Any of them may be lost.

mod listen;
mod payload;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hint::{HINTS_WAITING_MAX, Hint};
use crate::postgres::columns::Columns as _;
use crate::postgres::connect::{Connector, Purpose};
use crate::postgres::failure::Failure;
use crate::postgres::slot::Slot;

/// Hints that wait to be told; more are told as [`Hint::Everything`].
const UNTOLD_MAX: usize = 1_024;
/// How long hints about queues and intents gather between two notifications.
const BULK_GATHERS_FOR: Duration = Duration::from_millis(5);
/// A notification that takes longer is given up.
const TELL_WITHIN: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Hints {
    told: broadcast::Sender<Hint>,
    on: bool,
    /// About the control log and replicas: told at once.
    control: Outbox,
    /// About queues, intents and instances: gathered.
    bulk: Outbox,
    slot: Slot,
    channel: String,
    /// The server's process of the session that tells, which need not be listened to.
    own: AtomicI32,
}

#[derive(Debug, Default)]
struct Outbox {
    untold: Mutex<HashSet<Hint>>,
    any: Notify,
}

impl Hints {
    pub(super) fn new(connector: &Arc<Connector>) -> Self {
        Self {
            told: broadcast::Sender::new(HINTS_WAITING_MAX),
            on: connector.options.hints,
            control: Outbox::default(),
            bulk: Outbox::default(),
            slot: Slot::new(connector, Purpose::Tell),
            channel: format!("axme_{}", connector.options.schema),
            own: AtomicI32::new(0),
        }
    }

    /// What others tell.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.told.subscribe()
    }

    /// Tells the others, soon.
    pub(super) fn say(&self, hint: Hint) {
        if !self.on {
            return;
        }
        let outbox = match hint {
            Hint::Log | Hint::Reported | Hint::Everything => &self.control,
            Hint::Queue(..) | Hint::Intent(_) | Hint::Kill(_) => &self.bulk,
        };
        let mut untold = outbox.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if untold.contains(&Hint::Everything) {
            return;
        }
        if untold.len() >= UNTOLD_MAX {
            untold.clear();
            untold.insert(Hint::Everything);
        } else {
            untold.insert(hint);
        }
        drop(untold);
        outbox.any.notify_one();
    }

    /// Begins telling and listening, until `closing` comes.
    pub(super) fn begin(
        self: &Arc<Self>,
        connector: &Arc<Connector>,
        tasks: &TaskTracker,
        closing: &CancellationToken,
    ) {
        if !self.on {
            return;
        }
        for (is_bulk, gathers_for) in [(false, Duration::ZERO), (true, BULK_GATHERS_FOR)] {
            let (hints, closing) = (Arc::clone(self), closing.clone());
            tasks.spawn(async move {
                let outbox = if is_bulk { &hints.bulk } else { &hints.control };
                let telling = hints.tell(outbox, gathers_for);
                tokio::select! {
                    () = telling => {}
                    () = closing.cancelled() => {}
                }
                hints.slot.empty().await;
            });
        }
        let (hints, connector, closing) =
            (Arc::clone(self), Arc::clone(connector), closing.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = listen::listen(&hints, &connector) => {}
                () = closing.cancelled() => {}
            }
        });
    }

    async fn tell(&self, outbox: &Outbox, gathers_for: Duration) {
        let broken = AtomicBool::new(false);
        loop {
            outbox.any.notified().await;
            let untold = {
                let mut untold = outbox.untold.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *untold)
            };
            let mut untold: Vec<Hint> = untold.into_iter().collect();
            // What was not told for a while may be anything.
            if broken.swap(false, Ordering::AcqRel) {
                untold = vec![Hint::Everything];
            }
            for payload in payload::write(&untold) {
                if let Err(failure) = self.notify(&payload).await {
                    tracing::debug!(?failure, "a hint was lost");
                    broken.store(true, Ordering::Release);
                    break;
                }
            }
            tokio::time::sleep(gathers_for).await;
        }
    }

    async fn notify(&self, payload: &str) -> Result<(), Failure> {
        let session = self.slot.session().await?;
        let sql = "SELECT pg_backend_pid()::bigint, pg_notify($1, $2)";
        let told: super::session::Parameters<'_> = &[&self.channel, &payload];
        let telling = session.read_one(sql, told);
        let row = match tokio::time::timeout(TELL_WITHIN, telling).await {
            Ok(row) => row?,
            Err(_late) => {
                session.cut();
                return Ok(());
            }
        };
        if let Some(row) = row {
            let process = i32::try_from(row.number(0)?).unwrap_or(0);
            self.own.store(process, Ordering::Release);
        }
        Ok(())
    }

    /// Gives what was heard to whoever waits here.
    fn hear(&self, process: i32, payload: &str) {
        if process != self.own.load(Ordering::Acquire) {
            for hint in payload::read(payload) {
                // Nobody may be waiting.
                drop(self.told.send(hint));
            }
        }
    }

    fn hear_everything(&self) {
        drop(self.told.send(Hint::Everything));
    }
}
