//! Intents and their events as rows.

use axme_core::id::{IntentId, WorkspaceId};
use axme_core::intent::Status;
use axme_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use crate::ledger::{Event, Intent};
use crate::sqlite::columns::{Columns as _, int};

/// A query for whole intents: everything after `FROM intents`.
macro_rules! select_intents {
    ($rest:literal) => {
        concat!(
            "SELECT row_id, intent_id, workspace_id, sender, receiver, intent_type, \
             correlation_id, payload, extras, status, cursor, admitted_at_revision, \
             delivery_attempt, delivery_attempts_max, outcome, deadline_at, created_at, \
             updated_at, ended_at, last_seq, policy_generation FROM intents ",
            $rest
        )
    };
}
pub(super) use select_intents;

/// Reads a row of [`select_intents`].
pub(super) fn intent(row: &Row<'_>) -> Result<Intent> {
    Ok(Intent {
        row_id: row.number(0)?,
        intent_id: IntentId::from_bytes(row.id(1)?),
        workspace_id: WorkspaceId::from_bytes(row.id(2)?),
        from: row.address(3)?,
        to: row.address(4)?,
        intent_type: row.text(5)?,
        correlation_id: row.text(6)?,
        payload: row.text(7)?,
        extras: row.text(8)?,
        status: row.status(9)?,
        cursor: row.number(10)?,
        admitted_at_revision: row.revision(11)?,
        delivery_attempt: row.get(12)?,
        delivery_attempts_max: row.get(13)?,
        outcome: row.optional_text(14)?,
        deadline_at: row.optional_time(15)?,
        created_at: row.time(16)?,
        updated_at: row.time(17)?,
        ended_at: row.optional_time(18)?,
        last_seq: row.number(19)?,
        policy_generation: row.number(20)?,
    })
}

pub(super) fn intent_by_id(connection: &Connection, id: IntentId) -> Result<Option<Intent>> {
    let mut get = connection.prepare_cached(select_intents!("WHERE intent_id = ?1"))?;
    get.query_row([id.as_bytes()], intent).optional()
}

pub(super) fn intent_by_row(connection: &Connection, row_id: u64) -> Result<Option<Intent>> {
    let mut get = connection.prepare_cached(select_intents!("WHERE row_id = ?1"))?;
    get.query_row([int(row_id)], intent).optional()
}

/// The events of an intent with a sequence number after `since`, in order.
pub(super) fn events(connection: &Connection, of: &Intent, since: u64) -> Result<Vec<Event>> {
    let mut found: Vec<Event> =
        first_events(of).into_iter().filter(|event| event.seq > since).collect();
    let mut get = connection.prepare_cached(
        "SELECT seq, event_type, status, at, actor, details FROM intent_event
         WHERE intent_row_id = ?1 AND seq > ?2 ORDER BY seq",
    )?;
    let stored = get.query_map([int(of.row_id), int(since)], |row| {
        Ok(Event {
            intent_id: of.intent_id,
            seq: row.number(0)?,
            event_type: row.text(1)?,
            status: row.status(2)?,
            at: row.time(3)?,
            actor: row.optional_text(4)?,
            details: row.optional_text(5)?,
        })
    })?;
    for event in stored {
        found.push(event?);
    }
    Ok(found)
}

/// The last event of an intent.
pub(super) fn last_event(connection: &Connection, of: &Intent) -> Result<Event> {
    let last = events(connection, of, of.last_seq.saturating_sub(1))?.pop();
    Ok(last.unwrap_or_else(|| follows_from(of, 2, Status::Submitted)))
}

/// Keeps an event.
pub(super) fn keep_event(connection: &Connection, row_id: u64, event: &Event) -> Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO intent_event (intent_row_id, seq, event_type, status, at, actor, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    put.execute(params![
        int(row_id),
        int(event.seq),
        event.event_type,
        event.status.as_str(),
        event.at.as_micros(),
        event.actor,
        event.details,
    ])
    .map(drop)
}

/// A change of an intent that is an event.
pub(super) struct Change {
    pub(super) status: Status,
    pub(super) event_type: &'static str,
    pub(super) at: Timestamp,
    pub(super) actor: Option<Box<str>>,
    pub(super) details: Option<Box<str>>,
    /// Kept with the intent when the status ends it.
    pub(super) outcome: Option<Box<str>>,
}

/// Takes an intent one event further, in memory and in its rows.
pub(super) fn advance(
    connection: &Connection,
    intent: &mut Intent,
    change: Change,
) -> Result<Event> {
    let Change { status, event_type, at, actor, details, outcome } = change;
    intent.status = status;
    intent.last_seq += 1;
    intent.updated_at = at;
    if status.is_terminal() {
        intent.ended_at = Some(at);
        intent.outcome = outcome;
        end(connection, intent)?;
    } else {
        step(connection, intent)?;
    }
    let event = Event {
        intent_id: intent.intent_id,
        seq: intent.last_seq,
        event_type: event_type.into(),
        status,
        at,
        actor,
        details,
    };
    keep_event(connection, intent.row_id, &event)?;
    Ok(event)
}

/// Only the columns that change are named: SQLite writes every index that a named one is part of.
fn step(connection: &Connection, intent: &Intent) -> Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE intents SET status = ?2, last_seq = ?3, updated_at = ?4 WHERE row_id = ?1",
    )?;
    let (status, at) = (intent.status.as_str(), intent.updated_at.as_micros());
    update.execute(params![int(intent.row_id), status, int(intent.last_seq), at]).map(drop)
}

fn end(connection: &Connection, intent: &Intent) -> Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE intents SET status = ?2, last_seq = ?3, updated_at = ?4, ended_at = ?4, outcome = ?5
         WHERE row_id = ?1",
    )?;
    let (status, at) = (intent.status.as_str(), intent.updated_at.as_micros());
    let (row_id, last_seq) = (int(intent.row_id), int(intent.last_seq));
    update.execute(params![row_id, status, last_seq, at, intent.outcome]).map(drop)
}

fn first_events(of: &Intent) -> [Event; 2] {
    [follows_from(of, 1, Status::Created), follows_from(of, 2, Status::Submitted)]
}

fn follows_from(of: &Intent, seq: u64, status: Status) -> Event {
    Event {
        intent_id: of.intent_id,
        seq,
        event_type: status.event_type().into(),
        status,
        at: of.created_at,
        actor: Some(of.from.as_str().into()),
        details: None,
    }
}
