//! Reading intents: lists of a workspace, and the queue of a receiver.

use axme_core::address::Address;
use axme_core::id::IntentId;
use axme_core::intent::Status;
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};

use crate::ledger::{Event, Intent, IntentQuery, LIST_ROWS_MAX, QueueQuery};
use crate::sqlite::columns::{Columns as _, int, limit};
use crate::sqlite::rows::{self, select_intents};

/// The events of an intent. None when there is no such intent.
pub(super) fn events(
    connection: &Connection,
    id: IntentId,
    since: u64,
) -> Result<Option<Vec<Event>>> {
    let reading = connection.unchecked_transaction()?;
    let Some(intent) = rows::intent_by_id(&reading, id)? else { return Ok(None) };
    rows::events(&reading, &intent, since).map(Some)
}

/// What a receiver has not finished, in the order of its cursors.
pub(super) fn queue(connection: &Connection, query: &QueueQuery) -> Result<Vec<Intent>> {
    let (sql, values) = queue_statement(query);
    let mut get = connection.prepare_cached(&sql)?;
    get.query_map(params_from_iter(values), rows::intent)?.collect()
}

fn queue_statement(query: &QueueQuery) -> (String, Vec<Value>) {
    let mut values = vec![
        Value::Blob(query.workspace_id.as_bytes().to_vec()),
        text(query.receiver.as_str()),
        Value::Integer(int(query.since)),
    ];
    // What has ended is found only when it is asked for: no index holds it in this order.
    let mut sql = String::from(if query.statuses.iter().any(|status| status.is_terminal()) {
        select_intents!("WHERE workspace_id = ? AND receiver = ? AND cursor > ?")
    } else {
        select_intents!(
            "INDEXED BY intents_queued
             WHERE workspace_id = ? AND receiver = ? AND cursor > ? AND ended_at IS NULL"
        )
    });
    // What waits for an operator goes to nobody.
    sql.push_str(" AND status <> 'WAITING'");
    add_statuses(&mut sql, &mut values, &query.statuses);
    sql.push_str(" ORDER BY cursor LIMIT ?");
    values.push(Value::Integer(limit(query.rows_max.min(LIST_ROWS_MAX))));
    (sql, values)
}

/// The intents of a workspace, newest first.
///
/// Each index that can hold some of the page is read in its order, row ids only; the newest of
/// them are then read whole.
pub(super) fn intents(connection: &Connection, query: &IntentQuery) -> Result<Vec<Intent>> {
    let reading = connection.unchecked_transaction()?;
    let mut found = match &query.party {
        Some(party) => of_party(&reading, query, party)?,
        None => of_workspace(&reading, query)?,
    };
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.dedup();
    found.truncate(rows_max(query));
    let read = |row_id| rows::intent_by_row(&reading, row_id).transpose();
    found.into_iter().filter_map(read).collect()
}

fn of_workspace(connection: &Connection, query: &IntentQuery) -> Result<Vec<u64>> {
    let statuses = if query.statuses.is_empty() { &Status::ALL[..] } else { &query.statuses };
    let mut found = Vec::new();
    for status in statuses {
        let first = [text(status.as_str())];
        found.extend(row_ids(connection, query, "intents_listed", "status = ?", first)?);
    }
    Ok(found)
}

/// The indexes that together hold all intents of an agent, with what makes each of them apply.
const OF_PARTY: [(&str, &str); 5] = [
    ("intents_undelivered", "sender = ? AND ended_at IS NULL AND delivery_attempt = 0"),
    ("intents_unfinished_sent", "sender = ? AND ended_at IS NULL AND delivery_attempt > 0"),
    ("intents_ended_sent", "sender = ? AND ended_at IS NOT NULL"),
    ("intents_queued", "receiver = ? AND ended_at IS NULL"),
    ("intents_ended_received", "receiver = ? AND ended_at IS NOT NULL"),
];

fn of_party(connection: &Connection, query: &IntentQuery, party: &Address) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for (index, condition) in OF_PARTY {
        let (mut condition, mut values) = (condition.to_owned(), vec![text(party.as_str())]);
        add_statuses(&mut condition, &mut values, &query.statuses);
        found.extend(row_ids(connection, query, index, &condition, values)?);
    }
    Ok(found)
}

fn row_ids(
    connection: &Connection,
    query: &IntentQuery,
    index: &str,
    condition: &str,
    condition_values: impl IntoIterator<Item = Value>,
) -> Result<Vec<u64>> {
    let mut values = vec![Value::Blob(query.workspace_id.as_bytes().to_vec())];
    values.extend(condition_values);
    values.push(Value::Integer(query.before.map_or(i64::MAX, int)));
    let mut sql = format!(
        "SELECT row_id FROM intents INDEXED BY {index}
         WHERE workspace_id = ? AND {condition} AND row_id < ?"
    );
    if let Some(before) = query.created_before {
        sql.push_str(" AND created_at < ?");
        values.push(Value::Integer(before.as_micros()));
    }
    sql.push_str(" ORDER BY row_id DESC LIMIT ?");
    values.push(Value::Integer(limit(rows_max(query))));
    let mut get = connection.prepare_cached(&sql)?;
    get.query_map(params_from_iter(values), |row| row.number(0))?.collect()
}

fn add_statuses(sql: &mut String, values: &mut Vec<Value>, statuses: &[Status]) {
    if statuses.is_empty() {
        return;
    }
    let places = vec!["?"; statuses.len()].join(", ");
    sql.push_str(&format!(" AND status IN ({places})"));
    values.extend(statuses.iter().map(|status| text(status.as_str())));
}

fn rows_max(query: &IntentQuery) -> usize {
    query.rows_max.min(LIST_ROWS_MAX)
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[cfg(test)]
mod tests {
    use axme_core::id::WorkspaceId;
    use rusqlite::StatementStatus;
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::open;

    #[test]
    fn a_queue_is_read_again_and_again_without_compiling_the_statement_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        open::first(&path).unwrap();
        let connection = open::reader(&path).unwrap();
        for statuses in [vec![], vec![Status::Submitted, Status::Delivered]] {
            let mut query = QueueQuery {
                workspace_id: WorkspaceId::from_uuid(Uuid::from_u128(1)),
                receiver: Address::parse("agent://org/workspace/mailer").unwrap(),
                since: 0,
                statuses,
                rows_max: 10,
            };
            for since in 0..10 {
                query.since = since;
                assert_eq!(queue(&connection, &query).unwrap(), []);
            }
            let (sql, _) = queue_statement(&query);
            let statement = connection.prepare_cached(&sql).unwrap();
            assert_eq!(statement.get_status(StatementStatus::Run), 10, "it is the same one");
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
