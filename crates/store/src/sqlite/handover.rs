//! Recording that intents are handed to their receiver, each decided again.

use axme_core::id::IntentId;
use axme_core::intent::{self, EVENT_DELIVERY_FAILED, Handover, Status};
use axme_core::time::Timestamp;
use rusqlite::{Result, params};
use serde_json::json;

use crate::ledger::{HandedOver, Handing, Intent};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::int;
use crate::sqlite::rows::{self, Change};

pub(super) fn hand_over(
    batch: &mut Batch<'_>,
    handovers: &[Handing],
    at: Timestamp,
) -> Result<Vec<HandedOver>> {
    let mut handed = Vec::with_capacity(handovers.len());
    for handing in handovers {
        handed.extend(hand_over_one(batch, handing, at)?);
    }
    Ok(handed)
}

/// Takes back attempts that were counted, and at which nothing was sent.
pub(super) fn take_back(batch: &Batch<'_>, intents: &[IntentId]) -> Result<()> {
    let mut uncount = batch.statement(
        "UPDATE intents SET delivery_attempt = delivery_attempt - 1
         WHERE intent_id = ?1 AND delivery_attempt > 0 AND ended_at IS NULL",
    )?;
    for intent in intents {
        uncount.execute([intent.as_bytes()])?;
    }
    Ok(())
}

fn hand_over_one(
    batch: &mut Batch<'_>,
    handing: &Handing,
    at: Timestamp,
) -> Result<Option<HandedOver>> {
    let found = rows::intent_by_id(batch.connection(), handing.intent_id)?;
    let Some(mut intent) = found.filter(|intent| !intent.status.is_terminal()) else {
        return Ok(None);
    };
    let Ok(pass) = handing.gate.decide_again() else { return Ok(None) };
    let handed = match intent::hand_over(intent.delivery_attempt, intent.delivery_attempts_max) {
        Handover::First => {
            count_attempt(batch, &mut intent)?;
            // One that was taken back has been announced before.
            if intent.status != Status::Delivered {
                let change = delivered(intent.status, at);
                rows::advance(batch.connection(), &mut intent, change)?;
            }
            HandedOver::Deliver(intent)
        }
        Handover::Again => {
            count_attempt(batch, &mut intent)?;
            HandedOver::Deliver(intent)
        }
        Handover::Exhausted => {
            let change = exhausted(intent.delivery_attempt, at);
            rows::advance(batch.connection(), &mut intent, change)?;
            HandedOver::Exhausted(intent)
        }
    };
    batch.keep(pass);
    Ok(Some(handed))
}

fn count_attempt(batch: &Batch<'_>, intent: &mut Intent) -> Result<()> {
    intent.delivery_attempt += 1;
    let mut count =
        batch.statement("UPDATE intents SET delivery_attempt = ?2 WHERE row_id = ?1")?;
    count.execute(params![int(intent.row_id), intent.delivery_attempt]).map(drop)
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
