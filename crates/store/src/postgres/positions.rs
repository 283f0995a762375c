//! Where queues and intents stand that somebody waits for.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::ledger::{Positions, Watched};
use crate::postgres::columns::Columns as _;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// One statement, so that all is of one moment. The limits keep the planner from joining the
/// tables in another way than row by row.
const POSITIONS: &str = "
    SELECT 0::bigint AS what, queue.nth, lane.n
    FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS queue (workspace_id, address, nth)
    CROSS JOIN LATERAL (
        SELECT n FROM lane
        WHERE workspace_id = queue.workspace_id AND address = queue.address LIMIT 1
    ) AS lane
    UNION ALL
    SELECT 1, watched.nth, intent.last_seq
    FROM unnest($3::uuid[]) WITH ORDINALITY AS watched (intent_id, nth)
    CROSS JOIN LATERAL (
        SELECT last_seq FROM intents WHERE intents.intent_id = watched.intent_id LIMIT 1
    ) AS intent";

pub(super) async fn positions(session: &Session, watched: Watched) -> Result<Positions, Failure> {
    let workspaces: Vec<Uuid> = watched.queues.iter().map(|(id, _)| *id.as_uuid()).collect();
    let addresses: Vec<&str> = watched.queues.iter().map(|(_, of)| of.as_str()).collect();
    let intents: Vec<Uuid> = watched.intents.iter().map(|id| *id.as_uuid()).collect();
    let mut found = Positions::default();
    for row in session.read(POSITIONS, &[&workspaces, &addresses, &intents]).await? {
        let (place, position) = (place(&row)?, row.number(2)?);
        if row.number(0)? == 0 {
            found.queues.extend(watched.queues.get(place).map(|of| (of.clone(), position)));
        } else {
            found.intents.extend(watched.intents.get(place).map(|of| (*of, position)));
        }
    }
    Ok(found)
}

/// Ordinals count from one.
fn place(row: &Row) -> Result<usize, Failure> {
    let nth = usize::try_from(row.number(1)?).map_err(Failure::unreadable)?;
    Ok(nth.saturating_sub(1))
}
