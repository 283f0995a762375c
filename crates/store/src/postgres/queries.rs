//! Reading intents: one, lists of a workspace, and the queue of a receiver.

use axme_core::id::IntentId;
use axme_core::intent::Status;

use crate::ledger::{Event, Intent, IntentQuery, LIST_ROWS_MAX, QueueQuery};
use crate::lifecycle;
use crate::postgres::columns::{int, limit};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, event_columns, intent_columns};
use crate::postgres::session::{Parameters, Session};

const ONE: &str =
    concat!("SELECT ", intent_columns!(), " FROM intents AS intent WHERE intent_id = $1");

const EVENTS: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM intent_event AS event WHERE intent_row_id = $1 AND seq > $2 ORDER BY seq"
);

/// What waits for an operator goes to nobody.
const QUEUE: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM intents AS intent
    WHERE workspace_id = $1 AND receiver = $2 AND cursor > $3 AND ended_at IS NULL
      AND status <> 'WAITING'
      AND ($4::text[] = '{}' OR status = ANY ($4))
    ORDER BY cursor LIMIT $5"
);

/// No index holds what has ended in the order of its cursors.
const QUEUE_WITH_ENDED: &str = concat!(
    "SELECT ",
    intent_columns!(),
    " FROM (
        SELECT * FROM intents
        WHERE workspace_id = $1 AND receiver = $2 AND cursor > $3 AND ended_at IS NULL
          AND status <> 'WAITING' AND status = ANY ($4::text[])
        UNION ALL
        SELECT * FROM intents
        WHERE workspace_id = $1 AND receiver = $2 AND cursor > $3 AND ended_at IS NOT NULL
          AND status = ANY ($4)
    ) AS intent
    ORDER BY cursor LIMIT $5"
);

/// Each index that can hold some of the page is read in its order, which is that of `-row_id`, row
/// ids only; the newest of them are then read whole.
macro_rules! newest_of {
    ($row_ids:expr) => {
        concat!(
            "SELECT ",
            intent_columns!(),
            " FROM (SELECT DISTINCT row_id FROM (",
            $row_ids,
            ") AS found ORDER BY row_id DESC LIMIT $5) AS page
            CROSS JOIN LATERAL (
                SELECT * FROM intents WHERE intents.row_id = page.row_id LIMIT 1
            ) AS intent
            ORDER BY page.row_id DESC"
        )
    };
}

const OF_WORKSPACE: &str = newest_of!(
    "SELECT listed.row_id FROM unnest($2::text[]) AS wanted (status) CROSS JOIN LATERAL (
        SELECT row_id FROM intents
        WHERE workspace_id = $1 AND status = wanted.status AND -row_id > -$3::bigint AND created_at < $4
        ORDER BY -row_id LIMIT $5
    ) AS listed"
);

/// The rows of one index of an agent.
macro_rules! of_party {
    ($condition:literal) => {
        concat!(
            "(SELECT row_id FROM intents
             WHERE workspace_id = $1 AND ",
            $condition,
            " AND ($2::text[] = '{}' OR status = ANY ($2)) AND -row_id > -$3::bigint AND created_at < $4
             ORDER BY -row_id LIMIT $5)"
        )
    };
}

const OF_PARTY: &str = newest_of!(concat!(
    of_party!("sender = $6 AND ended_at IS NULL AND delivery_attempt = 0"),
    " UNION ALL ",
    of_party!("sender = $6 AND ended_at IS NULL AND delivery_attempt > 0"),
    " UNION ALL ",
    of_party!("sender = $6 AND ended_at IS NOT NULL"),
    " UNION ALL ",
    of_party!("receiver = $6 AND ended_at IS NULL"),
    " UNION ALL ",
    of_party!("receiver = $6 AND ended_at IS NOT NULL"),
));

pub(super) async fn intent(session: &Session, id: IntentId) -> Result<Option<Intent>, Failure> {
    let row = session.read_one(ONE, &[id.as_uuid()]).await?;
    row.map(|row| rows::intent(&row, 0)).transpose()
}

/// The events of an intent. None when there is no such intent.
pub(super) async fn events(
    session: &Session,
    id: IntentId,
    since: u64,
) -> Result<Option<Vec<Event>>, Failure> {
    let Some(intent) = intent(session, id).await? else { return Ok(None) };
    let mut events = lifecycle::first_events(&intent, since);
    // Events are only added, so that those of a later moment go on from the intent as it was.
    for row in session.read(EVENTS, &[&int(intent.row_id), &int(since)]).await? {
        events.push(rows::event(&row, 0, id)?);
    }
    Ok(Some(events))
}

/// What a receiver has not finished, in the order of its cursors.
pub(super) async fn queue(session: &Session, query: &QueueQuery) -> Result<Vec<Intent>, Failure> {
    let with_ended = query.statuses.iter().any(|status| status.is_terminal());
    let sql = if with_ended { QUEUE_WITH_ENDED } else { QUEUE };
    let found = session
        .read(
            sql,
            &[
                query.workspace_id.as_uuid(),
                &query.receiver.as_str(),
                &int(query.since),
                &words(&query.statuses),
                &limit(query.rows_max.min(LIST_ROWS_MAX)),
            ],
        )
        .await?;
    found.iter().map(|row| rows::intent(row, 0)).collect()
}

/// The intents of a workspace, newest first.
pub(super) async fn intents(
    session: &Session,
    query: &IntentQuery,
) -> Result<Vec<Intent>, Failure> {
    let before = query.before.map_or(i64::MAX, int);
    let created_before =
        query.created_before.map_or(i64::MAX, axme_core::time::Timestamp::as_micros);
    let rows_max = limit(query.rows_max.min(LIST_ROWS_MAX));
    let (workspace, statuses) = (query.workspace_id.as_uuid(), words(&query.statuses));
    let found = match &query.party {
        Some(party) => {
            let party = party.as_str();
            let parameters: Parameters<'_> =
                &[workspace, &statuses, &before, &created_before, &rows_max, &party];
            session.read(OF_PARTY, parameters).await?
        }
        None => {
            let all = words(&Status::ALL);
            let statuses = if statuses.is_empty() { all } else { statuses };
            let parameters: Parameters<'_> =
                &[workspace, &statuses, &before, &created_before, &rows_max];
            session.read(OF_WORKSPACE, parameters).await?
        }
    };
    found.iter().map(|row| rows::intent(row, 0)).collect()
}

fn words(statuses: &[Status]) -> Vec<&'static str> {
    statuses.iter().map(|status| status.as_str()).collect()
}
