//! Admitting intents: the hot path.

use axme_core::id::Revision;
use axme_core::intent::Status;
use axme_core::policy::CostLimits;
use rusqlite::params;

use crate::error::WriteError;
use crate::gate::Gate;
use crate::ledger::{Admitted, NewIntent};
use crate::lifecycle::{self, Judged};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::int;
use crate::sqlite::failure::Failure;
use crate::sqlite::{idempotency, rows, traffic};

/// Decides again, and stores. It is refused only before its first statement, so that it needs no
/// savepoint: the rows after the intent's own hang on a row id that is new.
pub(super) fn admit(
    batch: &mut Batch<'_>,
    new: &NewIntent,
    gate: &dyn Gate,
) -> Result<Admitted, Failure<WriteError>> {
    let pass = gate.decide_again().map_err(|denial| Failure::Refused(denial.into()))?;
    if let Some(before) = admitted_before(batch, new)? {
        return Ok(before);
    }
    let judged = judge(batch, new, pass.limits.as_deref())?;
    let cursor = batch.next_cursor(new.workspace_id, &new.to)?;
    let (revision, status) = (pass.revision, lifecycle::first_status(pass.admission, judged));
    insert(batch, new, (revision, status), cursor)?;
    if status == Status::Waiting {
        keep_waiting(batch, new)?;
    }
    if let Some(key) = &new.idempotency {
        let made = new.intent_id.to_string();
        idempotency::keep(batch.connection(), key, &made, new.created_at)?;
    }
    batch.meter.add(new);
    batch.keep(pass);
    Ok(Admitted::New { cursor, revision, status, breach: judged.breach })
}

/// The verdict of the limits. The writer is one thread, so that nobody counts in between.
fn judge(
    batch: &mut Batch<'_>,
    new: &NewIntent,
    limits: Option<&CostLimits>,
) -> Result<Judged, Failure<WriteError>> {
    if let Some((sender, day)) = batch.meter.lacks(new, limits) {
        let stored = traffic::day_of(batch.connection(), sender, day)?;
        batch.meter.learn((sender, day), stored);
    }
    batch.meter.judge(new, limits).map_err(Failure::Refused)
}

fn admitted_before(
    batch: &Batch<'_>,
    new: &NewIntent,
) -> Result<Option<Admitted>, Failure<WriteError>> {
    let Some(key) = &new.idempotency else { return Ok(None) };
    let Some(answered) = idempotency::find(batch.connection(), key)? else { return Ok(None) };
    lifecycle::before(&answered).map(Some).map_err(Failure::Refused)
}

fn insert(
    batch: &Batch<'_>,
    new: &NewIntent,
    (revision, status): (Revision, Status),
    cursor: u64,
) -> rusqlite::Result<()> {
    let mut put = batch.statement(
        "INSERT INTO intents (intent_id, workspace_id, sender, receiver, status, cursor,
             admitted_at_revision, epoch, delivery_attempts_max, last_seq, deadline_at,
             created_at, updated_at, intent_type, correlation_id, extras, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14, ?15, ?16)",
    )?;
    put.execute(params![
        new.intent_id.as_bytes(),
        new.workspace_id.as_bytes(),
        new.from.as_str(),
        new.to.as_str(),
        status.as_str(),
        int(cursor),
        int(revision.0),
        int(batch.epoch.0),
        new.delivery_attempts_max,
        int(lifecycle::first_seq(status)),
        new.deadline_at.map(axme_core::time::Timestamp::as_micros),
        new.created_at.as_micros(),
        new.intent_type,
        new.correlation_id,
        new.extras,
        new.payload,
    ])?;
    Ok(())
}

fn keep_waiting(batch: &Batch<'_>, new: &NewIntent) -> rusqlite::Result<()> {
    let row_id = u64::try_from(batch.connection().last_insert_rowid()).unwrap_or(0);
    rows::keep_event(batch.connection(), row_id, &lifecycle::waiting(new))
}
