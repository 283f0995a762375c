//! Commits that fail in the middle, in a process that may not write beyond a file size.
//!
//! What was acknowledged is there afterwards. What had an unknown outcome is settled before
//! anybody reads on: what a read said of it stays true.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axme_core::address::Address;
use axme_core::decide::{Admission, Denial};
use axme_core::id::{IntentId, Revision, WorkspaceId};
use axme_core::lease::Lease;
use axme_core::time::Timestamp;
use axme_store::control::{ControlLog as _, ReplicaProfile};
use axme_store::ledger::{Ledger as _, NewIntent};
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use axme_store::{Gate, Pass, StoreError, WriteError};
use tempfile::TempDir;
use uuid::Uuid;

/// Names the folder in which the child works.
const FOLDER: &str = "AXME_TEST_FAILING_DISK";
/// Largest file of the child in blocks of 512 bytes: 2 MiB.
const FILE_BLOCKS_MAX: u32 = 4_096;
/// Bytes of the payloads that fill the log, and of those that fill the database.
const SMALL: usize = 2_000;
const LARGE: usize = 1_400_000;
/// Failed commits after which the child has seen enough.
const UNKNOWN_ENOUGH: usize = 3;

/// Counts the passes that are held.
#[derive(Debug)]
struct CountedGate(Arc<AtomicU32>);

struct Held(Arc<AtomicU32>);

impl Gate for CountedGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Pass::new(Revision(1), Admission::Flows, Box::new(Held(Arc::clone(&self.0)))))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn intent(n: u32, payload_bytes: usize) -> NewIntent {
    NewIntent {
        intent_id: id(n),
        workspace_id: WorkspaceId::from_uuid(Uuid::from_u128(1)),
        from: Address::parse("agent://acme/prod/campaign").unwrap(),
        sender_id: None,
        to: Address::parse("agent://acme/prod/mailer").unwrap(),
        intent_type: "intent.email.send.v1".into(),
        correlation_id: "c".into(),
        payload: format!("\"{}\"", "x".repeat(payload_bytes)).into(),
        extras: "{}".into(),
        deadline_at: None,
        delivery_attempts_max: 3,
        created_at: Timestamp::default(),
        idempotency: None,
    }
}

fn id(n: u32) -> IntentId {
    IntentId::from_uuid(Uuid::from_u128(n.into()))
}

#[test]
fn what_a_failed_commit_left_is_settled_before_anybody_reads_on() {
    let folder = TempDir::new().unwrap();
    // A shell sets the limit and has its signal ignored, so that writes fail instead.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {FILE_BLOCKS_MAX}; exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "the child failed: {status}");

    let said = said(folder.path());
    let count = |what: &str| said.values().filter(|said| *said == what).count();
    let settled = said.values().filter(|said| said.starts_with("settled")).count();
    assert!(count("acknowledged") > 10 && settled >= UNKNOWN_ENOUGH, "{said:?}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
        for (n, said) in &said {
            let there = store.intent(id(*n)).await.unwrap().is_some();
            match said.as_str() {
                "acknowledged" => assert!(there, "intent {n} was acknowledged and is lost"),
                "refused" => assert!(!there, "intent {n} was refused and is there"),
                "settled there" => assert!(there, "intent {n} was read and is lost"),
                "settled" => assert!(!there, "intent {n} was not there and came back"),
                "unsettled" => {}
                other => panic!("intent {n} {other}"),
            }
        }
    });
}

/// The other process; it does nothing unless it was told to.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let said = runtime.block_on(fill(&folder));
    let lines: Vec<_> = said.iter().map(|(n, said)| format!("{n} {said}")).collect();
    std::fs::write(folder.join("said"), lines.join("\n")).unwrap();
}

fn said(folder: &Path) -> BTreeMap<u32, String> {
    let text = std::fs::read_to_string(folder.join("said")).unwrap();
    let lines = text.lines().map(|line| line.split_once(' ').unwrap());
    lines.map(|(n, said)| (n.parse().unwrap(), said.to_owned())).collect()
}

/// What was said of each intent.
type Said = BTreeMap<u32, &'static str>;

async fn fill(folder: &Path) -> Said {
    let store = SqliteStore::open(folder, SqliteOptions::default()).unwrap();
    let profile = ReplicaProfile {
        replica_id: "r".into(),
        region: None,
        version: "1".into(),
        lease: Lease::DEFAULT,
    };
    store.join(&profile, Timestamp::default()).await.unwrap();
    let mut said = Said::new();
    while said.values().filter(|said| said.starts_with("settled")).count() < UNKNOWN_ENOUGH {
        assert!(said.len() < 20_000, "commits do not fail");
        admit(&store, &mut said, SMALL).await;
    }
    // Large ones fill the database itself: then even what is certain cannot be moved to it, and
    // nothing is settled any more.
    while !said.values().any(|said| *said == "unsettled") {
        assert!(said.len() < 20_000, "the database does not fill up");
        admit(&store, &mut said, LARGE).await;
    }
    said
}

/// Admits one intent more, and adds what was said of it.
async fn admit(store: &SqliteStore, said: &mut Said, payload_bytes: usize) {
    let n = u32::try_from(said.len()).unwrap();
    let held = Arc::new(AtomicU32::new(0));
    let gate = Box::new(CountedGate(Arc::clone(&held)));
    let word = match store.admit(intent(n, payload_bytes), gate).await {
        Ok(_) => "acknowledged",
        Err(WriteError::Store(StoreError::OutcomeUnknown(_))) => settled(store, n, &held).await,
        Err(WriteError::Store(StoreError::Unavailable(_))) => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            "refused"
        }
        Err(other) => panic!("{other:?}"),
    };
    said.insert(n, word);
}

/// Waits until the store reads again, and says what it reads. Until then the intent is in flight.
async fn settled(store: &SqliteStore, n: u32, held: &AtomicU32) -> &'static str {
    for _ in 0..100 {
        let held_before = held.load(Ordering::SeqCst);
        let word = match store.intent(id(n)).await {
            Ok(Some(_)) => "settled there",
            Ok(None) => "settled",
            Err(StoreError::Unavailable(_)) => {
                assert_eq!(held_before, 1, "it is not settled and not in flight");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(held.load(Ordering::SeqCst), 0, "it is settled and still in flight");
        return word;
    }
    "unsettled"
}
