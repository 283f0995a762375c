//! Watching one intent: its events as a stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axme_core::id::IntentId;
use axme_core::time::Mono;
use axme_store::Ledger;
use axme_store::ledger::Event;
use tokio_util::sync::CancellationToken;

use super::delivery::{KEEPALIVE, TRY_AGAIN_AFTER};
use super::{Denied, IntentError, Intents};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::enforcer::{Enforcer, StreamGuard, StreamOwner, Topic};

/// What a watch yields.
#[derive(Clone, Debug)]
pub enum Watched {
    Event(Event),
    KeepAlive,
    /// The watch ends in good order; the next one asks for what comes after `since`.
    End {
        since: u64,
    },
}

/// A watch of one intent. It ends after what there was, at a terminal event, or when it has waited
/// as long as was asked for.
#[derive(Debug)]
pub struct Watch {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    guard: StreamGuard,
    intent: IntentId,
    since: u64,
    ends_at: Mono,
    ready: VecDeque<Event>,
    told: bool,
    over: bool,
}

impl Intents {
    /// Opens a watch on an intent that the caller may see. A stopped agent opens none.
    pub async fn watch(
        &self,
        caller: &Caller,
        id: IntentId,
        since: u64,
        wait: Duration,
        connection: CancellationToken,
    ) -> Result<Watch, IntentError> {
        self.visible(caller, id).await?;
        let agents = caller.agent().map(Arc::clone).into_iter().collect();
        let owner = StreamOwner { key: Arc::clone(&caller.key), agents, connection };
        let guard =
            Enforcer::open_stream(&self.enforcer, Topic::Intent(id), owner).map_err(|denial| {
                let denied = Denied::about(denial, caller.agent());
                self.note_denied(caller, caller.agent().map(|cell| &**cell), &denied);
                denied
            })?;
        Ok(Watch {
            ledger: Arc::clone(&self.ledger),
            clock: self.clock.clone(),
            guard,
            intent: id,
            since,
            ends_at: self.clock.mono().plus(wait),
            ready: VecDeque::new(),
            told: false,
            over: false,
        })
    }
}

impl Watch {
    /// The next thing to send; none once the watch is over.
    pub async fn next(&mut self) -> Option<Watched> {
        loop {
            if self.over || self.guard.ending().is_some() {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                self.since = event.seq;
                self.told = true;
                return Some(Watched::Event(event));
            }
            match self.ledger.events(self.intent, self.since).await {
                Ok(Some(events)) if !events.is_empty() => self.ready = events.into(),
                Ok(Some(_)) if !self.told => {
                    let left = self.ends_at.since(self.clock.mono());
                    if left.is_zero() {
                        return Some(self.end());
                    }
                    tokio::select! {
                        () = self.guard.woken() => {}
                        () = tokio::time::sleep(left.min(KEEPALIVE)) => {
                            if left > KEEPALIVE {
                                return Some(Watched::KeepAlive);
                            }
                        }
                    }
                }
                Ok(_) => return Some(self.end()),
                Err(_) if self.told || self.ends_at <= self.clock.mono() => {
                    return Some(self.end());
                }
                // Open and silent until the store is back.
                Err(error) => {
                    tracing::debug!(%error, intent = %self.intent, "watch paused");
                    tokio::select! {
                        () = self.guard.woken() => {}
                        () = tokio::time::sleep(TRY_AGAIN_AFTER) => {}
                    }
                }
            }
        }
    }

    /// Notes bytes that were handed to the connection.
    pub fn note_sent(&self, bytes: usize) {
        self.guard.note_sent(bytes);
    }

    fn end(&mut self) -> Watched {
        self.over = true;
        Watched::End { since: self.since }
    }
}
