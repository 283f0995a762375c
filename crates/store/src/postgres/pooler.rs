//! Finding out whether a transaction pooler stands between this store and its server.
//!
//! Settings, prepared statements, `LISTEN` and the name by which an epoch's sessions are ended all
//! belong to one session of the server; a pooler that lends it for a transaction breaks each.

use tokio_postgres::Client;

use crate::control::Trouble;
use crate::postgres::failure::Failure;
use crate::postgres::session::{Session, unreached};

/// Refuses a pooler: while another session is in a transaction, ours must be the one it was.
pub(super) async fn refuse(session: &Session, second: &Client) -> Result<(), Failure> {
    let before = whose(session).await?;
    // Takes the server's session that a pooler would lend again.
    let begun = second.batch_execute("BEGIN; SELECT 1").await;
    begun.map_err(|error| unreached(&error))?;
    let after = whose(session).await;
    let ended = second.batch_execute("COMMIT").await;
    ended.map_err(|error| unreached(&error))?;
    if after.is_ok_and(|after| after == before) {
        return Ok(());
    }
    let message = "a transaction pooler stands before PostgreSQL; connect to the server itself, \
                   or let the pooler lend whole sessions (pool_mode = session)"
        .to_owned();
    Err(Failure::Unreached(Trouble { code: "store_pooler", message }))
}

/// The server's process, and a setting that we made.
async fn whose(session: &Session) -> Result<(i32, String), Failure> {
    let sql = "SELECT pg_backend_pid(), current_setting('plan_cache_mode')";
    let row = session.read_one(sql, &[]).await?;
    let row = row.ok_or_else(|| Failure::unreadable("the server does not say who it is"))?;
    let process = row.try_get(0).map_err(Failure::unreadable)?;
    let setting = row.try_get(1).map_err(Failure::unreadable)?;
    Ok((process, setting))
}
