//! The audit as a table for spreadsheets.
//!
//! What stands in the audit was said by others, and a spreadsheet takes a cell that begins like a
//! formula for one: such a cell gets an apostrophe before it.

use axme_api::audit::{ActorKind, AuditEvent, AuditQuery, AuditResult};
use axme_engine::{Caller, Engine};
use serde_json::Value;

use super::{Rows, shown};
use crate::read::ReadError;

/// Events of one table, and when the caller names no limit.
const EVENTS_MAX: usize = 10_000;
/// Events that are read together.
const PAGE_EVENTS: usize = 500;

const COLUMNS: [&str; 17] = [
    "at",
    "action",
    "result",
    "actor_id",
    "actor_kind",
    "key_id",
    "client_address",
    "target",
    "request_id",
    "reason",
    "before",
    "after",
    "details",
    "event_id",
    "chain",
    "position",
    "hash",
];

/// A table, and where the next one goes on.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) text: String,
    pub(crate) next_cursor: Option<String>,
}

/// The audit within the scope of the caller's key as a table, newest first.
pub(crate) async fn csv(
    engine: &Engine,
    caller: &Caller,
    mut query: AuditQuery,
) -> Result<Table, ReadError> {
    let mut left = match query.limit {
        None => EVENTS_MAX,
        Some(0) => return Err(ReadError::query("limit", "must be at least 1")),
        Some(limit) => usize::try_from(limit).map_or(EVENTS_MAX, |limit| limit.min(EVENTS_MAX)),
    };
    let mut text = COLUMNS.join(",");
    text.push_str("\r\n");
    loop {
        let page = left.min(PAGE_EVENTS);
        let Rows { rows, next_cursor } = super::rows(engine, caller, &query, page).await?;
        rows.iter().for_each(|row| push_row(&mut text, &shown::event(row)));
        left -= page;
        if left == 0 || next_cursor.is_none() {
            return Ok(Table { text, next_cursor });
        }
        query.cursor = next_cursor;
    }
}

fn push_row(text: &mut String, event: &AuditEvent) {
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let result = match event.result {
        AuditResult::Ok => "ok",
        AuditResult::Refused => "refused",
    };
    let actor_kind = match event.actor_kind {
        ActorKind::Key => "key",
        ActorKind::Local => "local",
        ActorKind::Gateway => "gateway",
    };
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    let cells: [String; COLUMNS.len()] = [
        event.at.clone(),
        event.action.clone(),
        result.to_owned(),
        event.actor_id.clone(),
        actor_kind.to_owned(),
        optional(&event.key_id),
        optional(&event.client_address),
        optional(&event.target),
        optional(&event.request_id),
        optional(&event.reason),
        json(&event.before),
        json(&event.after),
        json(&event.details),
        event.event_id.clone(),
        event.chain.clone(),
        event.position.to_string(),
        event.hash.clone(),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// A cell in quotes, where it needs them, and never a formula.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let apostrophe = if is_formula { "'" } else { "" };
    if is_formula || cell.contains([',', '"', '\n', '\r']) {
        format!("\"{apostrophe}{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_never_breaks_its_row() {
        assert_eq!(quoted("agent.killed"), "agent.killed");
        assert_eq!(quoted("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        for begins in ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx"] {
            assert!(quoted(begins).starts_with("\"'"), "{begins:?}");
        }
        assert_eq!(quoted("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
        assert_eq!(quoted(""), "");
    }
}
