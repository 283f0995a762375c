//! Intents and their events as rows.

use axme_core::id::{IntentId, WorkspaceId};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use crate::ledger::{Event, Intent};
use crate::lifecycle;
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
    let mut found = lifecycle::first_events(of, since);
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
    let stored = events(connection, of, of.last_seq.saturating_sub(1))?;
    Ok(lifecycle::last_event(of, stored))
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

/// Stores an intent that went one event further, and the event.
pub(super) fn keep_step(connection: &Connection, intent: &Intent, event: &Event) -> Result<()> {
    if intent.status.is_terminal() {
        end(connection, intent)?;
    } else {
        step(connection, intent)?;
    }
    keep_event(connection, intent.row_id, event)
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
