//! The store that fails when it is told to does just that.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use axme_core::change::{ActorKind, ActorName, ENTRY_FORMAT, Entry};
use axme_core::id::CommandId;
use axme_core::lease::Lease;
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use axme_store::control::{Append, ControlLog as _, Expected, ReplicaEpoch, ReplicaProfile};
use axme_store::faults::{Fault, Faulty};
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use axme_store::{AppendError, StoreError};
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

fn entry(n: u128) -> Entry {
    let name = "somebody".into();
    Entry {
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
    }
}

struct Stage {
    store: Arc<Faulty>,
    me: ReplicaEpoch,
    _folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
        let store = Arc::new(Faulty::new(&Arc::new(store)));
        let profile = ReplicaProfile {
            replica_id: "r".into(),
            region: None,
            version: "1".into(),
            lease: Lease::DEFAULT,
        };
        let epoch = store.join(&profile, Timestamp::default()).await.unwrap();
        let me = ReplicaEpoch { replica_id: profile.replica_id, epoch };
        Self { store, me, _folder: folder }
    }

    fn append(&self, n: u128) -> impl Future<Output = Result<(), AppendError>> + use<> {
        let (by, store) = (self.me.clone(), Arc::clone(&self.store));
        let append = Append { by, expected: Expected::Any, entry: entry(n), idempotency: None };
        async move { store.append(append).await.map(drop) }
    }

    async fn holds(&self, n: u128) -> bool {
        self.store.find(entry(n).command_id).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn what_is_refused_does_not_reach_the_store_and_what_is_lost_does() {
    let stage = Stage::new().await;
    stage.store.set_appends(Fault::Refuse);
    let refused = stage.append(1).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(!stage.holds(1).await);
    stage.store.set_appends(Fault::Lose);
    let lost = stage.append(2).await;
    assert!(matches!(lost, Err(AppendError::Store(StoreError::OutcomeUnknown(_)))), "{lost:?}");
    assert!(stage.holds(2).await);
    stage.store.set_appends(Fault::None);
    stage.append(3).await.unwrap();
}

#[tokio::test]
async fn what_hangs_goes_on_when_it_is_let_go() {
    let stage = Stage::new().await;
    stage.store.set_appends(Fault::Hang);
    let mut hanging = JoinSet::new();
    hanging.spawn(stage.append(1));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(hanging.try_join_next().is_none() && !stage.holds(1).await);
    stage.store.set_appends(Fault::None);
    hanging.join_next().await.unwrap().unwrap().unwrap();
    assert!(stage.holds(1).await);
}
