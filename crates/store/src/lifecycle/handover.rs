//! Handing an intent to its receiver.

use axme_core::intent::{self, EVENT_DELIVERY_FAILED, Handover, Status};
use axme_core::time::Timestamp;
use serde_json::json;

use crate::ledger::{Event, HandedOver, Intent};
use crate::lifecycle::{Change, advance};

/// What a handover made of an intent.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) event: Option<Event>,
    exhausted: bool,
}

impl Handed {
    /// The answer, once the intent is stored.
    pub(crate) fn answer(&self, intent: Intent) -> HandedOver {
        if self.exhausted { HandedOver::Exhausted(intent) } else { HandedOver::Deliver(intent) }
    }
}

/// Whether an intent may go to its receiver: it has not ended, and waits for no operator.
pub(crate) fn can_be_handed_over(status: Status) -> bool {
    !status.is_terminal() && status != Status::Waiting
}

/// Hands over an intent that has not ended, or fails it when its attempts are used up.
pub(crate) fn hand_over(intent: &mut Intent, at: Timestamp) -> Handed {
    let attempts = intent.delivery_attempt;
    match intent::hand_over(attempts, intent.delivery_attempts_max) {
        Handover::First => {
            intent.delivery_attempt += 1;
            // One that was taken back has been announced before.
            let is_new = intent.status != Status::Delivered;
            let change = delivered(intent.status, at);
            Handed { event: is_new.then(|| advance(intent, change)), exhausted: false }
        }
        Handover::Again => {
            intent.delivery_attempt += 1;
            Handed { event: None, exhausted: false }
        }
        Handover::Exhausted => {
            let event = advance(intent, exhausted(attempts, at));
            Handed { event: Some(event), exhausted: true }
        }
    }
}

/// Takes back an attempt that was counted, and at which nothing was sent. False when there is
/// nothing to take back.
pub(crate) const fn take_back(intent: &mut Intent) -> bool {
    if intent.delivery_attempt == 0 || intent.status.is_terminal() {
        return false;
    }
    intent.delivery_attempt -= 1;
    true
}

/// A receiver that read the intent by itself may have taken it further already: then its status
/// stays.
fn delivered(current: Status, at: Timestamp) -> Change {
    let moves = intent::may_become(current, Status::Delivered);
    Change {
        status: if moves { Status::Delivered } else { current },
        event_type: Status::Delivered.event_type(),
        at,
        actor: None,
        details: None,
        outcome: None,
    }
}

fn exhausted(attempts: u32, at: Timestamp) -> Change {
    let error = json!({
        "code": "delivery_failed",
        "message": format!("handed over {attempts} times, and never finished"),
    });
    let details = json!({ "error": error, "delivery_attempt": attempts });
    Change {
        status: Status::Failed,
        event_type: EVENT_DELIVERY_FAILED,
        at,
        actor: None,
        details: Some(details.to_string().into()),
        outcome: Some(json!({ "error": error }).to_string().into()),
    }
}
