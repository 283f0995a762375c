//! Recording that intents are handed to their receiver, each decided again.

use axme_core::id::IntentId;
use axme_core::time::Timestamp;
use rusqlite::{Result, params};

use crate::ledger::{HandedOver, Handing, Intent};
use crate::lifecycle;
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::int;
use crate::sqlite::rows;

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
    for id in intents {
        let Some(mut intent) = rows::intent_by_id(batch.connection(), *id)? else { continue };
        if lifecycle::take_back(&mut intent) {
            keep_attempts(batch, &intent)?;
        }
    }
    Ok(())
}

fn hand_over_one(
    batch: &mut Batch<'_>,
    handing: &Handing,
    at: Timestamp,
) -> Result<Option<HandedOver>> {
    let found = rows::intent_by_id(batch.connection(), handing.intent_id)?;
    let Some(mut intent) = found.filter(|intent| lifecycle::can_be_handed_over(intent.status))
    else {
        return Ok(None);
    };
    let Ok(pass) = handing.gate.decide_again() else { return Ok(None) };
    let attempts = intent.delivery_attempt;
    let handed = lifecycle::hand_over(&mut intent, at);
    if intent.delivery_attempt != attempts {
        keep_attempts(batch, &intent)?;
    }
    if let Some(event) = &handed.event {
        rows::keep_step(batch.connection(), &intent, event)?;
    }
    batch.keep(pass);
    Ok(Some(handed.answer(intent)))
}

fn keep_attempts(batch: &Batch<'_>, intent: &Intent) -> Result<()> {
    let mut count =
        batch.statement("UPDATE intents SET delivery_attempt = ?2 WHERE row_id = ?1")?;
    count.execute(params![int(intent.row_id), intent.delivery_attempt]).map(drop)
}
