//! What a server promises: whether a commit survives its crash, and a failover.

use crate::control::{Durability, Trouble};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// The oldest server whose SQL we speak.
const SERVER_VERSION_MIN: i32 = 140_000;

/// Refuses a server that may lose or tear what it acknowledged, or that takes no writes.
pub(super) async fn require_safe(session: &Session, allow_unsafe: bool) -> Result<(), Failure> {
    let sql = "SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
                      pg_is_in_recovery(), current_setting('server_version_num')::int";
    let row = session.read_one(sql, &[]).await?.ok_or_else(no_answer)?;
    let (fsync, full_pages): (bool, bool) = (get(&row, 0)?, get(&row, 1)?);
    let (in_recovery, version): (bool, i32) = (get(&row, 2)?, get(&row, 3)?);
    if version < SERVER_VERSION_MIN {
        let message =
            format!("this PostgreSQL is {version}; axme needs version 14 or newer: upgrade it");
        return Err(Failure::Unreached(Trouble { code: "store_too_old", message }));
    }
    if in_recovery {
        return Err(Failure::Unreached(Trouble::read_only("it is a standby")));
    }
    if allow_unsafe || (fsync && full_pages) {
        return Ok(());
    }
    let off = if fsync { "full_page_writes" } else { "fsync" };
    let message = format!(
        "PostgreSQL runs with {off} = off, so that a crash may lose kills that it acknowledged; \
         set {off} = on"
    );
    Err(Failure::Unreached(Trouble { code: "store_unsafe", message }))
}

/// Whether a standby acknowledges every commit. Where the user may not see the standbys, the
/// server's setting is believed: with it and no standby, commits wait.
pub(super) async fn durability(session: &Session) -> Result<Durability, Failure> {
    let sql = "SELECT current_setting('synchronous_standby_names') <> '',
                      count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) > 0,
                      count(*) FILTER (WHERE sync_state IS NULL) > 0
               FROM pg_stat_replication";
    let row = session.read_one(sql, &[]).await?.ok_or_else(no_answer)?;
    let (set, seen, hidden): (bool, bool, bool) = (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?);
    Ok(if set && (seen || hidden) { Durability::Replicated } else { Durability::Single })
}

fn get<'a, T: postgres_types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    column: usize,
) -> Result<T, Failure> {
    row.try_get(column).map_err(Failure::unreadable)
}

fn no_answer() -> Failure {
    Failure::unreadable("the server answered nothing about itself")
}
