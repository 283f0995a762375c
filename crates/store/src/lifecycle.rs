//! What becomes of an intent, decided in memory and the same with every engine.
//!
//! Nothing here reads or writes. An engine reads an intent, asks here what a handover, a fact, a
//! patch or a deadline makes of it, and stores the intent and the event that come out, if nobody
//! else has moved the intent since.

mod admission;
mod deadline;
mod fact;
mod handover;
mod meter;
mod patch;

pub(crate) use admission::{before, first_seq, first_status, waiting};
pub(crate) use deadline::time_out;
pub(crate) use fact::{record, require_same};
pub(crate) use handover::{can_be_handed_over, hand_over, take_back};
pub(crate) use meter::{Judged, Meter, Sender, StoredDay};
pub(crate) use patch::patch;

use axme_core::intent::Status;
use axme_core::time::Timestamp;

use crate::ledger::{Event, Intent};

/// The event with the highest number that follows from the intent itself and is not stored.
const LAST_UNSTORED_SEQ: u64 = 2;

/// The events of an intent that follow from itself, after `since`.
pub(crate) fn first_events(of: &Intent, since: u64) -> Vec<Event> {
    let first = [follows_from(of, 1, Status::Created), submitted(of)];
    first.into_iter().filter(|event| event.seq > since).collect()
}

/// The last event of an intent, of those that are stored or of those that follow from it.
pub(crate) fn last_event(of: &Intent, stored: Vec<Event>) -> Event {
    stored.into_iter().next_back().unwrap_or_else(|| submitted(of))
}

/// A change of an intent that is an event.
struct Change {
    status: Status,
    event_type: &'static str,
    at: Timestamp,
    actor: Option<Box<str>>,
    details: Option<Box<str>>,
    /// Kept with the intent when the status ends it.
    outcome: Option<Box<str>>,
}

/// Takes an intent one event further.
fn advance(intent: &mut Intent, change: Change) -> Event {
    let Change { status, event_type, at, actor, details, outcome } = change;
    intent.status = status;
    intent.last_seq += 1;
    intent.updated_at = at;
    if status.is_terminal() {
        intent.ended_at = Some(at);
        intent.outcome = outcome;
    }
    Event {
        intent_id: intent.intent_id,
        seq: intent.last_seq,
        event_type: event_type.into(),
        status,
        at,
        actor,
        details,
    }
}

fn submitted(of: &Intent) -> Event {
    follows_from(of, LAST_UNSTORED_SEQ, Status::Submitted)
}

fn follows_from(of: &Intent, seq: u64, status: Status) -> Event {
    Event {
        intent_id: of.intent_id,
        seq,
        event_type: status.event_type().into(),
        status,
        at: of.created_at,
        actor: Some(of.from.as_str().into()),
        details: None,
    }
}
