//! The bare loop: the rows of intents written straight into the tables, in the same batches.

use std::path::Path;
use std::time::{Duration, Instant};

use axme_core::time::Timestamp;
use axme_engine::chance::Chance;
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// Transactions after which the log is looked at, and pages from which on it is moved: as the
/// store does it.
const LOOK_EVERY_COMMITS: u32 = 4;
const LEFT_PAGES_MAX: i64 = 2_000;

/// What every intent of the benchmarks carries.
pub fn payload() -> Value {
    json!({ "n": 12_345, "to": "customer-12345@example.com", "subject": "Offer no. 12345" })
}

/// A writer without anything around it.
pub struct BareLoop {
    connection: Connection,
    workspace: [u8; 16],
    cursor: i64,
    commits: u32,
}

impl BareLoop {
    /// Takes over the tables and indexes that the store makes, and its settings.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        drop(SqliteStore::open(folder, SqliteOptions::default())?);
        let connection = Connection::open(folder.join("axme.db"))?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        connection.pragma_update(None, "cache_size", -(32 << 10))?;
        let workspace = *Chance.workspace(Timestamp::from_micros(0)).as_bytes();
        Ok(Self { connection, workspace, cursor: 0, commits: 0 })
    }

    /// Writes batches for a while and answers the rows a second.
    pub fn run(&mut self, period: Duration, batch_rows: usize) -> anyhow::Result<f64> {
        let payload = payload().to_string();
        let (mut rows, began) = (0, Instant::now());
        while began.elapsed() < period {
            self.batch(batch_rows, &payload)?;
            self.look_after_the_log()?;
            rows += batch_rows;
        }
        Ok(rows as f64 / began.elapsed().as_secs_f64())
    }

    fn batch(&mut self, rows: usize, payload: &str) -> anyhow::Result<()> {
        let at = i64::try_from(jiff::Timestamp::now().as_microsecond())?;
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT INTO intents (intent_id, workspace_id, sender, receiver, status, cursor,
                     admitted_at_revision, epoch, delivery_attempts_max, last_seq, deadline_at,
                     created_at, updated_at, intent_type, correlation_id, extras, payload)
                 VALUES (?1, ?2, ?3, ?4, 'SUBMITTED', ?5, 23, 1, 3, 2, NULL, ?6, ?6,
                     'intent.email.send.v1', '019ab1f0-a000-7000-8000-00000000000a', '{}', ?7)",
            )?;
            for row in 0..rows {
                self.cursor += 2;
                let id = Chance.intent(Timestamp::from_micros(at));
                let sender = format!("agent://myorg/production/sender-{:02}", row % 10);
                let receiver = "agent://myorg/production/receiver-00";
                let (id, workspace) = (id.as_bytes(), &self.workspace);
                put.execute(params![id, workspace, sender, receiver, self.cursor, at, payload])?;
            }
            let mut lane = transaction.prepare_cached(
                "INSERT INTO lane (workspace_id, address, n) VALUES (?1, ?2, ?3)
                 ON CONFLICT (workspace_id, address) DO UPDATE SET n = excluded.n",
            )?;
            lane.execute(params![
                self.workspace,
                "agent://myorg/production/receiver-00",
                self.cursor
            ])?;
        }
        Ok(transaction.commit()?)
    }

    fn look_after_the_log(&mut self) -> anyhow::Result<()> {
        self.commits += 1;
        if self.commits % LOOK_EVERY_COMMITS == 0
            && self.pages_left("PRAGMA wal_checkpoint(NOOP)")? >= LEFT_PAGES_MAX
        {
            self.pages_left("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        Ok(())
    }

    fn pages_left(&self, pragma: &str) -> rusqlite::Result<i64> {
        let mut get = self.connection.prepare_cached(pragma)?;
        get.query_row((), |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    }
}
