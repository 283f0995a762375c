//! Audit events of all chains, newest first.
//!
//! Each of the two tables is read in order by its own index; the pages are put together after.

use std::cmp::Reverse;

use axme_core::id::{AddressId, KeyId};
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, Result, Row, params_from_iter};

use crate::ledger::{AuditQuery, AuditRow, ChainId, LIST_ROWS_MAX};
use crate::sqlite::columns::{Columns as _, int, limit};

/// Action prefixes that one query takes; the rest is left out.
const PREFIXES_MAX: usize = 32;

pub(super) fn audit_events(connection: &Connection, query: &AuditQuery) -> Result<Vec<AuditRow>> {
    let reading = connection.unchecked_transaction()?;
    let mut rows = page(&reading, &CONTROL, query)?;
    rows.extend(page(&reading, &EPOCHS, query)?);
    rows.sort_by_key(|row| Reverse((row.at, row.chain.rank(), row.position)));
    rows.truncate(query.rows_max.min(LIST_ROWS_MAX));
    Ok(rows)
}

/// One of the tables that hold audit events. Both have the same columns beside these.
struct Table {
    name: &'static str,
    /// The rank of the chain, as an expression.
    rank: &'static str,
    position: &'static str,
    order: &'static str,
}

const CONTROL: Table =
    Table { name: "control_log", rank: "0", position: "revision", order: "at DESC, revision DESC" };
const EPOCHS: Table = Table {
    name: "audit_log",
    rank: "epoch",
    position: "seq",
    order: "at DESC, epoch DESC, seq DESC",
};

fn page(connection: &Connection, table: &Table, query: &AuditQuery) -> Result<Vec<AuditRow>> {
    let Table { name, rank, position, order } = table;
    let mut conditions = Conditions::default();
    conditions.add_all(table, query);
    let Conditions { text, mut values } = conditions;
    values.push(Value::Integer(limit(query.rows_max.min(LIST_ROWS_MAX))));
    let sql = format!(
        "SELECT {rank}, {position}, hash, at, body FROM {name} WHERE TRUE{text} \
         ORDER BY {order} LIMIT ?"
    );
    let mut get = connection.prepare_cached(&sql)?;
    let rows = get.query_map(params_from_iter(values), audit_row)?;
    rows.collect()
}

fn audit_row(row: &Row<'_>) -> Result<AuditRow> {
    Ok(AuditRow {
        chain: ChainId::of_rank(row.number(0)?),
        position: row.number(1)?,
        hash: row.hash(2)?,
        at: row.time(3)?,
        body: row.get(4)?,
    })
}

/// What a row must be, as text of SQL and the values in it.
#[derive(Default)]
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    fn add_all(&mut self, table: &Table, query: &AuditQuery) {
        let AuditQuery { scope, action_prefixes, actor, address_id, since, until, after, .. } =
            query;
        match scope {
            Scope::Installation => {}
            Scope::Organization { org } => self.add("org_id = ?", [blob(org.as_bytes())]),
            Scope::Workspace { workspace, .. } => {
                self.add("workspace_id = ?", [blob(workspace.as_bytes())]);
            }
        }
        if let Some(since) = since {
            self.add("at >= ?", [micros(*since)]);
        }
        if let Some(until) = until {
            self.add("at < ?", [micros(*until)]);
        }
        if let Some((at, chain, position)) = after {
            let (rank_value, position_value) = (int(chain.rank()), int(*position));
            let place = [micros(*at), Value::Integer(rank_value), Value::Integer(position_value)];
            let Table { rank, position, .. } = table;
            self.add("at <= ?", [micros(*at)]);
            self.add(&format!("(at, {rank}, {position}) < (?, ?, ?)"), place);
        }
        if let Some(address) = address_id {
            self.add("address_id = ?", [blob(AddressId::as_bytes(address))]);
        }
        if let Some(actor) = actor {
            self.add_actor(actor);
        }
        self.add_prefixes(action_prefixes);
    }

    /// An actor is named by its name or by its key.
    fn add_actor(&mut self, actor: &str) {
        let name = Value::Text(actor.to_owned());
        match actor.parse::<KeyId>() {
            Ok(key) => self.add("(actor = ? OR actor_key_id = ?)", [name, blob(key.as_bytes())]),
            Err(_) => self.add("actor = ?", [name]),
        }
    }

    fn add_prefixes(&mut self, prefixes: &[Box<str>]) {
        if prefixes.is_empty() {
            return;
        }
        let prefixes = prefixes.iter().take(PREFIXES_MAX);
        let (mut any, mut values) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            any.push("substr(action, 1, length(?)) = ?");
            values.extend([Value::Text(prefix.to_string()), Value::Text(prefix.to_string())]);
        }
        self.add(&format!("({})", any.join(" OR ")), values);
    }

    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.extend(values);
    }
}

fn micros(at: Timestamp) -> Value {
    Value::Integer(at.as_micros())
}

fn blob(bytes: &[u8; 16]) -> Value {
    Value::Blob(bytes.to_vec())
}
