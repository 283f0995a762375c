//! Ending intents whose deadline has passed.

use axme_core::time::Timestamp;

use crate::control::ReplicaEpoch;
use crate::ledger::Intent;
use crate::lifecycle;
use crate::postgres::advance::{self, Moving};
use crate::postgres::columns::limit;
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, intent_columns};
use crate::postgres::session::Session;

/// Intents that one statement ends at most, so that others do not wait long.
const INTENTS_MAX: usize = 128;
/// How often others may be first in a row.
const ROUNDS_MAX: usize = 8;

const PASSED: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM intents AS intent
    WHERE ended_at IS NULL AND deadline_at IS NOT NULL AND deadline_at <= $1
    ORDER BY deadline_at LIMIT $2"
);

/// Ends some, and answers those that it has ended itself: of two replicas that find the same
/// intent one does.
pub(super) async fn time_out(
    session: &Session,
    me: &ReplicaEpoch,
    now: Timestamp,
    intents_max: usize,
) -> Result<Vec<Intent>, Failure> {
    for _ in 0..ROUNDS_MAX {
        let passed = passed(session, now, intents_max).await?;
        if passed.is_empty() {
            break;
        }
        match end(session, me, passed, now).await {
            Ok(ended) if ended.is_empty() => {}
            Ok(ended) => return Ok(ended),
            Err(failure) if failure.is_passing() => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(Vec::new())
}

async fn passed(
    session: &Session,
    now: Timestamp,
    intents_max: usize,
) -> Result<Vec<Intent>, Failure> {
    let rows =
        session.read(PASSED, &[&now.as_micros(), &limit(intents_max.min(INTENTS_MAX))]).await?;
    rows.iter().map(|row| rows::intent(row, 0)).collect()
}

/// In the order of their deadlines.
async fn end(
    session: &Session,
    me: &ReplicaEpoch,
    passed: Vec<Intent>,
    now: Timestamp,
) -> Result<Vec<Intent>, Failure> {
    let mut moving: Vec<_> = passed.into_iter().map(Moving::new).collect();
    for moving in &mut moving {
        moving.events.push(lifecycle::time_out(&mut moving.intent, now));
    }
    let moved = advance::advance(session, me, &mut moving).await?;
    let with_cursor = |moving: Moving<'_>| {
        let mut intent = moving.intent;
        intent.cursor = *moved.get(&intent.row_id)?;
        Some(intent)
    };
    let mut ended: Vec<_> = moving.into_iter().filter_map(with_cursor).collect();
    ended.sort_by_key(|intent| (intent.deadline_at, intent.row_id));
    Ok(ended)
}
