//! The statement that stores a batch, and its arrays: one for each column.

use axme_core::period::hour_start;
use axme_core::time::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::control::ReplicaEpoch;
use crate::ledger::CURSOR_STEP;
use crate::lifecycle;
use crate::postgres::admit::Decided;
use crate::postgres::columns::int;
use crate::postgres::rows::as_me;

/// In this order, which every writer locks in: the epoch is locked; the keys are kept, sorted, and an item
/// whose key was there drops out; each lane is moved on once for all that go through it, and stays
/// locked until the commit, so that nobody sees a later cursor before an earlier one; the intents
/// are stored in the order of the batch; what its senders have sent is counted in the rows of the
/// epoch, which nobody else locks.
///
/// A key is found again by what it made: ids are given once.
pub const STORE: &str = as_me!(
    "items AS MATERIALIZED (
        SELECT item.* FROM me CROSS JOIN unnest(
            $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
            $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::text[],
            $16::text[], $17::text[], $18::text[], $19::text[], $20::bytea[], $22::uuid[],
            $23::bigint[]
        ) WITH ORDINALITY AS item (
            intent_id, workspace_id, sender, receiver, status, revision, attempts_max, last_seq,
            deadline_at, created_at, intent_type, correlation_id, extras, payload, key_sender,
            key_endpoint, key, request, sender_id, hour, nth
        )
    ), keys AS (
        INSERT INTO idempotency (sender, endpoint, key, request, made, at)
        SELECT key_sender, key_endpoint, key, request, intent_id::text, created_at
        FROM items WHERE key IS NOT NULL
        ORDER BY key_sender COLLATE \"C\", key_endpoint COLLATE \"C\", key COLLATE \"C\"
        ON CONFLICT (sender, endpoint, key) DO NOTHING
        RETURNING made
    ), fresh AS MATERIALIZED (
        SELECT *, count(*) OVER lane
            - row_number() OVER (PARTITION BY workspace_id, receiver ORDER BY nth) AS behind
        FROM items
        WHERE key IS NULL OR intent_id IN (SELECT made::uuid FROM keys)
        WINDOW lane AS (PARTITION BY workspace_id, receiver)
    ), lanes AS (
        INSERT INTO lane (workspace_id, address, n)
        SELECT workspace_id, receiver, $21::bigint * count(*) FROM fresh
        GROUP BY workspace_id, receiver ORDER BY workspace_id, receiver COLLATE \"C\"
        ON CONFLICT (workspace_id, address) DO UPDATE SET n = lane.n + EXCLUDED.n
        RETURNING workspace_id, address, n
    ), stored AS (
        INSERT INTO intents (intent_id, workspace_id, sender, receiver, status, cursor,
            admitted_at_revision, epoch, delivery_attempts_max, last_seq, deadline_at,
            created_at, updated_at, intent_type, correlation_id, extras, payload)
        SELECT intent_id, fresh.workspace_id, sender, receiver, status, n - $21::bigint * behind,
            revision, $2, attempts_max, last_seq, deadline_at,
            created_at, created_at, intent_type, correlation_id, extras, payload
        FROM fresh JOIN lanes
            ON lanes.workspace_id = fresh.workspace_id AND lanes.address = fresh.receiver
        ORDER BY nth
        RETURNING row_id, intent_id, cursor, status, last_seq, created_at
    ), events AS (
        INSERT INTO intent_event (intent_row_id, seq, event_type, status, at)
        SELECT row_id, last_seq, 'intent.waiting', status, created_at
        FROM stored WHERE status = 'WAITING'
    ), counted AS (
        INSERT INTO traffic_hour AS held (workspace_id, address_id, start, epoch, admitted, denied)
        SELECT workspace_id, sender_id, hour, $2, count(*), 0
        FROM fresh WHERE sender_id IS NOT NULL
        GROUP BY workspace_id, sender_id, hour
        ON CONFLICT (workspace_id, address_id, start, epoch) DO UPDATE
            SET admitted = held.admitted + EXCLUDED.admitted
    )
    SELECT EXISTS (SELECT FROM me), stored.intent_id, stored.cursor
    FROM (SELECT) AS always LEFT JOIN stored ON TRUE"
);

/// See the module.
pub(super) struct Columns<'a> {
    intent_id: Vec<Uuid>,
    workspace_id: Vec<Uuid>,
    sender: Vec<&'a str>,
    receiver: Vec<&'a str>,
    status: Vec<&'a str>,
    revision: Vec<i64>,
    attempts_max: Vec<i64>,
    last_seq: Vec<i64>,
    deadline_at: Vec<Option<i64>>,
    created_at: Vec<i64>,
    intent_type: Vec<&'a str>,
    correlation_id: Vec<&'a str>,
    extras: Vec<&'a str>,
    payload: Vec<&'a str>,
    key_sender: Vec<Option<&'a str>>,
    key_endpoint: Vec<Option<&'a str>>,
    key: Vec<Option<&'a str>>,
    request: Vec<Option<&'a [u8]>>,
    sender_id: Vec<Option<Uuid>>,
    hour: Vec<i64>,
    /// The same for all.
    epoch: i64,
    cursor_step: i64,
}

impl<'a> Columns<'a> {
    pub(super) fn of(me: &ReplicaEpoch, items: &'a [Decided<'a>]) -> Self {
        let keys = || items.iter().map(|item| item.intent.idempotency.as_ref());
        let time = Timestamp::as_micros;
        Self {
            intent_id: column(items, |item| *item.intent.intent_id.as_uuid()),
            workspace_id: column(items, |item| *item.intent.workspace_id.as_uuid()),
            sender: column(items, |item| item.intent.from.as_str()),
            receiver: column(items, |item| item.intent.to.as_str()),
            status: column(items, |item| item.status.as_str()),
            revision: column(items, |item| int(item.revision.0)),
            attempts_max: column(items, |item| i64::from(item.intent.delivery_attempts_max)),
            last_seq: column(items, |item| int(lifecycle::first_seq(item.status))),
            deadline_at: column(items, |item| item.intent.deadline_at.map(time)),
            created_at: column(items, |item| item.intent.created_at.as_micros()),
            intent_type: column(items, |item| &*item.intent.intent_type),
            correlation_id: column(items, |item| &*item.intent.correlation_id),
            extras: column(items, |item| &*item.intent.extras),
            payload: column(items, |item| &*item.intent.payload),
            key_sender: keys().map(|key| key.map(|key| &*key.sender)).collect(),
            key_endpoint: keys().map(|key| key.map(|key| &*key.endpoint)).collect(),
            key: keys().map(|key| key.map(|key| &*key.key)).collect(),
            request: keys().map(|key| key.map(|key| &key.request.0[..])).collect(),
            sender_id: column(items, |item| item.intent.sender_id.map(|id| *id.as_uuid())),
            hour: column(items, |item| hour_start(item.intent.created_at).as_micros()),
            epoch: int(me.epoch.0),
            cursor_step: int(CURSOR_STEP),
        }
    }

    /// As [`STORE`] counts them.
    pub(super) fn parameters<'s>(&'s self, me: &'s ReplicaEpoch) -> [&'s (dyn ToSql + Sync); 23] {
        [
            &me.replica_id,
            &self.epoch,
            &self.intent_id,
            &self.workspace_id,
            &self.sender,
            &self.receiver,
            &self.status,
            &self.revision,
            &self.attempts_max,
            &self.last_seq,
            &self.deadline_at,
            &self.created_at,
            &self.intent_type,
            &self.correlation_id,
            &self.extras,
            &self.payload,
            &self.key_sender,
            &self.key_endpoint,
            &self.key,
            &self.request,
            &self.cursor_step,
            &self.sender_id,
            &self.hour,
        ]
    }
}

fn column<'a, T>(items: &'a [Decided<'a>], value: impl Fn(&'a Decided<'a>) -> T) -> Vec<T> {
    items.iter().map(value).collect()
}
