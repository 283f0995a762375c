//! One agent, and one key, as the hot path sees them.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axme_core::address::Address;
use axme_core::health::Health;
use axme_core::hold::RunState;
use axme_core::id::{AddressId, KeyId, WorkspaceId};
use axme_core::key::{Key, KeyStatus};
use axme_core::role::{Role, Scope};
use axme_core::time::Timestamp;
use axme_core::word::Word;

use crate::clock::Clock;

const NEVER: i64 = i64::MIN;

/// An agent: its run state with the work in flight in one atomic word, and counters.
#[derive(Debug)]
pub struct Cell {
    pub workspace_id: WorkspaceId,
    pub address: Address,
    address_id: OnceLock<AddressId>,
    /// Whether an account holds the address now.
    live: AtomicBool,
    pub(super) word: Word,
    pub(super) requests: AtomicU32,
    last_seen: AtomicI64,
    saved_seen: AtomicI64,
    last_report: AtomicI64,
    last_health: AtomicU8,
    admitted: AtomicU64,
    unknown: AtomicU64,
    denied: AtomicU64,
}

/// What became of an agent's requests since this process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub admitted: u64,
    pub denied: u64,
    /// Neither is known: the store failed in the middle.
    pub unknown: u64,
}

impl Cell {
    pub(super) fn new(workspace_id: WorkspaceId, address: Address, run_state: RunState) -> Self {
        Self {
            workspace_id,
            address,
            address_id: OnceLock::new(),
            live: AtomicBool::new(false),
            word: Word::new(run_state),
            requests: AtomicU32::new(0),
            last_seen: AtomicI64::new(NEVER),
            saved_seen: AtomicI64::new(NEVER),
            last_report: AtomicI64::new(NEVER),
            last_health: AtomicU8::new(u8::MAX),
            admitted: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            denied: AtomicU64::new(0),
        }
    }

    /// None for an address that nobody has registered or stopped.
    #[must_use]
    pub fn address_id(&self) -> Option<AddressId> {
        self.address_id.get().copied()
    }

    /// Whether an account holds the address now.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::SeqCst)
    }

    pub(super) fn identify(&self, address_id: AddressId, live: bool) {
        self.address_id.get_or_init(|| address_id);
        self.live.store(live, Ordering::SeqCst);
    }

    pub(super) fn set_live(&self, live: bool) {
        self.live.store(live, Ordering::SeqCst);
    }

    #[must_use]
    pub fn run_state(&self) -> RunState {
        self.word.peek().run_state
    }

    /// How this agent is found.
    #[must_use]
    pub fn key(&self) -> super::CellKey {
        (self.workspace_id, self.address.clone())
    }

    /// Notes a sign of life; an older one than the last changes nothing.
    pub fn touch(&self, at: Timestamp) {
        self.last_seen.fetch_max(at.as_micros(), Ordering::Relaxed);
    }

    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        moment(&self.last_seen)
    }

    /// Notes that the agent reported here what it counts.
    pub fn note_report(&self, at: Timestamp) {
        self.last_report.fetch_max(at.as_micros(), Ordering::Relaxed);
    }

    /// When the agent reported here last what it counts; none since this process started.
    #[must_use]
    pub fn last_report(&self) -> Option<Timestamp> {
        moment(&self.last_report)
    }

    /// The last sign of life, if it is not written yet.
    #[must_use]
    pub fn unsaved(&self) -> Option<Timestamp> {
        moment(&self.last_seen).filter(|seen| moment(&self.saved_seen) != Some(*seen))
    }

    /// Notes up to when signs of life are written.
    pub fn mark_saved(&self, seen: Timestamp) {
        self.saved_seen.store(seen.as_micros(), Ordering::Relaxed);
    }

    /// Remembers a health and answers the one before, once there is one.
    pub fn swap_health(&self, health: Health) -> Option<Health> {
        let position = |wanted: Health| Health::ALL.iter().position(|h| *h == wanted);
        let index = position(health).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX);
        let before = self.last_health.swap(index, Ordering::Relaxed);
        Health::ALL.get(usize::from(before)).copied()
    }

    pub fn count_admitted(&self) {
        self.admitted.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_unknown(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            admitted: self.admitted.load(Ordering::Relaxed),
            denied: self.denied.load(Ordering::Relaxed),
            unknown: self.unknown.load(Ordering::Relaxed),
        }
    }
}

/// A key: who its holder is, and whether it works.
#[derive(Debug)]
pub struct KeyCell {
    pub key_id: KeyId,
    pub name: Box<str>,
    pub role: Role,
    pub scope: Scope,
    pub home: WorkspaceId,
    /// The agent that the key acts as.
    pub agent: Option<Arc<Cell>>,
    expires_at: Option<Timestamp>,
    revoked: AtomicBool,
    last_used: AtomicI64,
    saved_used: AtomicI64,
}

impl KeyCell {
    pub(super) fn new(key: &Key, agent: Option<Arc<Cell>>) -> Self {
        Self {
            key_id: key.key_id,
            name: key.name.clone(),
            role: key.role,
            scope: key.scope,
            home: key.home,
            agent,
            expires_at: key.expires_at,
            revoked: AtomicBool::new(key.revoked_at.is_some()),
            last_used: AtomicI64::new(NEVER),
            saved_used: AtomicI64::new(NEVER),
        }
    }

    #[must_use]
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        if self.revoked.load(Ordering::SeqCst) {
            KeyStatus::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    #[must_use]
    pub fn works(&self, now: Timestamp) -> bool {
        self.status(now) == KeyStatus::Active
    }

    /// Whether it works now. The clock is read only for a key that can expire.
    #[must_use]
    pub fn works_by(&self, clock: &Clock) -> bool {
        match self.expires_at {
            Some(_) => self.works(clock.wall()),
            None => !self.revoked.load(Ordering::SeqCst),
        }
    }

    pub(super) fn revoke(&self) {
        self.revoked.store(true, Ordering::SeqCst);
    }

    pub fn touch(&self, at: Timestamp) {
        self.last_used.fetch_max(at.as_micros(), Ordering::Relaxed);
    }

    #[must_use]
    pub fn last_used(&self) -> Option<Timestamp> {
        moment(&self.last_used)
    }

    /// The last use, if it is not written yet.
    #[must_use]
    pub fn unsaved(&self) -> Option<Timestamp> {
        moment(&self.last_used).filter(|used| moment(&self.saved_used) != Some(*used))
    }

    /// Notes up to when uses are written.
    pub fn mark_saved(&self, used: Timestamp) {
        self.saved_used.store(used.as_micros(), Ordering::Relaxed);
    }
}

fn moment(micros: &AtomicI64) -> Option<Timestamp> {
    let micros = micros.load(Ordering::Relaxed);
    (micros != NEVER).then(|| Timestamp::from_micros(micros))
}
