//! What only an engine with a file can be asked about.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axme_core::address::Address;
use axme_core::change::{ActorKind, ActorName, ENTRY_FORMAT, Entry};
use axme_core::decide::{Admission, Denial};
use axme_core::id::{CommandId, IntentId, Revision, WorkspaceId};
use axme_core::lease::Lease;
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{OpenError, SqliteOptions, SqliteStore};
use crate::control::{Append, ControlLog as _, Expected, ReplicaEpoch, ReplicaProfile};
use crate::error::{StoreError, WriteError};
use crate::gate::{Gate, Pass};
use crate::ledger::{Ledger as _, NewIntent};

mod damage;
mod room;

fn open(folder: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(folder, SqliteOptions::default())
}

async fn joined(store: &SqliteStore) -> ReplicaEpoch {
    let profile = ReplicaProfile {
        replica_id: "r".into(),
        region: None,
        version: "1".into(),
        lease: Lease::DEFAULT,
    };
    let epoch = store.join(&profile, Timestamp::default()).await.unwrap();
    ReplicaEpoch { replica_id: profile.replica_id, epoch }
}

async fn append(store: &SqliteStore, by: &ReplicaEpoch, n: u128) -> Result<(), StoreError> {
    let name = "somebody".into();
    let entry = Entry {
        format: ENTRY_FORMAT,
        action: "agent.killed".into(),
        command_id: CommandId::from_uuid(Uuid::from_u128(n)),
        at: Timestamp::default(),
        actor: ActorName { kind: ActorKind::Local, name, key_id: None },
        client_address: None,
        request_id: None,
        scope: Scope::Installation,
        target: None,
        address_id: None,
        reason: None,
        before: None,
        after: None,
        changes: Vec::new(),
    };
    let append = Append { by: by.clone(), expected: Expected::Any, entry, idempotency: None };
    match store.append(append).await {
        Ok(_) => Ok(()),
        Err(crate::AppendError::Store(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn intent(n: u128, payload: &str) -> NewIntent {
    NewIntent {
        intent_id: IntentId::from_uuid(Uuid::from_u128(n)),
        workspace_id: WorkspaceId::from_uuid(Uuid::from_u128(1)),
        from: Address::parse("agent://acme/prod/campaign").unwrap(),
        sender_id: None,
        to: Address::parse("agent://acme/prod/mailer").unwrap(),
        intent_type: "intent.email.send.v1".into(),
        correlation_id: "c".into(),
        payload: payload.into(),
        extras: "{}".into(),
        deadline_at: None,
        delivery_attempts_max: 3,
        created_at: Timestamp::default(),
        idempotency: None,
    }
}

#[derive(Debug)]
struct OpenGate;

impl Gate for OpenGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        Ok(Pass::new(Revision(1), Admission::Flows, Box::new(())))
    }
}

#[tokio::test]
async fn a_second_process_is_told_to_stop_the_first() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }));
    assert!(error.to_string().starts_with("another axme is using "), "{error}");
    assert!(error.to_string().ends_with("axme.db; stop it first"), "{error}");
    store.shut_down().await;
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn a_store_that_was_shut_down_says_so() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    joined(&store).await;
    store.shut_down().await;
    let written = store.admit(intent(1, "{}"), Box::new(OpenGate)).await;
    assert!(matches!(written, Err(WriteError::Store(StoreError::Unavailable(_)))), "{written:?}");
    let read = store.load().await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    // Everything is in the one file now.
    assert_eq!(fs::metadata(folder.path().join("axme.db-wal")).map_or(0, |wal| wal.len()), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let inner = folder.path().join("data");
    let store = open(&inner).unwrap();
    joined(&store).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for file in ["axme.db", "axme.db-wal", "axme.lock"] {
        assert_eq!(mode(&inner.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn before_a_replica_has_joined_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let written = store.admit(intent(1, "{}"), Box::new(OpenGate)).await;
    assert!(matches!(written, Err(WriteError::Store(StoreError::Fenced))), "{written:?}");
}

/// Holds the writer in the middle of a transaction until it is let go.
#[derive(Clone, Debug, Default)]
struct HoldingGate {
    held: Arc<AtomicBool>,
    go: Arc<AtomicBool>,
}

impl Gate for HoldingGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        self.held.store(true, Ordering::SeqCst);
        while !self.go.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        OpenGate.decide_again()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_so_at_once_and_control_still_gets_through() {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions { bulk_waiting_max: 4 };
    let store = Arc::new(SqliteStore::open(folder.path(), options).unwrap());
    let me = joined(&store).await;
    let (gate, mut admits) = (HoldingGate::default(), JoinSet::new());
    let mut send = |n| {
        let (store, gate) = (Arc::clone(&store), Box::new(gate.clone()));
        admits.spawn(async move { store.admit(intent(n, "{}"), gate).await });
    };
    send(0);
    while !gate.held.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    (1..=20).for_each(&mut send);
    // One is being written and four wait; the others are answered though nothing moves.
    for _ in 0..16 {
        let answer = admits.join_next().await.unwrap().unwrap();
        assert!(matches!(answer, Err(WriteError::Busy)), "{answer:?}");
    }
    let mut kill = JoinSet::new();
    let killing = Arc::clone(&store);
    kill.spawn(async move { append(&killing, &me, 1).await });
    gate.go.store(true, Ordering::SeqCst);
    kill.join_next().await.unwrap().unwrap().unwrap();
    while let Some(answer) = admits.join_next().await {
        answer.unwrap().unwrap();
    }
}
