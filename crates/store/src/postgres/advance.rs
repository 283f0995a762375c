//! Storing intents that were moved: by compare and set, so that of two that read the same intent
//! and moved it, one goes through and the other is told to look again.

use std::collections::HashMap;

use axme_core::time::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::control::{IdempotencyKey, ReplicaEpoch};
use crate::ledger::{Event, Intent};
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::Session;

/// An intent as it was read and as it shall stand.
#[derive(Debug)]
pub(super) struct Moving<'a> {
    pub(super) was: Version,
    pub(super) intent: Intent,
    /// What happened to it in between, in order.
    pub(super) events: Vec<Event>,
    /// The keys that stand for this intent from now on. None may be in use.
    pub(super) keys: Vec<&'a IdempotencyKey>,
}

/// What changes with every move of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    last_seq: u64,
    delivery_attempt: u32,
    policy_generation: u64,
}

impl<'a> Moving<'a> {
    /// An intent as it was read.
    pub(super) const fn new(intent: Intent) -> Self {
        let was = Version::of(&intent);
        Self { was, intent, events: Vec::new(), keys: Vec::new() }
    }

    /// Whether there is something to store.
    pub(super) fn has_moved(&self) -> bool {
        self.was != Version::of(&self.intent)
    }
}

impl Version {
    pub(super) const fn of(intent: &Intent) -> Self {
        Self {
            last_seq: intent.last_seq,
            delivery_attempt: intent.delivery_attempt,
            policy_generation: intent.policy_generation,
        }
    }
}

/// Stores those that still are as they were read, and answers their cursors by row id: a requeue
/// may have changed them, and that is no move. With a key that is in use nothing is stored, and the
/// failure says that `idempotency_key` is taken.
pub(super) async fn advance(
    session: &Session,
    me: &ReplicaEpoch,
    moving: &mut [Moving<'_>],
) -> Result<HashMap<u64, u64>, Failure> {
    // Every writer locks in this order.
    moving.sort_unstable_by_key(|moving| moving.intent.row_id);
    let columns = Columns::of(me, moving);
    let rows = session.write(ADVANCE, &columns.parameters(me)).await?;
    rows::require_open(&rows)?;
    let mut moved = HashMap::new();
    for row in rows {
        if let Some(row_id) = row.optional_number(1)? {
            moved.insert(row_id, row.number(2)?);
        }
    }
    Ok(moved)
}

/// Each row is looked up and locked by itself, in the order of the array. An equality that the
/// planner could join by would let it read all intents while the table is small, and keep that
/// plan when it has grown; with `ANY (ARRAY[...])` it cannot.
///
/// The keys are new, or the whole statement fails.
const ADVANCE: &str = as_me!(
    "moving AS MATERIALIZED (
        SELECT moving.* FROM me CROSS JOIN unnest(
            $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::text[]
        ) AS moving (
            row_id, was_seq, was_attempt, was_generation, status, last_seq,
            updated_at, ended_at, outcome, attempt, generation, extras
        )
    ), held AS MATERIALIZED (
        SELECT moving.* FROM moving CROSS JOIN LATERAL (
            SELECT 1 FROM intents
            WHERE row_id = moving.row_id AND last_seq = moving.was_seq
              AND delivery_attempt = moving.was_attempt
              AND policy_generation = moving.was_generation
            FOR UPDATE
        ) AS still
    ), moved AS (
        UPDATE intents SET status = held.status, last_seq = held.last_seq,
            updated_at = held.updated_at, ended_at = held.ended_at, outcome = held.outcome,
            delivery_attempt = held.attempt, policy_generation = held.generation,
            extras = coalesce(held.extras, intents.extras)
        FROM held WHERE intents.row_id = ANY (ARRAY[held.row_id])
        RETURNING intents.row_id, intents.cursor
    ), events AS (
        INSERT INTO intent_event (intent_row_id, seq, event_type, status, at, actor, details)
        SELECT event.* FROM unnest(
            $15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::bigint[], $20::text[],
            $21::text[]
        ) AS event (row_id, seq, event_type, status, at, actor, details)
        WHERE row_id IN (SELECT row_id FROM moved)
    ), keys AS (
        INSERT INTO idempotency (sender, endpoint, key, request, made, at)
        SELECT sender, endpoint, key, request, made::text, at FROM unnest(
            $22::bigint[], $23::text[], $24::text[], $25::text[], $26::bytea[], $27::uuid[],
            $28::bigint[]
        ) AS used (row_id, sender, endpoint, key, request, made, at)
        WHERE row_id IN (SELECT row_id FROM moved)
        ORDER BY sender COLLATE \"C\", endpoint COLLATE \"C\", key COLLATE \"C\"
    )
    SELECT EXISTS (SELECT FROM me), moved.row_id, moved.cursor
    FROM (SELECT) AS always LEFT JOIN moved ON TRUE"
);

/// The arrays of [`ADVANCE`].
#[derive(Default)]
struct Columns<'a> {
    epoch: i64,
    row_id: Vec<i64>,
    was_seq: Vec<i64>,
    was_attempt: Vec<i64>,
    was_generation: Vec<i64>,
    status: Vec<&'a str>,
    last_seq: Vec<i64>,
    updated_at: Vec<i64>,
    ended_at: Vec<Option<i64>>,
    outcome: Vec<Option<&'a str>>,
    attempt: Vec<i64>,
    generation: Vec<i64>,
    extras: Vec<Option<&'a str>>,
    event_row_id: Vec<i64>,
    event_seq: Vec<i64>,
    event_type: Vec<&'a str>,
    event_status: Vec<&'a str>,
    event_at: Vec<i64>,
    event_actor: Vec<Option<&'a str>>,
    event_details: Vec<Option<&'a str>>,
    key_row_id: Vec<i64>,
    key_sender: Vec<&'a str>,
    key_endpoint: Vec<&'a str>,
    key: Vec<&'a str>,
    key_request: Vec<&'a [u8]>,
    key_made: Vec<Uuid>,
    key_at: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(me: &ReplicaEpoch, moving: &'a [Moving<'a>]) -> Self {
        let mut columns = Self { epoch: int(me.epoch.0), ..Self::default() };
        for moving in moving {
            columns.add(moving);
            for event in &moving.events {
                columns.add_event(moving.intent.row_id, event);
            }
            for key in &moving.keys {
                columns.add_key(&moving.intent, key);
            }
        }
        columns
    }

    fn add(&mut self, Moving { was, intent, .. }: &'a Moving<'a>) {
        self.row_id.push(int(intent.row_id));
        self.was_seq.push(int(was.last_seq));
        self.was_attempt.push(i64::from(was.delivery_attempt));
        self.was_generation.push(int(was.policy_generation));
        self.status.push(intent.status.as_str());
        self.last_seq.push(int(intent.last_seq));
        self.updated_at.push(intent.updated_at.as_micros());
        self.ended_at.push(intent.ended_at.map(Timestamp::as_micros));
        self.outcome.push(intent.outcome.as_deref());
        self.attempt.push(i64::from(intent.delivery_attempt));
        self.generation.push(int(intent.policy_generation));
        let is_patched = was.policy_generation != intent.policy_generation;
        self.extras.push(is_patched.then_some(&*intent.extras));
    }

    fn add_event(&mut self, row_id: u64, event: &'a Event) {
        self.event_row_id.push(int(row_id));
        self.event_seq.push(int(event.seq));
        self.event_type.push(&event.event_type);
        self.event_status.push(event.status.as_str());
        self.event_at.push(event.at.as_micros());
        self.event_actor.push(event.actor.as_deref());
        self.event_details.push(event.details.as_deref());
    }

    fn add_key(&mut self, intent: &'a Intent, key: &'a IdempotencyKey) {
        self.key_row_id.push(int(intent.row_id));
        self.key_sender.push(&key.sender);
        self.key_endpoint.push(&key.endpoint);
        self.key.push(&key.key);
        self.key_request.push(&key.request.0);
        self.key_made.push(*intent.intent_id.as_uuid());
        self.key_at.push(intent.updated_at.as_micros());
    }

    /// As [`ADVANCE`] counts them.
    fn parameters<'s>(&'s self, me: &'s ReplicaEpoch) -> [&'s (dyn ToSql + Sync); 28] {
        [
            &me.replica_id,
            &self.epoch,
            &self.row_id,
            &self.was_seq,
            &self.was_attempt,
            &self.was_generation,
            &self.status,
            &self.last_seq,
            &self.updated_at,
            &self.ended_at,
            &self.outcome,
            &self.attempt,
            &self.generation,
            &self.extras,
            &self.event_row_id,
            &self.event_seq,
            &self.event_type,
            &self.event_status,
            &self.event_at,
            &self.event_actor,
            &self.event_details,
            &self.key_row_id,
            &self.key_sender,
            &self.key_endpoint,
            &self.key,
            &self.key_request,
            &self.key_made,
            &self.key_at,
        ]
    }
}
