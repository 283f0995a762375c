//! The hash chains, link by link.

use axme_core::chain::Head;
use axme_core::id::Epoch;
use rusqlite::{Connection, Result, Row, params};

use crate::ledger::{ChainId, ChainLink, LIST_ROWS_MAX};
use crate::sqlite::columns::{Columns as _, int, limit};
use crate::sqlite::open;

/// The links of a chain after a position, in order.
pub(super) fn chain(connection: &Connection, chain: ChainId, after: u64) -> Result<Vec<ChainLink>> {
    match chain {
        ChainId::Control => {
            let mut get = connection.prepare_cached(
                "SELECT revision, hash, body_hash, body, org_id, workspace_id FROM control_log
                 WHERE revision > ?1 ORDER BY revision LIMIT ?2",
            )?;
            get.query_map(params![int(after), limit(LIST_ROWS_MAX)], link)?.collect()
        }
        ChainId::Epoch(epoch) => {
            let mut get = connection.prepare_cached(
                "SELECT seq, hash, body_hash, body, org_id, workspace_id FROM audit_log
                 WHERE epoch = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
            )?;
            let rows =
                get.query_map(params![int(epoch.0), int(after), limit(LIST_ROWS_MAX)], link)?;
            rows.collect()
        }
    }
}

/// Every chain with its head, the control log's first.
pub(super) fn heads(connection: &Connection) -> Result<Vec<(ChainId, Head)>> {
    let reading = connection.unchecked_transaction()?;
    let control = open::head(&reading)?;
    let control = Head { position: control.revision.0, hash: control.hash };
    let mut heads = vec![(ChainId::Control, control)];
    let mut get =
        reading.prepare_cached("SELECT epoch, seq, hash FROM audit_head ORDER BY epoch")?;
    let epochs = get.query_map((), |row| {
        let head = Head { position: row.number(1)?, hash: row.hash(2)? };
        Ok((ChainId::Epoch(Epoch(row.number(0)?)), head))
    })?;
    for head in epochs {
        heads.push(head?);
    }
    Ok(heads)
}

fn link(row: &Row<'_>) -> Result<ChainLink> {
    Ok(ChainLink {
        position: row.number(0)?,
        hash: row.hash(1)?,
        body_hash: row.hash(2)?,
        body: row.get(3)?,
        scope: row.scope(4)?,
    })
}
