//! What an intent is at first.

use axme_core::decide::Admission;
use axme_core::intent::Status;

use crate::control::Answered;
use crate::error::{StoreError, WriteError};
use crate::ledger::{Admitted, Event, NewIntent};
use crate::lifecycle::{Judged, LAST_UNSTORED_SEQ};

/// What an admitted intent stands at first.
pub(crate) const fn first_status(admission: Admission, judged: Judged) -> Status {
    match admission {
        Admission::Flows | Admission::Held | Admission::Late if !judged.waits => Status::Submitted,
        Admission::Flows | Admission::Held | Admission::Late | Admission::ForReview => {
            Status::Waiting
        }
    }
}

/// The sequence number of the last event of an intent that is stored with this status.
pub(crate) fn first_seq(status: Status) -> u64 {
    if status == Status::Waiting { LAST_UNSTORED_SEQ + 1 } else { LAST_UNSTORED_SEQ }
}

/// The event of an intent that waits from its admission on.
pub(crate) fn waiting(new: &NewIntent) -> Event {
    Event {
        intent_id: new.intent_id,
        seq: first_seq(Status::Waiting),
        event_type: Status::Waiting.event_type().into(),
        status: Status::Waiting,
        at: new.created_at,
        actor: None,
        details: None,
    }
}

/// The answer to an intent whose idempotency key was used before.
pub(crate) fn before(answered: &Answered) -> Result<Admitted, WriteError> {
    if !answered.same_request {
        return Err(WriteError::KeyReused);
    }
    let Ok(intent_id) = answered.made.parse() else {
        let text = "an idempotency key stands for something that is no intent".to_owned();
        return Err(StoreError::Unusable(text).into());
    };
    Ok(Admitted::Before { intent_id })
}
