//! Removing what has been kept long enough, a slice at a time.
//!
//! Rows stand in the order in which they came, so that what is old stands in front: a pass walks
//! from the first row on and is over at the first stretch in which nothing is old enough. No
//! index on the time of ending is needed, which every intent would pay for. Of several replicas
//! each walks by itself; what one has removed the others do not find.

use std::sync::{Mutex, PoisonError};

use axme_core::time::Timestamp;

use crate::control::ReplicaEpoch;
use crate::ledger::Retention;
use crate::postgres::columns::{Columns as _, int, limit};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::{Parameters, Session};

/// Rows of a stretch, which is one statement and one slice: it ends within 10 ms.
const STRETCH_ROWS: usize = 256;

/// Where the current pass is.
#[derive(Debug, Default)]
pub(super) struct Pass(Mutex<Place>);

#[derive(Clone, Copy, Debug)]
struct Place {
    table: Table,
    after: u64,
}

/// The tables of a pass, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Intents,
    Idempotency,
    Beats,
    Accounts,
    KillInstances,
    Instances,
    Sessions,
    Hours,
    Traffic,
    Days,
}

impl Default for Place {
    fn default() -> Self {
        Self { table: Table::Intents, after: 0 }
    }
}

impl Pass {
    /// Does one slice. True when the pass is not over.
    pub(super) async fn retain(
        &self,
        session: &Session,
        me: &ReplicaEpoch,
        retention: &Retention,
    ) -> Result<bool, Failure> {
        let place = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = stretch(session, me, place, retention).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next.unwrap_or_default();
        Ok(next.is_some())
    }
}

/// Removes what is old enough of the next rows. None when the pass is over.
async fn stretch(
    session: &Session,
    me: &ReplicaEpoch,
    Place { table, after }: Place,
    retention: &Retention,
) -> Result<Option<Place>, Failure> {
    let keys_before = retention.keys_used_before;
    let before = match table {
        Table::Intents | Table::KillInstances => retention.intents_ended_before,
        Table::Instances => retention.instances_seen_before,
        Table::Idempotency | Table::Beats | Table::Accounts | Table::Sessions => keys_before,
        Table::Hours | Table::Traffic => retention.hours_before,
        Table::Days => retention.days_before,
    };
    let begin = |table| Some(Place { table, after: 0 });
    Ok(match (send(session, me, (table, after), before).await?, table) {
        (Some(after), table) => Some(Place { table, after }),
        (None, Table::Intents) => begin(Table::Idempotency),
        (None, Table::Idempotency) => begin(Table::Beats),
        (None, Table::Beats) => begin(Table::Accounts),
        (None, Table::Accounts) => begin(Table::KillInstances),
        (None, Table::KillInstances) => begin(Table::Instances),
        (None, Table::Instances) => begin(Table::Sessions),
        (None, Table::Sessions) => begin(Table::Hours),
        (None, Table::Hours) => begin(Table::Traffic),
        (None, Table::Traffic) => begin(Table::Days),
        (None, Table::Days) => None,
    })
}

/// Where to go on in the table; none when nothing older comes.
async fn send(
    session: &Session,
    me: &ReplicaEpoch,
    (table, after): (Table, u64),
    before: Timestamp,
) -> Result<Option<u64>, Failure> {
    let (epoch, after, before) = (int(me.epoch.0), int(after), before.as_micros());
    let rows_max = limit(STRETCH_ROWS);
    let parameters: Parameters<'_> = &[&me.replica_id, &epoch, &after, &before, &rows_max];
    let rows = rows::write(session, table.removing(), parameters).await?;
    rows.first().map_or(Ok(None), |row| row.optional_number(1))
}

/// Rows of a table that has a row id and the time of each.
macro_rules! plain {
    ($table:literal) => {
        as_me!(
            "stretch AS MATERIALIZED (
                SELECT row_id, at FROM ",
            $table,
            " WHERE row_id > $3 ORDER BY row_id LIMIT $5
            ), gone AS (
                DELETE FROM ",
            $table,
            " AS old USING me, stretch
                WHERE old.row_id = ANY (ARRAY[stretch.row_id]) AND stretch.at < $4
            )
            SELECT EXISTS (SELECT FROM me),
                (SELECT max(row_id) FROM stretch HAVING bool_or(at < $4))"
        )
    };
}

/// Rows of a table whose time in `$column` is before; some at a time, in no order.
macro_rules! older {
    ($table:literal, $column:literal) => {
        as_me!(
            "gone AS (
                DELETE FROM ",
            $table,
            " AS old USING me WHERE old.ctid = ANY (ARRAY(
                    SELECT ctid FROM ",
            $table,
            " WHERE ",
            $column,
            " < $4 LIMIT $5
                ))
                RETURNING 1
            )
            SELECT EXISTS (SELECT FROM me),
                (SELECT $3::bigint FROM gone HAVING count(*) = $5)"
        )
    };
}

impl Table {
    /// The statement that looks at a stretch after row `$3`, removes of it what is from before
    /// `$4`, and answers its last row if anything in it was as old.
    const fn removing(self) -> &'static str {
        match self {
            Self::Intents => INTENTS,
            Self::Idempotency => plain!("idempotency"),
            Self::Beats => plain!("beat_seen"),
            Self::Accounts => plain!("stop_account"),
            Self::KillInstances => plain!("kill_instance"),
            Self::Instances => older!("instance", "last_seen_at"),
            Self::Sessions => older!("session_used", "at"),
            Self::Hours => older!("usage_hour", "start"),
            Self::Traffic => older!("traffic_hour", "start"),
            Self::Days => older!("usage_day", "start"),
        }
    }
}

/// Intents that ended before, with their events. One that is not old enough may be younger than
/// what follows.
const INTENTS: &str = as_me!(
    "stretch AS MATERIALIZED (
        SELECT row_id, created_at, ended_at FROM intents
        WHERE row_id > $3 ORDER BY row_id LIMIT $5
    ), gone AS (
        DELETE FROM intents USING me, stretch
        WHERE intents.row_id = ANY (ARRAY[stretch.row_id]) AND stretch.ended_at < $4
        RETURNING intents.row_id
    ), events AS (
        DELETE FROM intent_event USING gone
        WHERE intent_row_id = ANY (ARRAY[gone.row_id])
    )
    SELECT EXISTS (SELECT FROM me),
        (SELECT max(row_id) FROM stretch HAVING bool_or(created_at < $4))"
);
