//! Ending intents whose deadline has passed.

use axme_core::intent::Status;
use axme_core::time::Timestamp;
use rusqlite::{Result, params};
use serde_json::json;

use crate::ledger::Intent;
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::limit;
use crate::sqlite::rows::{self, Change, select_intents};

/// Intents that one transaction ends at most, so that it ends within 10 ms.
const INTENTS_MAX: usize = 128;

pub(super) fn time_out(
    batch: &Batch<'_>,
    now: Timestamp,
    intents_max: usize,
) -> Result<Vec<Intent>> {
    let mut get = batch.statement(select_intents!(
        "INDEXED BY intents_deadline
         WHERE ended_at IS NULL AND deadline_at IS NOT NULL AND deadline_at <= ?1
         ORDER BY deadline_at LIMIT ?2"
    ))?;
    let rows =
        get.query_map(params![now.as_micros(), limit(intents_max.min(INTENTS_MAX))], rows::intent)?;
    let mut ended = rows.collect::<Result<Vec<_>>>()?;
    for intent in &mut ended {
        rows::advance(batch.connection(), intent, timed_out(now))?;
    }
    Ok(ended)
}

fn timed_out(at: Timestamp) -> Change {
    let error = json!({ "code": "intent_timeout", "message": "the deadline has passed" });
    let outcome: Box<str> = json!({ "error": error }).to_string().into();
    Change {
        status: Status::TimedOut,
        event_type: Status::TimedOut.event_type(),
        at,
        actor: None,
        details: Some(outcome.clone()),
        outcome: Some(outcome),
    }
}
