//! Admitting intents: the hot path.

use axme_core::decide::Admission;
use axme_core::intent::Status;
use rusqlite::params;

use crate::error::{StoreError, WriteError};
use crate::gate::{Gate, Pass};
use crate::ledger::{Admitted, Event, NewIntent};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::int;
use crate::sqlite::failure::Failure;
use crate::sqlite::{idempotency, rows};

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
    let cursor = batch.next_cursor(new.workspace_id, &new.to)?;
    let (revision, status) = (pass.revision, first_status(&pass));
    insert(batch, new, &pass, cursor)?;
    if status == Status::Waiting {
        keep_waiting(batch, new)?;
    }
    if let Some(key) = &new.idempotency {
        let made = new.intent_id.to_string();
        idempotency::keep(batch.connection(), key, &made, new.created_at)?;
    }
    batch.keep(pass);
    Ok(Admitted::New { cursor, revision, status })
}

/// What an admitted intent stands at first.
const fn first_status(pass: &Pass) -> Status {
    match pass.admission {
        Admission::Flows | Admission::Held | Admission::Late => Status::Submitted,
        Admission::ForReview => Status::Waiting,
    }
}

fn admitted_before(
    batch: &Batch<'_>,
    new: &NewIntent,
) -> Result<Option<Admitted>, Failure<WriteError>> {
    let Some(key) = &new.idempotency else { return Ok(None) };
    let Some(answered) = idempotency::find(batch.connection(), key)? else { return Ok(None) };
    if !answered.same_request {
        return Err(Failure::Refused(WriteError::KeyReused));
    }
    let Ok(intent_id) = answered.made.parse() else {
        let text = "an idempotency key stands for something that is no intent".to_owned();
        return Err(Failure::Refused(StoreError::Unusable(text).into()));
    };
    Ok(Some(Admitted::Before { intent_id }))
}

fn insert(batch: &Batch<'_>, new: &NewIntent, pass: &Pass, cursor: u64) -> rusqlite::Result<()> {
    let status = first_status(pass);
    let last_seq = if status == Status::Waiting { 3 } else { 2 };
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
        int(pass.revision.0),
        int(batch.epoch.0),
        new.delivery_attempts_max,
        last_seq,
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
    let event = Event {
        intent_id: new.intent_id,
        seq: 3,
        event_type: Status::Waiting.event_type().into(),
        status: Status::Waiting,
        at: new.created_at,
        actor: None,
        details: None,
    };
    rows::keep_event(batch.connection(), row_id, &event)
}
