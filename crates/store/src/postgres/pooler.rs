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
        Ok(_) => {
            let late = "a session did not end when it was told to";
            return Err(Failure::Unreached(Trouble::unreachable(late)));
        }
        // It was lent the very session that it ended.
        Err(error) if error.code() == Some(&SqlState::ADMIN_SHUTDOWN) => return Err(lent()),
        Err(error) => return Err(unreached(&error)),
    }
    match given_up.simple_query("SELECT 1").await {
        Ok(_) => Err(lent()),
        Err(_ended) => Ok(()),
    }
}

fn lent() -> Failure {
    Failure::Unreached(Trouble::pooler())
}

async fn process_of(client: &Client) -> Result<i32, Failure> {
    let answer = client.simple_query("SELECT pg_backend_pid()").await;
    let answer = answer.map_err(|error| unreached(&error))?;
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
