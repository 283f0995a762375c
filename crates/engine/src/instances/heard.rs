//! One instance, as it is heard here.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axme_core::id::{AddressId, KeyId};
use axme_core::time::Timestamp;
use axme_store::instances::{Instance, Said};

use super::Message;

/// A sign of life that says nothing new is written so often.
const SAVED_EVERY: Duration = Duration::from_secs(15);

/// How an instance is told apart from the others of its agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// By the id that it gives.
    Given(Box<str>),
    /// By its key and the address that it calls from.
    Inferred(KeyId, Option<IpAddr>),
}

impl Name {
    #[must_use]
    pub const fn is_inferred(&self) -> bool {
        matches!(self, Self::Inferred(..))
    }

    /// As it is shown and stored.
    #[must_use]
    pub fn text(&self) -> Box<str> {
        match self {
            Self::Given(id) => id.clone(),
            Self::Inferred(key, Some(address)) => format!("{key}@{address}").into(),
            Self::Inferred(key, None) => key.to_string().into(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Heard {
    pub address_id: AddressId,
    pub name: Name,
    first_seen: Timestamp,
    last_seen: AtomicI64,
    streams: AtomicU64,
    unsaved: Mutex<Unsaved>,
}

/// What the store does not have yet.
#[derive(Debug)]
struct Unsaved {
    said: Said,
    ended_at: Option<Timestamp>,
    saved_seen: Timestamp,
    /// Whether it waits to be written.
    waits: bool,
}

impl Heard {
    pub(super) fn new(address_id: AddressId, name: Name, at: Timestamp) -> Self {
        Self {
            address_id,
            name,
            first_seen: at,
            last_seen: AtomicI64::new(at.as_micros()),
            streams: AtomicU64::new(0),
            unsaved: Mutex::new(Unsaved {
                said: Said::default(),
                ended_at: None,
                saved_seen: Timestamp::from_micros(i64::MIN),
                waits: false,
            }),
        }
    }

    #[must_use]
    pub fn last_seen(&self) -> Timestamp {
        Timestamp::from_micros(self.last_seen.load(Ordering::Relaxed))
    }

    /// Takes a message; true when it has to be put among those that wait to be written.
    pub(super) fn take(&self, message: Message) -> bool {
        self.last_seen.fetch_max(message.at.as_micros(), Ordering::Relaxed);
        let mut unsaved = self.lock();
        let ended_at = message.ending.then_some(message.at);
        let new =
            message.said != Said::default() || ended_at.is_some() != unsaved.ended_at.is_some();
        unsaved.said = message.said.or(std::mem::take(&mut unsaved.said));
        unsaved.ended_at = ended_at;
        let old = message.at.minus(SAVED_EVERY) >= unsaved.saved_seen;
        (new || old) && !std::mem::replace(&mut unsaved.waits, true)
    }

    /// Counts a control stream that opened or closed; true as for [`Heard::take`].
    pub(super) fn count_stream(&self, opened: bool) -> bool {
        if opened {
            self.streams.fetch_add(1, Ordering::Relaxed);
        } else {
            self.streams.fetch_sub(1, Ordering::Relaxed);
        }
        !std::mem::replace(&mut self.lock().waits, true)
    }

    #[must_use]
    pub fn has_stream(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > 0
    }

    pub(super) fn is_idle_since(&self, moment: Timestamp) -> bool {
        !self.has_stream() && self.last_seen() <= moment
    }

    /// What is written of it. It waits no more.
    pub(super) fn row(&self) -> Instance {
        let mut unsaved = self.lock();
        unsaved.waits = false;
        let (last_seen_at, streams) = (self.last_seen(), self.streams.load(Ordering::Relaxed));
        unsaved.saved_seen = last_seen_at;
        Instance {
            address_id: self.address_id,
            instance_id: self.name.text(),
            inferred: self.name.is_inferred(),
            first_seen_at: self.first_seen,
            last_seen_at,
            ended_at: unsaved.ended_at,
            streams,
            said: std::mem::take(&mut unsaved.said),
        }
    }

    /// Takes back what was not written; true as for [`Heard::take`].
    pub(super) fn put_back(&self, row: Instance) -> bool {
        let mut unsaved = self.lock();
        let newer = std::mem::take(&mut unsaved.said);
        unsaved.said = newer.or(row.said);
        !std::mem::replace(&mut unsaved.waits, true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Unsaved> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
