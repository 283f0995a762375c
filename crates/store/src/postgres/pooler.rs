//! Finding out whether a pooler that lends sessions stands between this store and its server.
//!
//! Settings, prepared statements, `LISTEN` and the name by which an epoch's sessions are ended all
//! belong to one session of the server; a pooler that lends it for a transaction breaks each.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::control::Trouble;
use crate::postgres::failure::Failure;
use crate::postgres::session::unreached;

/// How long the server may take to end the session that is given up.
const END_WITHIN_MS: u32 = 2_000;

/// Refuses a pooler. `given_up` is a connection that nobody needs: the session that answered there
/// is ended, and only where sessions are lent another one answers after it.
///
/// It must come before anything is set or prepared, and is asked in the simple protocol: a lent
/// session keeps what was left in it, and gives it to whoever is lent it next.
pub(super) async fn refuse(given_up: &Client, asking: &Client) -> Result<(), Failure> {
    let process = process_of(given_up).await?;
    // Two connections that are both open have two sessions, unless one is lent to each in turn.
    if process_of(asking).await? == process {
        return Err(lent());
    }
    let end = format!("SELECT pg_terminate_backend({process}, {END_WITHIN_MS})");
    match asking.simple_query(&end).await {
        Ok(answer) if first(&answer) == Some("t") => {}
        Ok(_) if !is_there(asking, process).await? => return Err(lent()),
        Ok(_) => {
            let late = "a session did not end when it was told to";
            return Err(Failure::Unreached(Trouble::unreachable(late)));
        }
        // It may have been lent the very session that it ended.
        Err(error) => return Err(broken(&error)),
    }
    match given_up.simple_query("SELECT 1").await {
        Ok(_) => Err(lent()),
        Err(_ended) => Ok(()),
    }
}

/// Why a session broke while it was asked. One that was ended, or lost by whoever stands between,
/// was not ours alone: others that look for a pooler end what they are lent.
fn broken(error: &tokio_postgres::Error) -> Failure {
    match error.code() {
        Some(code) if [SqlState::ADMIN_SHUTDOWN, SqlState::PROTOCOL_VIOLATION].contains(code) => {
            lent()
        }
        Some(_) | None => unreached(error),
    }
}

fn lent() -> Failure {
    Failure::Unreached(Trouble::pooler())
}

/// Whether a session is there still. Ours alone would be: only another one that was lent it too can
/// have ended it.
async fn is_there(client: &Client, process: i32) -> Result<bool, Failure> {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {process}");
    let answer = client.simple_query(&sql).await.map_err(|error| broken(&error))?;
    Ok(first(&answer) != Some("0"))
}

async fn process_of(client: &Client) -> Result<i32, Failure> {
    let answer = client.simple_query("SELECT pg_backend_pid()").await;
    let answer = answer.map_err(|error| broken(&error))?;
    let process = first(&answer).and_then(|told| told.parse().ok());
    process.ok_or_else(|| Failure::unreadable("the server does not say who it is"))
}

/// The first value of the first row.
fn first(answer: &[SimpleQueryMessage]) -> Option<&str> {
    answer.iter().find_map(|message| {
        if let SimpleQueryMessage::Row(row) = message {
            row.try_get(0).ok().flatten()
        } else {
            None
        }
    })
}
