//! Recording what the parties of an intent say about it.

use crate::error::WriteError;
use crate::ledger::{Fact, Recorded};
use crate::lifecycle;
use crate::sqlite::batch::Batch;
use crate::sqlite::failure::Failure;
use crate::sqlite::{idempotency, rows};

type Refusal = Failure<WriteError>;

pub(super) fn record(batch: &Batch<'_>, fact: &Fact) -> Result<Recorded, Refusal> {
    if let Some(before) = recorded_before(batch, fact)? {
        return Ok(before);
    }
    let connection = batch.connection();
    let found = rows::intent_by_id(connection, fact.intent_id)?;
    let recorded = lifecycle::record(found, fact).map_err(Failure::Refused)?;
    if let Recorded::Done { intent, event } = &recorded {
        if let Some(key) = &fact.idempotency {
            idempotency::keep(connection, key, &fact.intent_id.to_string(), fact.at)?;
        }
        rows::keep_step(connection, intent, event)?;
    }
    Ok(recorded)
}

fn recorded_before(batch: &Batch<'_>, fact: &Fact) -> Result<Option<Recorded>, Refusal> {
    let Some(key) = &fact.idempotency else { return Ok(None) };
    let Some(answered) = idempotency::find(batch.connection(), key)? else { return Ok(None) };
    lifecycle::require_same(fact, &answered).map_err(Failure::Refused)?;
    // Retention may have taken the intent before the key.
    let Some(intent) = rows::intent_by_id(batch.connection(), fact.intent_id)? else {
        return Ok(Some(Recorded::NotFound));
    };
    let event = rows::last_event(batch.connection(), &intent)?;
    Ok(Some(Recorded::Before { intent, event }))
}
