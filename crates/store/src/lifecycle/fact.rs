//! What a party says about an intent.

use axme_core::intent;
use serde_json::{Map, Value};

use crate::control::Answered;
use crate::error::{StoreError, WriteError};
use crate::ledger::{Fact, Intent, Recorded};
use crate::lifecycle::{Change, advance};

/// What a fact makes of an intent. Only [`Recorded::Done`] is something to store.
pub(crate) fn record(found: Option<Intent>, fact: &Fact) -> Result<Recorded, WriteError> {
    let Some(mut intent) = found else { return Ok(Recorded::NotFound) };
    if intent.status.is_terminal() {
        return Ok(Recorded::Ended(intent));
    }
    if !intent::may_become(intent.status, fact.next) {
        return Ok(Recorded::Impossible(intent));
    }
    let change = Change {
        status: fact.next,
        event_type: fact.next.event_type(),
        at: fact.at,
        details: details(fact)?,
        actor: Some(fact.actor.clone()),
        outcome: fact.outcome.clone(),
    };
    let event = advance(&mut intent, change);
    Ok(Recorded::Done { intent, event })
}

/// Refuses a fact whose idempotency key stands for another one.
pub(crate) fn require_same(fact: &Fact, answered: &Answered) -> Result<(), WriteError> {
    if answered.same_request && answered.made.parse() == Ok(fact.intent_id) {
        Ok(())
    } else {
        Err(WriteError::KeyReused)
    }
}

/// The outcome, and that it came late.
fn details(fact: &Fact) -> Result<Option<Box<str>>, WriteError> {
    if !fact.late {
        return Ok(fact.outcome.clone());
    }
    let outcome = fact.outcome.as_deref().unwrap_or("{}");
    let mut details: Map<String, Value> = serde_json::from_str(outcome).map_err(|error| {
        StoreError::Unusable(format!("an outcome must be a JSON object: {error}"))
    })?;
    details.insert("late".to_owned(), Value::Bool(true));
    Ok(Some(Value::Object(details).to_string().into()))
}
