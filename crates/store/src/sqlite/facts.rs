//! Recording what the parties of an intent say about it.

use axme_core::intent;
use serde_json::{Map, Value};

use crate::error::{StoreError, WriteError};
use crate::ledger::{Fact, Recorded};
use crate::sqlite::batch::Batch;
use crate::sqlite::failure::Failure;
use crate::sqlite::idempotency;
use crate::sqlite::rows::{self, Change};

type Refusal = Failure<WriteError>;

pub(super) fn record(batch: &Batch<'_>, fact: Fact) -> Result<Recorded, Refusal> {
    if let Some(before) = recorded_before(batch, &fact)? {
        return Ok(before);
    }
    let connection = batch.connection();
    let Some(mut intent) = rows::intent_by_id(connection, fact.intent_id)? else {
        return Ok(Recorded::NotFound);
    };
    if intent.status.is_terminal() {
        return Ok(Recorded::Ended(intent));
    }
    if !intent::may_become(intent.status, fact.next) {
        return Ok(Recorded::Impossible(intent));
    }
    if let Some(key) = &fact.idempotency {
        idempotency::keep(connection, key, &fact.intent_id.to_string(), fact.at)?;
    }
    let change = Change {
        status: fact.next,
        event_type: fact.next.event_type(),
        at: fact.at,
        details: details(&fact)?,
        actor: Some(fact.actor),
        outcome: fact.outcome,
    };
    let event = rows::advance(connection, &mut intent, change)?;
    Ok(Recorded::Done { intent, event })
}

fn recorded_before(batch: &Batch<'_>, fact: &Fact) -> Result<Option<Recorded>, Refusal> {
    let Some(key) = &fact.idempotency else { return Ok(None) };
    let Some(answered) = idempotency::find(batch.connection(), key)? else { return Ok(None) };
    if !answered.same_request || answered.made.parse() != Ok(fact.intent_id) {
        return Err(Failure::Refused(WriteError::KeyReused));
    }
    // Retention may have taken the intent before the key.
    let Some(intent) = rows::intent_by_id(batch.connection(), fact.intent_id)? else {
        return Ok(Some(Recorded::NotFound));
    };
    let event = rows::last_event(batch.connection(), &intent)?;
    Ok(Some(Recorded::Before { intent, event }))
}

/// The outcome, and that it came late.
fn details(fact: &Fact) -> Result<Option<Box<str>>, Refusal> {
    if !fact.late {
        return Ok(fact.outcome.clone());
    }
    let outcome = fact.outcome.as_deref().unwrap_or("{}");
    let mut details: Map<String, Value> = serde_json::from_str(outcome).map_err(|error| {
        let text = format!("an outcome must be a JSON object: {error}");
        Failure::Refused(StoreError::Unusable(text).into())
    })?;
    details.insert("late".to_owned(), Value::Bool(true));
    Ok(Some(Value::Object(details).to_string().into()))
}
