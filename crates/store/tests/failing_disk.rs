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

fn intent(n: u32) -> NewIntent {
    NewIntent {
        intent_id: id(n),
        workspace_id: WorkspaceId::from_uuid(Uuid::from_u128(1)),
        from: Address::parse("agent://acme/prod/campaign").unwrap(),
        to: Address::parse("agent://acme/prod/mailer").unwrap(),
        intent_type: "intent.email.send.v1".into(),
        correlation_id: "c".into(),
        payload: format!("\"{}\"", "x".repeat(2_000)).into(),
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

/// Admits until commits have failed often enough, and answers what was said of each intent.
async fn fill(folder: &Path) -> BTreeMap<u32, String> {
    let store = SqliteStore::open(folder, SqliteOptions::default()).unwrap();
    let profile = ReplicaProfile { replica_id: "r".into(), region: None, version: "1".into() };
    store.join(&profile, Timestamp::default()).await.unwrap();
    let held = Arc::new(AtomicU32::new(0));
    let (mut said, mut unknown) = (BTreeMap::new(), 0);
    for n in 0..20_000 {
        let admitted = store.admit(intent(n), Box::new(CountedGate(Arc::clone(&held)))).await;
        let word = match admitted {
            Ok(_) => "acknowledged",
            Err(WriteError::Store(StoreError::OutcomeUnknown(_))) => {
                unknown += 1;
                let settled = settled(&store, n).await;
                assert_eq!(held.load(Ordering::SeqCst), 0, "it is settled and still in flight");
                settled
            }
            Err(WriteError::Store(StoreError::Unavailable(_))) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                "refused"
            }
            Err(other) => panic!("{other:?}"),
        };
        said.insert(n, word.to_owned());
        if unknown == UNKNOWN_ENOUGH {
            return said;
        }
    }
    panic!("only {unknown} commits failed");
}

/// Waits until the store reads again, and says what it reads.
async fn settled(store: &SqliteStore, n: u32) -> &'static str {
    for _ in 0..500 {
        match store.intent(id(n)).await {
            Ok(Some(_)) => return "settled there",
            Ok(None) => return "settled",
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("the store did not come back");
}
