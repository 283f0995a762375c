//! Audit events of all chains, newest first.
//!
//! Each of the two tables is read in order by its own index, in one statement; the pages are put
//! together there.

use axme_core::id::KeyId;
use axme_core::role::Scope;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::ledger::{AuditQuery, AuditRow, ChainId, LIST_ROWS_MAX};
use crate::postgres::columns::{Columns as _, int, limit};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// Action prefixes that one query takes; the rest is left out.
const PREFIXES_MAX: usize = 32;

/// One of the tables that hold audit events. Both have the same columns beside these.
struct Table {
    name: &'static str,
    /// The rank of the chain, as an expression.
    rank: &'static str,
    position: &'static str,
    order: &'static str,
}

const CONTROL: Table = Table {
    name: "control_log",
    rank: "0::bigint",
    position: "revision",
    order: "at DESC, revision DESC",
};
const EPOCHS: Table = Table {
    name: "audit_log",
    rank: "epoch",
    position: "seq",
    order: "at DESC, epoch DESC, seq DESC",
};

pub(super) async fn audit_events(
    session: &Session,
    query: &AuditQuery,
) -> Result<Vec<AuditRow>, Failure> {
    let mut conditions = Conditions::default();
    conditions.add_all(query);
    let rows_max = conditions.value(limit(query.rows_max.min(LIST_ROWS_MAX)));
    let page = |Table { name, rank, position, order }: &Table| {
        let chosen = conditions.of_table(rank, position);
        format!(
            "(SELECT {rank} AS rank, {position} AS position, hash, at, body FROM {name} \
             WHERE TRUE{chosen} ORDER BY {order} LIMIT {rows_max})"
        )
    };
    let sql = format!(
        "{} UNION ALL {} ORDER BY at DESC, rank DESC, position DESC LIMIT {rows_max}",
        page(&CONTROL),
        page(&EPOCHS)
    );
    let values: Vec<&(dyn ToSql + Sync)> =
        conditions.values.iter().map(|value| &**value as _).collect();
    session.read(&sql, &values).await?.iter().map(audit_row).collect()
}

fn audit_row(row: &Row) -> Result<AuditRow, Failure> {
    Ok(AuditRow {
        chain: ChainId::of_rank(row.number(0)?),
        position: row.number(1)?,
        hash: row.hash(2)?,
        at: row.time(3)?,
        body: row.bytes(4)?,
    })
}

/// What a row must be, as text of SQL and the values in it. `{rank}` and `{position}` stand for
/// those of a table.
#[derive(Default)]
struct Conditions {
    text: String,
    values: Vec<Box<dyn ToSql + Send + Sync>>,
}

impl Conditions {
    fn add_all(&mut self, query: &AuditQuery) {
        match query.scope {
            Scope::Installation => {}
            Scope::Organization { org } => self.compare("org_id =", *org.as_uuid()),
            Scope::Workspace { workspace, .. } => {
                self.compare("workspace_id =", *workspace.as_uuid());
            }
        }
        if let Some(since) = query.since {
            self.compare("at >=", since.as_micros());
        }
        if let Some(until) = query.until {
            self.compare("at <", until.as_micros());
        }
        if let Some((at, chain, position)) = query.after {
            let at = self.value(at.as_micros());
            let (rank, position) = (self.value(int(chain.rank())), self.value(int(position)));
            self.add(&format!("at <= {at}"));
            self.add(&format!("(at, {{rank}}, {{position}}) < ({at}, {rank}, {position})"));
        }
        if let Some(address) = query.address_id {
            self.compare("address_id =", *address.as_uuid());
        }
        if let Some(actor) = &query.actor {
            self.add_actor(actor);
        }
        self.add_prefixes(&query.action_prefixes);
    }

    /// An actor is named by its name or by its key.
    fn add_actor(&mut self, actor: &str) {
        let name = self.value(searched(actor));
        match actor.parse::<KeyId>() {
            Ok(key) => {
                let key = self.value(*key.as_uuid());
                self.add(&format!("(actor = {name} OR actor_key_id = {key})"));
            }
            Err(_) => self.add(&format!("actor = {name}")),
        }
    }

    fn add_prefixes(&mut self, prefixes: &[Box<str>]) {
        if prefixes.is_empty() {
            return;
        }
        let mut any = Vec::new();
        for prefix in prefixes.iter().take(PREFIXES_MAX) {
            let prefix = self.value(searched(prefix));
            any.push(format!("starts_with(action, {prefix})"));
        }
        self.add(&format!("({})", any.join(" OR ")));
    }

    fn compare(&mut self, left: &str, right: impl ToSql + Send + Sync + 'static) {
        let right = self.value(right);
        self.add(&format!("{left} {right}"));
    }

    fn add(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }

    /// Keeps a value, and answers what stands for it.
    fn value(&mut self, value: impl ToSql + Send + Sync + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn of_table(&self, rank: &str, position: &str) -> String {
        self.text.replace("{rank}", rank).replace("{position}", position)
    }
}

/// Text that is searched for. What no stored text can hold is found nowhere.
fn searched(text: &str) -> String {
    if text.contains('\0') { "\u{fffd}\u{fffd}".to_owned() } else { text.to_owned() }
}
