//! The enforcer: what every request asks before anything happens.
//!
//! In memory, no lock, no await, no I/O on the way of a request. A [`Cell`] per agent is the
//! projection of the control state; [`project`] keeps it so. Work registers in the cell's word and
//! is checked then; a kill swaps the word and waits until it has drained.

mod cell;
mod orders;
mod permit;
mod policies;
mod project;
mod requests;
mod scan;
mod streams;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axme_core::address::Address;
use axme_core::decide::{Action, Denial, Ends, Reason, Standing, decide};
use axme_core::hold::RunState;
use axme_core::id::{Revision, WorkspaceId};
use axme_core::key::KeyDigest;
use axme_core::time::Mono;
use tokio::sync::Notify;

pub use cell::{Cell, Counts, KeyCell};
pub use orders::{Progress, StopReport};
pub use permit::{Permit, SendPermit};
pub use requests::RequestSlot;
pub use streams::{Ending, StreamGuard, StreamOwner, Topic};

use crate::clock::Clock;
use orders::Orders;
use policies::AllTerms;
use streams::Streams;

/// Addresses that nobody has registered and that lenient addressing remembers all the same.
pub const STRANGERS_MAX: usize = 100_000;

/// How agents are found: an address means something within its workspace.
pub type CellKey = (WorkspaceId, Address);

/// See the module.
#[derive(Debug)]
pub struct Enforcer {
    clock: Clock,
    cells: papaya::HashMap<CellKey, Arc<Cell>>,
    keys: papaya::HashMap<KeyDigest, Arc<KeyCell>>,
    /// What workspaces impose on agents that have no cell yet.
    imposed: papaya::HashMap<WorkspaceId, RunState>,
    terms: AllTerms,
    strangers: AtomicU64,
    /// The revision up to which the cells are the projection of the log.
    applied: AtomicU64,
    /// Until when this replica's view is proven fresh, in nanoseconds of [`Mono`].
    fresh_until: AtomicU64,
    /// Whether the store has room for bulk data.
    room: AtomicBool,
    streams: Streams,
    orders: Mutex<Orders>,
    /// Woken when a stopped agent's work in flight may have come to zero.
    drained: Notify,
}

impl Enforcer {
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            cells: whole_map(),
            keys: whole_map(),
            imposed: papaya::HashMap::new(),
            terms: papaya::HashMap::new(),
            strangers: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            fresh_until: AtomicU64::new(0),
            room: AtomicBool::new(true),
            streams: Streams::default(),
            orders: Mutex::default(),
            drained: Notify::new(),
        })
    }

    /// The agent of an address, if it is known.
    #[must_use]
    pub fn cell(&self, workspace: WorkspaceId, address: &Address) -> Option<Arc<Cell>> {
        self.cells.pin().get(&(workspace, address.clone())).map(Arc::clone)
    }

    /// The agent of an address that may be unknown: with lenient addressing it gets a cell, so
    /// that a later kill finds its work.
    pub fn cell_or_stranger(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<Arc<Cell>, Denial> {
        if let Some(cell) = self.cell(workspace, address) {
            return Ok(cell);
        }
        if self.strangers.fetch_add(1, Ordering::Relaxed) >= STRANGERS_MAX as u64 {
            self.strangers.fetch_sub(1, Ordering::Relaxed);
            return Err(Denial::of_gateway(Reason::AgentBusy));
        }
        let cell = self.ensure(workspace, address, || self.imposed_on(workspace));
        // Read again: a hold on the workspace that came in between has not seen this cell.
        let imposed = self.imposed_on(workspace);
        if imposed > cell.run_state() {
            cell.word.set(imposed);
        }
        Ok(cell)
    }

    fn imposed_on(&self, workspace: WorkspaceId) -> RunState {
        self.imposed.pin().get(&workspace).copied().unwrap_or_default()
    }

    /// Calls `visit` for every agent of every workspace.
    pub fn each_cell(&self, visit: impl FnMut(&Arc<Cell>)) {
        self.cells.pin().values().for_each(visit);
    }

    /// The key that a caller presents, whatever has become of it.
    #[must_use]
    pub fn key(&self, digest: &KeyDigest) -> Option<Arc<KeyCell>> {
        self.keys.pin().get(digest).map(Arc::clone)
    }

    /// Calls `visit` for every key.
    pub fn each_key(&self, visit: impl FnMut(&Arc<KeyCell>)) {
        self.keys.pin().values().for_each(visit);
    }

    /// The revision up to which this replica decides.
    #[must_use]
    pub fn applied(&self) -> Revision {
        Revision(self.applied.load(Ordering::SeqCst))
    }

    /// Proves the view fresh until a moment; `Mono::default()` fences.
    pub fn set_fresh_until(&self, moment: Mono) {
        self.fresh_until.store(moment.as_nanos(), Ordering::SeqCst);
    }

    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let until = Mono::from_nanos(self.fresh_until.load(Ordering::SeqCst));
        // Reading the clock is a good part of a decision; a view that stays fresh needs none.
        until == Mono::FOREVER || self.clock.mono() < until
    }

    /// Tells whether the store has room for bulk data. Kills and revocations go on without.
    pub fn set_room(&self, room: bool) {
        self.room.store(room, Ordering::SeqCst);
    }

    /// Decides an action of one agent alone, without registering work: reads, facts, beats.
    pub fn decide_alone(
        &self,
        key: &KeyCell,
        action: Action,
        agent: Option<&Cell>,
    ) -> Result<axme_core::decide::Admission, Denial> {
        let state = agent.map(|cell| cell.run_state()).unwrap_or_default();
        decide(self.standing(key), action, Ends { sender: state, receiver: state })
    }

    fn standing(&self, key: &KeyCell) -> Standing {
        Standing {
            fresh: self.is_fresh(),
            room: self.room.load(Ordering::SeqCst),
            key_valid: key.works_by(&self.clock),
        }
    }

    /// Asks again about a sender before its request is looked into, as if the receiver was active.
    pub fn decide_sender(&self, key: &KeyCell, sender: &Cell) -> Result<(), Denial> {
        let ends = Ends { sender: sender.run_state(), receiver: RunState::Active };
        decide(self.standing(key), Action::Send, ends).map(|_| ())
    }

    /// Opens a stream, unless the agents that it is for or by are stopped. It ends when they are.
    pub fn open_stream(
        self: &Arc<Self>,
        topic: Topic,
        owner: StreamOwner,
    ) -> Result<StreamGuard, Denial> {
        // Registered first and checked then, as work is: a kill either finds the stream or the
        // stream finds the kill.
        let guard = self.streams.open(Arc::clone(self), topic, owner);
        guard.check_open()?;
        Ok(guard)
    }

    /// Wakes the streams that wait for something new about `topic`.
    pub fn wake(&self, topic: &Topic) {
        self.streams.wake(topic);
    }

    /// Wakes every stream: anything may be new.
    pub fn wake_all(&self) {
        self.streams.wake_all();
    }

    /// What the open streams wait for.
    #[must_use]
    pub fn topics(&self) -> Vec<Topic> {
        self.streams.topics()
    }

    /// Ends every stream, for a shutdown.
    pub fn end_streams(&self) {
        self.streams.end_all(Ending::Shutdown);
    }

    /// How many streams are open on an agent's queue or by its keys.
    #[must_use]
    pub fn open_streams(&self, workspace: WorkspaceId, address: &Address) -> usize {
        self.streams.count_of(&(workspace, address.clone()))
    }
}

/// A map that is never left half way between two tables. With papaya's default, lookups that come
/// after a growth without further writes search both: 1 µs instead of 45 ns at a million agents.
fn whole_map<K: std::hash::Hash + Eq, V>() -> papaya::HashMap<K, V> {
    papaya::HashMap::builder().resize_mode(papaya::ResizeMode::Blocking).build()
}
