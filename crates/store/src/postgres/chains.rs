//! The hash chains, link by link.

use axme_core::chain::Head;
use tokio_postgres::Row;

use crate::ledger::{ChainId, ChainLink, LIST_ROWS_MAX};
use crate::postgres::columns::{Columns as _, int, limit};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// The links of a chain after a position, in order.
pub(super) async fn chain(
    session: &Session,
    chain: ChainId,
    after: u64,
) -> Result<Vec<ChainLink>, Failure> {
    let (after, limit) = (int(after), limit(LIST_ROWS_MAX));
    let rows = match chain {
        ChainId::Control => {
            let sql = "SELECT revision, hash, body_hash, body, org_id, workspace_id
                FROM control_log WHERE revision > $1 ORDER BY revision LIMIT $2";
            session.read(sql, &[&after, &limit]).await?
        }
        ChainId::Epoch(epoch) => {
            let sql = "SELECT seq, hash, body_hash, body, org_id, workspace_id
                FROM audit_log WHERE epoch = $3 AND seq > $1 ORDER BY seq LIMIT $2";
            session.read(sql, &[&after, &limit, &int(epoch.0)]).await?
        }
    };
    rows.iter().map(link).collect()
}

/// Every chain with its head, the control log's first.
pub(super) async fn heads(session: &Session) -> Result<Vec<(ChainId, Head)>, Failure> {
    let sql = "SELECT 0::bigint AS rank, revision, hash FROM control_head
        UNION ALL SELECT epoch, seq, hash FROM audit_head ORDER BY rank";
    let rows = session.read(sql, &[]).await?;
    let read = |row: &Row| {
        let head = Head { position: row.number(1)?, hash: row.hash(2)? };
        Ok((ChainId::of_rank(row.number(0)?), head))
    };
    rows.iter().map(read).collect()
}

fn link(row: &Row) -> Result<ChainLink, Failure> {
    Ok(ChainLink {
        position: row.number(0)?,
        hash: row.hash(1)?,
        body_hash: row.hash(2)?,
        body: row.bytes(3)?,
        scope: row.scope(4)?,
    })
}
