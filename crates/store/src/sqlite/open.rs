//! Opening the database: its file, its settings, and whether it is one that we can use.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use axme_core::chain::Hash;
use axme_core::id::Revision;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::control::LogHead;
use crate::sqlite::columns::Columns as _;
use crate::sqlite::{OpenError, failure, schema};

/// A database up to this size is checked whole when it is opened; more would take too long.
const CHECKED_BYTES_MAX: u64 = 64 << 20;
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 128;
/// How long a connection waits for another of this process.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Opens the writer's connection for the first time, and makes the tables in a new database.
pub(super) fn first(path: &Path) -> Result<Connection, OpenError> {
    create_file(path)?;
    let wrong = |error: rusqlite::Error| refused(path, &error);
    let mut connection = writer(path).map_err(wrong)?;
    let application: i32 = number(&connection, "application_id").map_err(wrong)?;
    let tables: i64 = connection
        .query_row("SELECT COUNT(*) FROM sqlite_schema", (), |row| row.get(0))
        .map_err(wrong)?;
    if application == 0 && tables == 0 {
        upgrade(&mut connection, 0).map_err(wrong)?;
    }
    let found = check(path, &connection)?;
    if found < schema::SCHEMA_VERSION {
        upgrade(&mut connection, found).map_err(wrong)?;
        let now = schema::SCHEMA_VERSION;
        tracing::info!(path = %path.display(), found, now, "the tables of the store were brought up to date");
    }
    Ok(connection)
}

fn upgrade(connection: &mut Connection, found: i32) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    schema::upgrade(&transaction, found)?;
    transaction.commit()
}

/// Opens the writer's connection to a database that exists.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Read here so that a file that is no database is told apart from one that cannot use WAL.
    number::<i32>(&connection, "schema_version")?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(no_write_ahead_log(&mode));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Checkpoints are the writer's own work, between transactions and never inside a commit.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -(32 << 10))?;
    Ok(connection)
}

/// Opens a connection that reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Plans do not depend on what is bound: otherwise the statement that reads a queue would be
    // compiled again for each cursor.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // No memory mapping: with it an I/O error would end the process.
    connection.pragma_update(None, "cache_size", -(8 << 10))?;
    Ok(connection)
}

/// The head of the control log.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<LogHead> {
    let mut get = connection.prepare_cached("SELECT revision, hash FROM control_head")?;
    get.query_row((), |row| {
        let (revision, hash): (Revision, Hash) = (row.revision(0)?, row.hash(1)?);
        Ok(LogHead { revision, hash })
    })
}

/// Moves everything from the write-ahead log into the database and empties it. False when a
/// reader stood in the way.
pub(super) fn truncate_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| {
        row.get(0).map(|busy: i64| busy == 0)
    })
}

fn create_file(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    // The files beside it get the same permissions.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| OpenError::io(path, error))
}

/// Whether it is one of ours and whole; the schema that it has.
fn check(path: &Path, connection: &Connection) -> Result<i32, OpenError> {
    let wrong = |error: rusqlite::Error| refused(path, &error);
    let damaged = |reason: String| OpenError::Damaged { path: path.to_path_buf(), reason };
    let application: i32 = number(connection, "application_id").map_err(wrong)?;
    if application != schema::APPLICATION_ID {
        return Err(damaged("it is the database of another program".to_owned()));
    }
    let found: i32 = number(connection, "user_version").map_err(wrong)?;
    if found > schema::SCHEMA_VERSION {
        let supported = schema::SCHEMA_VERSION;
        return Err(OpenError::SchemaNewer { path: path.to_path_buf(), found, supported });
    }
    let bytes = std::fs::metadata(path).map_err(|error| OpenError::io(path, error))?.len();
    if bytes <= CHECKED_BYTES_MAX {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0)).map_err(wrong)?;
        if verdict != "ok" {
            return Err(damaged(verdict));
        }
    }
    head(connection).map_err(wrong)?;
    Ok(found)
}

/// Without one a reader would hold up the writer.
fn no_write_ahead_log(mode: &str) -> rusqlite::Error {
    let told = format!("no write-ahead log on this file system, only journal mode {mode}");
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    rusqlite::Error::SqliteFailure(code, Some(told))
}

fn number<T: rusqlite::types::FromSql>(
    connection: &Connection,
    pragma: &str,
) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_path_buf();
    match failure::code(error) {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) | None => {
            OpenError::Damaged { path, reason: error.to_string() }
        }
        Some(_) => OpenError::Io { path, reason: error.to_string() },
    }
}
