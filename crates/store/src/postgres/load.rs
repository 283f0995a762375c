//! Reading the control log: the newest snapshot that can be read, and the fold of what follows.
//!
//! The head is read first; what lies below it never changes, so that no transaction is needed to
//! read the rest as it was then.

use axme_core::id::{AddressId, CommandId, Revision};
use tokio_postgres::Row;

use crate::control::{Loaded, LogEntry, LogHead, TAIL_ENTRIES_MAX};
use crate::log_row::{Damaged, Fold, LogRow};
use crate::postgres::columns::{Columns as _, int, limit};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;
use crate::postgres::snapshot;

const STORED: &str = "SELECT revision, hash, body_hash, body FROM control_log
     WHERE revision > $1 AND revision <= $2 ORDER BY revision LIMIT $3";

/// The state at the head. What is folded is verified on the way.
pub(super) async fn load(session: &Session) -> Result<Loaded, Failure> {
    let head = head(session).await?;
    let mut fold = Fold::to(head, snapshot::newest(session, head.revision).await?);
    while let Some(after) = fold.wants_after() {
        fold.take(&stored(session, after, head.revision).await?)?;
    }
    Ok(fold.finish()?)
}

/// Has the server know the statement of [`tail`], so that the first one costs one round trip too.
pub(super) async fn prepare(session: &Session) -> Result<(), Failure> {
    session.prepare(STORED).await.map(drop)
}

/// The entries after a revision.
pub(super) async fn tail(session: &Session, after: Revision) -> Result<Vec<LogEntry>, Failure> {
    let rows = stored(session, after, Revision(u64::MAX)).await?;
    rows.iter().map(logged).collect()
}

/// The entries after a revision that stopped or resumed single agents, or this one.
pub(super) async fn stops_and_resumes(
    session: &Session,
    after: Revision,
    agent: Option<AddressId>,
) -> Result<Vec<LogEntry>, Failure> {
    let sql = "SELECT revision, hash, body_hash, body FROM control_log
        WHERE revision > $1 AND ($2::uuid IS NULL OR address_id = $2) AND action IN
            ('agent.killed', 'agent.paused', 'agent.quarantined', 'agent.resumed')
        ORDER BY revision LIMIT $3";
    let agent = agent.map(|agent| *agent.as_uuid());
    let rows = session.read(sql, &[&int(after.0), &agent, &limit(TAIL_ENTRIES_MAX)]).await?;
    rows.iter().map(|row| logged(&read(row)?)).collect()
}

/// The entry of a command.
pub(super) async fn find(
    session: &Session,
    command: CommandId,
) -> Result<Option<LogEntry>, Failure> {
    let sql = "SELECT revision, hash, body_hash, body FROM control_log WHERE command_id = $1";
    let Some(row) = session.read_one(sql, &[command.as_uuid()]).await? else { return Ok(None) };
    logged(&read(&row)?).map(Some)
}

/// Whether the log holds exactly this head.
pub(super) async fn holds(session: &Session, head: LogHead) -> Result<bool, Failure> {
    if head == LogHead::default() {
        return Ok(true);
    }
    let sql = "SELECT 1 FROM control_log WHERE revision = $1 AND hash = $2";
    let row = session.read_one(sql, &[&int(head.revision.0), &&head.hash.0[..]]).await?;
    Ok(row.is_some())
}

async fn head(session: &Session) -> Result<LogHead, Failure> {
    let row = session.read_one("SELECT revision, hash FROM control_head", &[]).await?;
    let row = row.ok_or_else(|| Damaged::at(Revision(0), "it has no head"))?;
    Ok(LogHead { revision: row.revision(0)?, hash: row.hash(1)? })
}

async fn stored(
    session: &Session,
    after: Revision,
    up_to: Revision,
) -> Result<Vec<LogRow>, Failure> {
    let parameters = (int(after.0), int(up_to.0), limit(TAIL_ENTRIES_MAX));
    let rows = session.read(STORED, &[&parameters.0, &parameters.1, &parameters.2]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<LogRow, Failure> {
    Ok(LogRow {
        revision: row.revision(0)?,
        hash: row.hash(1)?,
        body_hash: row.hash(2)?,
        body: row.bytes(3)?,
    })
}

fn logged(row: &LogRow) -> Result<LogEntry, Failure> {
    Ok(row.entry()?)
}
