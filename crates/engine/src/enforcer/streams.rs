//! Open streams: woken when there is something new, ended when their agent or key is stopped.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axme_core::decide::{Action, Denial, Ends, decide};
use axme_core::id::{IntentId, KeyId, KillId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Cell, CellKey, Enforcer, KeyCell};

/// What a stream tells about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The intents that are addressed to an agent.
    Queue(CellKey),
    /// The events of one intent.
    Intent(IntentId),
    /// The run state of an agent, told to its own instances.
    Control(CellKey),
    /// What comes of a kill.
    Kill(KillId),
}

/// Why a stream is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Stopped,
    KeyRevoked,
    Shutdown,
}

/// Whose a stream is.
#[derive(Debug)]
pub struct StreamOwner {
    pub key: Arc<KeyCell>,
    /// The agents that it is opened by and for. When one of them is stopped, it ends.
    pub agents: Vec<Arc<Cell>>,
    /// Cancelled to cut the connection under a stream whose peer does not read.
    pub connection: CancellationToken,
}

/// The registry. Touched when streams open and close and when something is new: never by `decide`.
#[derive(Debug, Default)]
pub(super) struct Streams {
    next_id: AtomicU64,
    /// Streams that are to end and are open still.
    ending: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_id: BTreeMap<u64, Arc<Slot>>,
    by_topic: HashMap<Topic, BTreeMap<u64, Arc<Slot>>>,
    by_agent: HashMap<CellKey, BTreeMap<u64, Arc<Slot>>>,
}

/// One open stream.
#[derive(Debug)]
pub(super) struct Slot {
    id: u64,
    topic: Topic,
    owner: StreamOwner,
    wake: Notify,
    /// 0 while it runs, else an [`Ending`] plus one.
    ending: AtomicU8,
    bytes_after_ending: AtomicU64,
    closed: AtomicBool,
}

impl Slot {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn bytes_after_ending(&self) -> u64 {
        self.bytes_after_ending.load(Ordering::SeqCst)
    }

    /// Closes the connection under the stream, waiting for no peer. False when that was done before.
    pub(super) fn cut(&self) -> bool {
        let first = !self.owner.connection.is_cancelled();
        self.owner.connection.cancel();
        first
    }

    /// Tells the stream to end; true the first time, whose reason stands.
    fn end(&self, ending: Ending) -> bool {
        let code = ending as u8 + 1;
        let first = self.ending.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
        self.wake.notify_one();
        first.is_ok()
    }

    fn ending(&self) -> Option<Ending> {
        match self.ending.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Ending::Stopped),
            2 => Some(Ending::KeyRevoked),
            _ => Some(Ending::Shutdown),
        }
    }
}

impl Streams {
    pub(super) fn open(
        &self,
        enforcer: Arc<Enforcer>,
        topic: Topic,
        owner: StreamOwner,
    ) -> StreamGuard {
        let slot = Arc::new(Slot {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            topic: topic.clone(),
            owner,
            wake: Notify::new(),
            ending: AtomicU8::new(0),
            bytes_after_ending: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let mut open = self.lock();
        open.by_id.insert(slot.id, Arc::clone(&slot));
        open.by_topic.entry(topic).or_default().insert(slot.id, Arc::clone(&slot));
        for agent in &slot.owner.agents {
            open.by_agent.entry(agent.key()).or_default().insert(slot.id, Arc::clone(&slot));
        }
        StreamGuard { enforcer, slot }
    }

    pub(super) fn wake(&self, topic: &Topic) {
        if let Some(slots) = self.lock().by_topic.get(topic) {
            slots.values().for_each(|slot| slot.wake.notify_one());
        }
    }

    pub(super) fn wake_all(&self) {
        self.lock().by_id.values().for_each(|slot| slot.wake.notify_one());
    }

    pub(super) fn topics(&self) -> Vec<Topic> {
        self.lock().by_topic.keys().cloned().collect()
    }

    /// Ends the streams of an agent and answers them.
    pub(super) fn end_of_agent(&self, agent: &CellKey) -> Vec<Arc<Slot>> {
        let open = self.lock();
        let slots = open.by_agent.get(agent);
        let slots: Vec<_> = slots.into_iter().flat_map(BTreeMap::values).map(Arc::clone).collect();
        drop(open);
        slots.iter().for_each(|slot| self.end(slot, Ending::Stopped));
        slots
    }

    pub(super) fn end_of_key(&self, key: KeyId) {
        let open = self.lock();
        let of_key = |slot: &&Arc<Slot>| slot.owner.key.key_id == key;
        open.by_id.values().filter(of_key).for_each(|slot| self.end(slot, Ending::KeyRevoked));
    }

    pub(super) fn end_all(&self, ending: Ending) {
        self.lock().by_id.values().for_each(|slot| self.end(slot, ending));
    }

    pub(super) fn count_of(&self, agent: &CellKey) -> usize {
        self.lock().by_agent.get(agent).map_or(0, BTreeMap::len)
    }

    fn end(&self, slot: &Slot, ending: Ending) {
        // Counted before it is told: the stream may close at once, and counts itself off then.
        self.ending.fetch_add(1, Ordering::SeqCst);
        if !slot.end(ending) {
            self.ending.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn close(&self, slot: &Slot) {
        let mut open = self.lock();
        open.by_id.remove(&slot.id);
        if let Some(slots) = open.by_topic.get_mut(&slot.topic) {
            slots.remove(&slot.id);
            if slots.is_empty() {
                open.by_topic.remove(&slot.topic);
            }
        }
        for agent in &slot.owner.agents {
            let key = agent.key();
            if let Some(slots) = open.by_agent.get_mut(&key) {
                slots.remove(&slot.id);
                if slots.is_empty() {
                    open.by_agent.remove(&key);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        // Nothing inside can panic half way; what is there is whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open stream. It counts as open until this is dropped.
#[derive(Debug)]
pub struct StreamGuard {
    enforcer: Arc<Enforcer>,
    slot: Arc<Slot>,
}

impl StreamGuard {
    /// Whether the stream is to end now, and why.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        let key = &self.slot.owner.key;
        let expired = || !key.works_by(&self.enforcer.clock);
        self.slot.ending().or_else(|| expired().then_some(Ending::KeyRevoked))
    }

    /// Waits until there may be something new, or the stream is to end.
    pub async fn woken(&self) {
        self.slot.wake.notified().await;
    }

    /// Notes bytes that were handed to the connection: those after the order are accounted for.
    pub fn note_sent(&self, bytes: usize) {
        if self.slot.ending().is_some() {
            self.slot.bytes_after_ending.fetch_add(bytes as u64, Ordering::SeqCst);
        }
    }

    #[must_use]
    pub fn key(&self) -> &Arc<KeyCell> {
        &self.slot.owner.key
    }

    pub(super) fn check_open(&self) -> Result<(), Denial> {
        let standing = self.enforcer.standing(&self.slot.owner.key);
        for agent in &self.slot.owner.agents {
            let state = agent.run_state();
            decide(standing, Action::OpenStream, Ends { sender: state, receiver: state })?;
        }
        Ok(())
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.enforcer.streams.close(&self.slot);
        self.slot.closed.store(true, Ordering::SeqCst);
        // Whoever waits for a thousand streams is woken by the last of them, and looks for itself
        // now and then meanwhile.
        let streams = &self.enforcer.streams;
        if self.slot.ending().is_some() && streams.ending.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.enforcer.drained.notify_waiters();
        }
    }
}
