//! Making the tables, and telling whether those that are there can be used.
//!
//! Replicas of two versions run side by side while they are upgraded: each step of the schema says
//! which older versions may go on using it.

use crate::control::Trouble;
use crate::postgres::failure::Failure;
use crate::postgres::schema::{MIGRATIONS, SCHEMA_VERSION};
use crate::postgres::session::Session;

/// Makes what is missing of the tables. Two that start at once do it one after the other.
pub(super) async fn migrate(session: &Session, schema: &str) -> Result<(), Failure> {
    let found = found(session, schema).await?;
    if found.version >= SCHEMA_VERSION {
        return if found.reads_from <= SCHEMA_VERSION { Ok(()) } else { Err(newer(&found)) };
    }
    let missing = MIGRATIONS.iter().filter(|step| step.version > found.version);
    for step in missing {
        // Without the right to make schemas the administrator makes it beforehand.
        let create = if found.schema {
            String::new()
        } else {
            format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\";")
        };
        // The lock is held to the end of the transaction; whoever waited for it finds the version
        // taken, which ends the script before anything is made twice.
        let script = format!(
            "BEGIN; SET LOCAL statement_timeout = 60000; SET LOCAL lock_timeout = 60000;
             SELECT pg_advisory_xact_lock(hashtext('axme'), hashtext('{schema}'));
             {create}
             CREATE TABLE IF NOT EXISTS schema_version (
                 version integer PRIMARY KEY, reads_from integer NOT NULL);
             INSERT INTO schema_version VALUES ({}, {});
             {} COMMIT",
            step.version, step.reads_from, step.sql
        );
        if let Err(failure) = session.script(&script).await {
            session.script("ROLLBACK").await?;
            // Another process was quicker, or it is a failure of its own.
            if self::found(session, schema).await?.version < step.version {
                return Err(failure);
            }
        } else {
            tracing::info!(schema, version = step.version, "the tables of the store were made");
        }
    }
    Ok(())
}

/// What is there.
struct Found {
    schema: bool,
    /// Zero when there are no tables.
    version: i32,
    reads_from: i32,
}

async fn found(session: &Session, schema: &str) -> Result<Found, Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1),
                      to_regclass($1 || '.schema_version') IS NOT NULL";
    let row = session.read_one(sql, &[&schema]).await?.ok_or_else(unreadable)?;
    let (schema, table): (bool, bool) = (
        row.try_get(0).map_err(Failure::unreadable)?,
        row.try_get(1).map_err(Failure::unreadable)?,
    );
    if !table {
        return Ok(Found { schema, version: 0, reads_from: 0 });
    }
    let sql = "SELECT coalesce(max(version), 0), coalesce(max(reads_from), 0) FROM schema_version";
    let row = session.read_one(sql, &[]).await?.ok_or_else(unreadable)?;
    Ok(Found {
        schema,
        version: row.try_get(0).map_err(Failure::unreadable)?,
        reads_from: row.try_get(1).map_err(Failure::unreadable)?,
    })
}

fn newer(found: &Found) -> Failure {
    let message = format!(
        "the store has schema {}, which needs an axme that knows schema {}, and this one knows \
         up to {SCHEMA_VERSION}: use the axme that wrote it, or a newer one",
        found.version, found.reads_from
    );
    Failure::Unreached(Trouble { code: "store_schema_newer", message })
}

fn unreadable() -> Failure {
    Failure::unreadable("the server does not say which tables it has")
}
