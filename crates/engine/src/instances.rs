//! The running copies of agents: what they say of themselves, and what they are told.
//!
//! What is heard here is kept here until the store has it; the store puts the words of all
//! replicas together. A stop is told to every open control stream, and freezes what its agent's
//! instances have said last.

mod control_stream;
mod heard;
mod kills;
mod known;
mod run_state;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axme_core::id::{AddressId, KillId};
use axme_core::state::State;
use axme_core::time::Timestamp;
use axme_store::instances::{INSTANCES_MAX, Said};
use axme_store::{Ledger, WriteError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use control_stream::{ControlStream, NotOpened, Opening, Told};
pub use heard::{Heard, Name};
pub use kills::{Stopped, WAIT_INSTANCES_DEFAULT};
pub use run_state::{HoldsChange, RunStateChange, RunStateNow};

use crate::clock::Clock;
use crate::enforcer::{Cell, Enforcer, Topic};
use crate::holding::{FollowsHolds, HoldsChanged};
use known::Known;

/// Instances that one replica keeps in memory at most, of all agents together.
pub const INSTANCES_HERE_MAX: usize = 100_000;
/// An instance that was not heard for so long makes room for another.
const MAKES_ROOM_AFTER: Duration = Duration::from_secs(300);
/// Instances that are written together at most: a kill waits no longer for its own.
const SAVED_TOGETHER_MAX: usize = 512;
/// Kills whose instances wait to be frozen; beyond them the oldest are left to other replicas.
const FREEZES_WAITING_MAX: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub struct Instances {
    ledger: Arc<dyn Ledger>,
    enforcer: Arc<Enforcer>,
    clock: Clock,
    agents: papaya::HashMap<AddressId, Arc<Known>>,
    count: AtomicUsize,
    /// Each is in here once at most.
    unsaved: Mutex<Vec<Arc<Heard>>>,
    /// Not in memory any more, and in the store still. No more than made room for others.
    forgotten: Mutex<Vec<(AddressId, Box<str>)>>,
    /// Held from taking what is unsaved until it is written.
    saving: tokio::sync::Mutex<()>,
    to_freeze: Mutex<VecDeque<(KillId, AddressId)>>,
    any_to_freeze: Notify,
    /// The last kills that were frozen here, and whether there was anything to freeze. Held while
    /// one is: whoever else wants it waits for it.
    frozen: tokio::sync::Mutex<VecDeque<(KillId, bool)>>,
    /// Woken when an instance may have said something about a kill.
    words: Notify,
}

/// What an instance says of itself in one message.
#[derive(Clone, Debug)]
pub struct Message {
    pub name: Name,
    pub said: Said,
    /// Whether it says that it ends.
    pub ending: bool,
    pub at: Timestamp,
}

/// An agent has, or this replica keeps, as many instances as can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Instances {
    pub(crate) fn new(
        enforcer: &Arc<Enforcer>,
        ledger: &Arc<dyn Ledger>,
        clock: &Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            ledger: Arc::clone(ledger),
            enforcer: Arc::clone(enforcer),
            clock: clock.clone(),
            agents: papaya::HashMap::new(),
            count: AtomicUsize::new(0),
            unsaved: Mutex::default(),
            forgotten: Mutex::default(),
            saving: tokio::sync::Mutex::default(),
            to_freeze: Mutex::default(),
            any_to_freeze: Notify::new(),
            frozen: tokio::sync::Mutex::default(),
            words: Notify::new(),
        })
    }

    /// Takes what an instance of an agent says. The agent must be a registered one.
    pub fn hear(&self, address_id: AddressId, message: Message) -> Result<Arc<Heard>, TooMany> {
        let known = self.known(address_id);
        let heard = match known.find(&message.name) {
            Some(heard) => heard,
            None => self.meet(&known, address_id, &message)?,
        };
        if heard.take(message) {
            self.lock_unsaved().push(Arc::clone(&heard));
        }
        Ok(heard)
    }

    /// Writes what was heard since the last time.
    pub async fn save(&self) -> Result<(), WriteError> {
        loop {
            let _saving = self.saving.lock().await;
            let some = {
                let mut unsaved = self.lock_unsaved();
                let rest = unsaved.len().saturating_sub(SAVED_TOGETHER_MAX);
                unsaved.split_off(rest)
            };
            if some.is_empty() {
                break;
            }
            self.write(some).await?;
        }
        let forgotten = {
            let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *forgotten)
        };
        if forgotten.is_empty() { Ok(()) } else { self.ledger.forget_instances(forgotten).await }
    }

    /// As [`Instances::save`], of one agent: so that a list of its instances is the newest.
    pub async fn save_of(&self, address_id: AddressId) -> Result<(), WriteError> {
        // What another is writing must be there when this returns.
        let _saving = self.saving.lock().await;
        let of_agent = {
            let mut unsaved = self.lock_unsaved();
            unsaved.extract_if(.., |heard| heard.address_id == address_id).collect()
        };
        self.write(of_agent).await
    }

    async fn write(&self, unsaved: Vec<Arc<Heard>>) -> Result<(), WriteError> {
        if unsaved.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = unsaved.iter().map(|heard| heard.row()).collect();
        let written = self.ledger.save_instances(rows.clone()).await;
        if written.is_err() {
            let again = unsaved.into_iter().zip(rows);
            let again = again.filter_map(|(heard, row)| heard.put_back(row).then_some(heard));
            self.lock_unsaved().extend(again);
        }
        written
    }

    fn known(&self, address_id: AddressId) -> Arc<Known> {
        let agents = self.agents.pin();
        let make = || Arc::new(Known::since(self.enforcer.applied()));
        Arc::clone(agents.get_or_insert_with(address_id, make))
    }

    /// An instance that was not heard here before.
    fn meet(
        &self,
        known: &Known,
        address_id: AddressId,
        message: &Message,
    ) -> Result<Arc<Heard>, TooMany> {
        let full = |count: usize| {
            count >= INSTANCES_MAX || self.count.load(Ordering::Relaxed) >= INSTANCES_HERE_MAX
        };
        if full(known.count()) {
            let idle = known.make_room(message.at.minus(MAKES_ROOM_AFTER));
            self.count.fetch_sub(idle.len(), Ordering::Relaxed);
            let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
            forgotten.extend(idle.into_iter().map(|heard| (address_id, heard.name.text())));
            drop(forgotten);
            if full(known.count()) {
                return Err(TooMany);
            }
        }
        let (heard, new) = known.meet(address_id, message);
        if new {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(heard)
    }

    fn lock_unsaved(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Heard>>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FollowsHolds for Instances {
    fn holds_changed(&self, state: &State, change: &HoldsChanged) {
        for agent in &change.agents {
            let Some(address_id) = agent.address_id() else { continue };
            self.tell(state, agent, address_id, change);
            if let Some(kill) = change.added {
                self.freeze_later(kill, address_id);
            }
        }
    }

    fn log_replaced(&self) {
        // Whoever holds a stream is told the state as it is now.
        self.agents.pin().values().for_each(|known| known.forget_changes());
        self.enforcer.wake_all();
    }
}

impl Instances {
    fn tell(&self, state: &State, agent: &Cell, address_id: AddressId, change: &HoldsChanged) {
        if let Some(known) = self.agents.pin().get(&address_id)
            && let Some(now) = RunStateNow::of(state, address_id)
        {
            known.push_change(RunStateChange::new(now, change.at, change.added.is_some()));
            self.enforcer.wake(&Topic::Control(agent.key()));
        }
    }

    fn freeze_later(&self, kill: KillId, address_id: AddressId) {
        let mut to_freeze = self.to_freeze.lock().unwrap_or_else(PoisonError::into_inner);
        if to_freeze.len() == FREEZES_WAITING_MAX {
            to_freeze.pop_front();
        }
        to_freeze.push_back((kill, address_id));
        self.any_to_freeze.notify_one();
    }

    /// Freezes what is said by the instances of agents that are being stopped.
    pub(crate) async fn keep_freezing(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let next = {
                let mut to_freeze = self.to_freeze.lock().unwrap_or_else(PoisonError::into_inner);
                to_freeze.pop_front()
            };
            match next {
                Some((kill, address_id)) => {
                    if let Err(error) = self.freeze(kill, address_id).await {
                        tracing::warn!(%kill, %error, "what instances said is not frozen here");
                    }
                }
                None => tokio::select! {
                    () = self.any_to_freeze.notified() => {}
                    () = stop.cancelled() => return,
                },
            }
        }
    }
}
