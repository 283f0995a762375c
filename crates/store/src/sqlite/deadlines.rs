//! Ending intents whose deadline has passed.

use axme_core::time::Timestamp;
use rusqlite::{Result, params};

use crate::ledger::Intent;
use crate::lifecycle;
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::limit;
use crate::sqlite::rows::{self, select_intents};

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
        let event = lifecycle::time_out(intent, now);
        rows::keep_step(batch.connection(), intent, &event)?;
    }
    Ok(ended)
}
