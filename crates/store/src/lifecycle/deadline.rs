//! Ending an intent whose deadline has passed.

use axme_core::intent::Status;
use axme_core::time::Timestamp;
use serde_json::json;

use crate::ledger::{Event, Intent};
use crate::lifecycle::{Change, advance};

pub(crate) fn time_out(intent: &mut Intent, at: Timestamp) -> Event {
    let error = json!({ "code": "intent_timeout", "message": "the deadline has passed" });
    let outcome: Box<str> = json!({ "error": error }).to_string().into();
    let change = Change {
        status: Status::TimedOut,
        event_type: Status::TimedOut.event_type(),
        at,
        actor: None,
        details: Some(outcome.clone()),
        outcome: Some(outcome),
    };
    advance(intent, change)
}
