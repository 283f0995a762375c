//! The control stream of one instance: its agent's run state at once, and then each change.
//!
//! It stays open while the agent is stopped, since it carries the stop. It ends with its key, with
//! its connection, and when the gateway shuts down.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axme_core::change::Change;
use axme_core::decide::{Action, Denial, Reason};
use axme_core::hold::RunState;
use axme_core::id::{AddressId, Revision};
use axme_core::state::State;
use axme_store::StoreError;
use axme_store::control::LogEntry;
use tokio_util::sync::CancellationToken;

use super::known::{After, Known};
use super::{Heard, Instances, Message, RunStateChange, RunStateNow, TooMany};
use crate::caller::Caller;
use crate::control::Control;
use crate::enforcer::{Cell, Ending, StreamGuard, StreamOwner, Topic};

/// How often a quiet stream says that it lives.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Changes that a stream which comes back is told; of more it is told the last.
const CHANGES_TOLD_MAX: usize = 100;

/// What a stream yields.
#[derive(Clone, Debug)]
pub enum Told {
    Changed(Arc<RunStateChange>),
    /// The run state as it is.
    State(RunStateNow),
    KeepAlive,
    /// It ends in good order; the next one asks for what comes after `since`.
    End {
        since: Revision,
    },
}

/// Why a stream was not opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotOpened {
    #[error("the key is not an agent's")]
    NoAgentBound,
    #[error(transparent)]
    Denied(#[from] Denial),
    #[error("there are too many instances")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A wish for a stream.
#[derive(Debug)]
pub struct Opening {
    pub message: Message,
    /// The revision up to which the instance knows of changes.
    pub since: Option<Revision>,
    /// Cancelled to cut the connection under the stream.
    pub connection: CancellationToken,
}

/// See the module.
#[derive(Debug)]
pub struct ControlStream {
    instances: Arc<Instances>,
    control: Arc<Control>,
    guard: StreamGuard,
    known: Arc<Known>,
    heard: Arc<Heard>,
    since: Revision,
    ready: VecDeque<Told>,
    over: bool,
}

impl Instances {
    /// Opens the control stream of an instance of the caller's agent.
    pub async fn open_stream(
        self: &Arc<Self>,
        control: &Arc<Control>,
        caller: &Caller,
        opening: Opening,
    ) -> Result<ControlStream, NotOpened> {
        let agent = caller.agent().ok_or(NotOpened::NoAgentBound)?;
        let address_id = agent.address_id().ok_or(NotOpened::NoAgentBound)?;
        self.enforcer.decide_alone(&caller.key, Action::Heartbeat, Some(agent))?;
        if !self.enforcer.is_fresh() {
            return Err(Denial::of_gateway(Reason::GatewayFenced).into());
        }
        agent.touch(opening.message.at);
        let heard = self.hear(address_id, opening.message).map_err(|TooMany| NotOpened::TooMany)?;
        let owner = StreamOwner {
            key: Arc::clone(&caller.key),
            // It is not ended by a stop: it is what tells of it.
            agents: Vec::new(),
            connection: opening.connection,
        };
        let guard = self.enforcer.open_stream(Topic::Control(agent.key()), owner)?;
        let known = self.known(address_id);
        let mut stream = ControlStream {
            instances: Arc::clone(self),
            control: Arc::clone(control),
            guard,
            known,
            heard,
            since: Revision::default(),
            ready: VecDeque::new(),
            over: false,
        };
        stream.count(true);
        stream.begin(agent, address_id, opening.since).await?;
        Ok(stream)
    }
}

impl ControlStream {
    /// The next thing to send; none once the stream is over.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if self.over {
                return None;
            }
            if let Some(told) = self.ready.pop_front() {
                return Some(told);
            }
            match self.guard.ending() {
                None => {}
                Some(Ending::Shutdown) => {
                    self.over = true;
                    return Some(Told::End { since: self.since });
                }
                Some(Ending::KeyRevoked | Ending::Stopped) => return None,
            }
            self.read_changes();
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                () = self.guard.woken() => {}
                () = tokio::time::sleep(KEEPALIVE) => return Some(Told::KeepAlive),
            }
        }
    }

    /// Notes bytes that were handed to the connection.
    pub fn note_sent(&self, bytes: usize) {
        self.guard.note_sent(bytes);
    }

    /// Begins with what the instance has missed, and the state as it is.
    async fn begin(
        &mut self,
        agent: &Cell,
        address_id: AddressId,
        since: Option<Revision>,
    ) -> Result<(), StoreError> {
        if let Some(since) = since {
            match self.known.changes_after(since) {
                After::These(changes) => self.ready.extend(changes.into_iter().map(Told::Changed)),
                After::Forgotten => self.read_missed(address_id, since).await?,
            }
        }
        tracing::debug!(agent = %agent.address, instance = %self.heard.name.text(), "control stream");
        self.tell_state();
        Ok(())
    }

    /// Reads from the log what the instance has missed.
    async fn read_missed(
        &mut self,
        address_id: AddressId,
        since: Revision,
    ) -> Result<(), StoreError> {
        let missed = self.control.log().stops_and_resumes(since, Some(address_id)).await?;
        let first = missed.len().saturating_sub(CHANGES_TOLD_MAX);
        let told = missed.iter().skip(first).filter_map(change_of);
        self.ready.extend(told.map(|change| Told::Changed(Arc::new(change))));
        Ok(())
    }

    fn tell_state(&mut self) {
        let address_id = self.heard.address_id;
        if let Some(now) = self.control.read(|state| RunStateNow::of(state, address_id)) {
            self.since = now.revision;
            self.ready.push_back(Told::State(now));
        }
    }

    fn read_changes(&mut self) {
        match self.known.changes_after(self.since) {
            After::These(changes) => {
                if let Some(last) = changes.last() {
                    self.since = last.now.revision;
                }
                self.ready.extend(changes.into_iter().map(Told::Changed));
            }
            After::Forgotten => self.tell_state_anew(),
        }
    }

    /// The log was replaced, or went on too far: once for each revision.
    fn tell_state_anew(&mut self) {
        let told = self.since;
        if self.control.read(State::revision) != told {
            self.tell_state();
        }
    }

    fn count(&self, opened: bool) {
        if self.heard.count_stream(opened) {
            self.instances.lock_unsaved().push(Arc::clone(&self.heard));
        }
    }
}

impl Drop for ControlStream {
    fn drop(&mut self) {
        self.count(false);
    }
}

/// A change as its entry tells it.
fn change_of(logged: &LogEntry) -> Option<RunStateChange> {
    let entry = &logged.entry;
    let word = entry.after.as_ref()?.get("run_state")?.as_str()?;
    let run_state = RunState::ALL.into_iter().find(|state| state.as_str() == word)?;
    let hold = entry.changes.iter().find_map(Change::added_hold).map(|(_, hold)| {
        let mut hold = hold.clone();
        hold.revision = logged.revision;
        hold
    });
    let added = hold.is_some();
    let now = RunStateNow { run_state, revision: logged.revision, hold };
    Some(RunStateChange::new(now, entry.at, added))
}
