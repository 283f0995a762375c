//! Where queues and intents stand that somebody waits for.

use rusqlite::{Connection, OptionalExtension as _, Result, params};

use crate::ledger::{Positions, Watched};
use crate::sqlite::columns::Columns as _;

pub(super) fn positions(connection: &Connection, watched: Watched) -> Result<Positions> {
    let Watched { queues, intents } = watched;
    let mut found = Positions::default();
    let mut last_cursor =
        connection.prepare_cached("SELECT n FROM lane WHERE workspace_id = ?1 AND address = ?2")?;
    for (workspace, address) in queues {
        let place = params![workspace.as_bytes(), address.as_str()];
        if let Some(n) = last_cursor.query_row(place, |row| row.number(0)).optional()? {
            found.queues.push(((workspace, address), n));
        }
    }
    let mut last_event =
        connection.prepare_cached("SELECT last_seq FROM intents WHERE intent_id = ?1")?;
    for intent in intents {
        let seq = last_event.query_row([intent.as_bytes()], |row| row.number(0)).optional()?;
        found.intents.extend(seq.map(|seq| (intent, seq)));
    }
    Ok(found)
}
