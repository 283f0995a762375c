//! The tables, and the numbers that say whose they are and how old.
//!
//! Ids are 16 bytes, times microseconds since the Unix epoch in UTC, JSON is text. What every
//! reader passes over (payloads) stands last in its row.

use rusqlite::{Connection, Result};

/// Says that a file is a database of this program: the letters `AXME`.
pub(super) const APPLICATION_ID: i32 = 0x4158_4d45;

/// The schema that this version makes and reads.
pub(super) const SCHEMA_VERSION: i32 = 4;

/// The scripts that lead from one schema to the next, from an empty database on.
const STEPS: [&[&str]; 4] =
    [&[CONTROL, LEDGER, AUDIT], &[REQUEUED, INSTANCES], &[TRAFFIC], &[SESSIONS]];

/// Makes what a database of schema `found` lacks, within the caller's transaction. An empty one
/// has schema 0.
pub(super) fn upgrade(connection: &Connection, found: i32) -> Result<()> {
    let done = usize::try_from(found).unwrap_or_default();
    for script in STEPS.iter().skip(done).copied().flatten() {
        connection.execute_batch(script)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", SCHEMA_VERSION)
}

const CONTROL: &str = "
CREATE TABLE control_head (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO control_head VALUES (1, 0, zeroblob(32));

CREATE TABLE control_log (
    revision INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    body_hash BLOB NOT NULL,
    command_id BLOB NOT NULL UNIQUE,
    action TEXT NOT NULL,
    format INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    actor_key_id BLOB,
    org_id BLOB,
    workspace_id BLOB,
    address_id BLOB,
    target TEXT,
    request_id TEXT,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX control_log_at ON control_log (at, revision);

-- A snapshot is written in parts, so that a large one holds nobody up. It counts once its row
-- here says how many parts it has.
CREATE TABLE control_snapshot (
    revision INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    format INTEGER NOT NULL,
    parts INTEGER NOT NULL
) STRICT;
CREATE TABLE control_snapshot_part (
    revision INTEGER NOT NULL,
    part INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (revision, part)
) STRICT;

CREATE TABLE replica_epoch (
    replica_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    closed_at INTEGER,
    gone_at INTEGER,
    PRIMARY KEY (replica_id, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE replica_beat (
    replica_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    region TEXT,
    version TEXT NOT NULL,
    PRIMARY KEY (replica_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    row_id INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    made TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (sender, endpoint, key)
) STRICT;

CREATE TABLE kill_record (
    kill_id BLOB PRIMARY KEY,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

const LEDGER: &str = "
CREATE TABLE intents (
    row_id INTEGER PRIMARY KEY,
    intent_id BLOB NOT NULL UNIQUE,
    workspace_id BLOB NOT NULL,
    sender TEXT NOT NULL,
    receiver TEXT NOT NULL,
    status TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    admitted_at_revision INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    delivery_attempt INTEGER NOT NULL DEFAULT 0,
    delivery_attempts_max INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    policy_generation INTEGER NOT NULL DEFAULT 0,
    deadline_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER,
    intent_type TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    outcome TEXT,
    extras TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX intents_listed ON intents (workspace_id, status, row_id);
-- An intent is in one index of its sender and one or two of its receiver at a time. Those of what
-- has not ended stay small, and they are the ones that admitting writes.
CREATE INDEX intents_undelivered ON intents (workspace_id, sender, row_id)
    WHERE ended_at IS NULL AND delivery_attempt = 0;
CREATE INDEX intents_unfinished_sent ON intents (workspace_id, sender, row_id)
    WHERE ended_at IS NULL AND delivery_attempt > 0;
CREATE INDEX intents_ended_sent ON intents (workspace_id, sender, row_id)
    WHERE ended_at IS NOT NULL;
CREATE INDEX intents_queued ON intents (workspace_id, receiver, cursor)
    WHERE ended_at IS NULL;
CREATE INDEX intents_unfinished_received ON intents (workspace_id, receiver)
    WHERE ended_at IS NULL AND delivery_attempt > 0;
CREATE INDEX intents_ended_received ON intents (workspace_id, receiver, row_id)
    WHERE ended_at IS NOT NULL;
CREATE INDEX intents_deadline ON intents (deadline_at)
    WHERE ended_at IS NULL AND deadline_at IS NOT NULL;

-- From the third event on: created and submitted follow from the intent.
CREATE TABLE intent_event (
    intent_row_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    status TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT,
    details TEXT,
    PRIMARY KEY (intent_row_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE lane (
    workspace_id BLOB NOT NULL,
    address TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE beat_seen (
    row_id INTEGER PRIMARY KEY,
    address_id BLOB NOT NULL,
    beat_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (address_id, beat_id)
) STRICT;
CREATE TABLE usage_hour (
    address_id BLOB NOT NULL,
    start INTEGER NOT NULL,
    intents_total INTEGER NOT NULL,
    intents_succeeded INTEGER NOT NULL,
    intents_failed INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    latency_ms_sum REAL NOT NULL,
    latency_count INTEGER NOT NULL,
    PRIMARY KEY (address_id, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE usage_day (
    workspace_id BLOB NOT NULL,
    address_id BLOB NOT NULL,
    start INTEGER NOT NULL,
    intents_total INTEGER NOT NULL,
    intents_succeeded INTEGER NOT NULL,
    intents_failed INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    latency_ms_sum REAL NOT NULL,
    latency_count INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, address_id, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE agent_seen (
    address_id BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE key_used (
    key_id BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

const AUDIT: &str = "
CREATE TABLE audit_head (
    epoch INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE audit_log (
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body_hash BLOB NOT NULL,
    action TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT,
    actor_key_id BLOB,
    org_id BLOB,
    workspace_id BLOB,
    address_id BLOB,
    body BLOB NOT NULL,
    PRIMARY KEY (epoch, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_log_at ON audit_log (at, epoch, seq);
";

// What was resumed before this schema was requeued as it could be.
const REQUEUED: &str = "
ALTER TABLE control_head ADD COLUMN requeued INTEGER NOT NULL DEFAULT 0;
UPDATE control_head SET requeued = revision;
";

const SESSIONS: &str = "
CREATE TABLE session_used (
    session_id BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

const INSTANCES: &str = "
CREATE TABLE instance (
    address_id BLOB NOT NULL,
    instance_id TEXT NOT NULL,
    inferred INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    ended_at INTEGER,
    streams INTEGER NOT NULL,
    version TEXT,
    region TEXT,
    labels TEXT,
    done INTEGER,
    total INTEGER,
    unit TEXT,
    metadata TEXT,
    PRIMARY KEY (address_id, instance_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_seen ON instance (last_seen_at);

CREATE TABLE kill_instance (
    row_id INTEGER PRIMARY KEY,
    kill_id BLOB NOT NULL,
    instance_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    inferred INTEGER NOT NULL,
    version TEXT,
    region TEXT,
    last_seen_at INTEGER NOT NULL,
    streams INTEGER NOT NULL DEFAULT 0,
    via TEXT,
    after_ms REAL,
    done INTEGER,
    total INTEGER,
    unit TEXT,
    late INTEGER NOT NULL DEFAULT 0,
    reported_after INTEGER NOT NULL DEFAULT 0,
    metadata TEXT,
    UNIQUE (kill_id, instance_id)
) STRICT;
";

// A row of each epoch, so that replicas do not wait for each other to count.
const TRAFFIC: &str = "
CREATE TABLE traffic_hour (
    workspace_id BLOB NOT NULL,
    address_id BLOB NOT NULL,
    start INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    admitted INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, address_id, start, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX traffic_hour_start ON traffic_hour (start);
CREATE INDEX usage_hour_start ON usage_hour (start);
";
