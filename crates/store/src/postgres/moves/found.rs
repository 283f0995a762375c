//! Reading what a batch is about: all at one moment.

use axme_core::id::IntentId;
use tokio_postgres::Row;

use crate::control::{Answered, ReplicaEpoch};
use crate::ledger::{Event, Intent};
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::failure::Failure;
use crate::postgres::moves::step::Step;
use crate::postgres::rows::{self, event_columns, intent_columns};
use crate::postgres::session::Session;

/// What a step finds.
#[derive(Debug)]
pub(super) struct Found {
    /// The place of the step in its batch.
    pub(super) place: usize,
    pub(super) intent: Option<Intent>,
    /// What its key was used for, and the last event that is stored.
    pub(super) used: Option<(Answered, Option<Event>)>,
}

/// One statement, so that a key and the intent that it stands for are of the same moment. The
/// limits keep the planner from joining the tables in another way than row by row.
const FIND: &str = concat!(
    "SELECT EXISTS (
        SELECT FROM replica_epoch WHERE replica_id = $1 AND epoch = $2 AND closed_at IS NULL
     ), wanted.nth, used.request, used.made, ",
    event_columns!(),
    ", ",
    intent_columns!(),
    " FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[])
        WITH ORDINALITY AS wanted (intent_id, sender, endpoint, key, nth)
    LEFT JOIN LATERAL (
        SELECT * FROM intents WHERE intents.intent_id = wanted.intent_id LIMIT 1
    ) AS intent ON TRUE
    LEFT JOIN LATERAL (
        SELECT request, made FROM idempotency
        WHERE sender = wanted.sender AND endpoint = wanted.endpoint AND key = wanted.key
        LIMIT 1
    ) AS used ON TRUE
    LEFT JOIN LATERAL (
        SELECT * FROM intent_event
        WHERE intent_row_id = intent.row_id AND used.made IS NOT NULL
        ORDER BY intent_row_id DESC, seq DESC LIMIT 1
    ) AS event ON TRUE
    ORDER BY wanted.nth"
);
const FIRST_OF_EVENT: usize = 4;
const FIRST_OF_INTENT: usize = 10;

/// Reads what these steps are about, in their order. Refused when the epoch is closed.
pub(super) async fn find(
    session: &Session,
    me: &ReplicaEpoch,
    steps: &[(usize, Step<'_>)],
) -> Result<Vec<Found>, Failure> {
    let ids: Vec<_> = steps.iter().map(|(_, step)| *step.intent_id().as_uuid()).collect();
    let keys = || steps.iter().map(|(_, step)| step.key());
    let senders: Vec<_> = keys().map(|key| key.map(|key| &*key.sender)).collect();
    let endpoints: Vec<_> = keys().map(|key| key.map(|key| &*key.endpoint)).collect();
    let texts: Vec<_> = keys().map(|key| key.map(|key| &*key.key)).collect();
    let epoch = int(me.epoch.0);
    let found =
        session.read(FIND, &[&me.replica_id, &epoch, &ids, &senders, &endpoints, &texts]).await?;
    rows::require_open(&found)?;
    found.iter().zip(steps).map(|(row, (place, step))| read(row, *place, *step)).collect()
}

fn read(row: &Row, place: usize, step: Step<'_>) -> Result<Found, Failure> {
    let is_there = row.optional_number(FIRST_OF_INTENT)?.is_some();
    let intent = is_there.then(|| rows::intent(row, FIRST_OF_INTENT)).transpose()?;
    let used = match (step.key(), row.optional_text(3)?) {
        (Some(key), Some(made)) => {
            let answered = Answered { same_request: row.hash(2)? == key.request, made };
            Some((answered, event(row, step.intent_id())?))
        }
        (Some(_), None) | (None, _) => None,
    };
    Ok(Found { place, intent, used })
}

fn event(row: &Row, intent: IntentId) -> Result<Option<Event>, Failure> {
    let is_there = row.optional_number(FIRST_OF_EVENT)?.is_some();
    is_there.then(|| rows::event(row, FIRST_OF_EVENT, intent)).transpose()
}
