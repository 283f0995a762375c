//! What stories about several replicas are told with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axme_core::address::Address;
use axme_core::chain::Hash;
use axme_core::change::{ActorKind, ActorName, ENTRY_FORMAT, Entry};
use axme_core::decide::{Admission, Denial};
use axme_core::id::{CommandId, IntentId, OrgId, Revision, WorkspaceId};
use axme_core::lease::Lease;
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use axme_store::control::{
    Append, ControlLog, Expected, IdempotencyKey, LogHead, Renewal, ReplicaEpoch, ReplicaProfile,
};
use axme_store::ledger::{Intent, Ledger, NewIntent, QueueQuery};
use axme_store::postgres::PgStore;
use axme_store::{Gate, Pass};
use uuid::Uuid;

use crate::server::Server;

static IDS: AtomicU64 = AtomicU64::new(1);

/// A store that has joined.
pub(crate) struct Replica {
    pub(crate) store: Arc<PgStore>,
    pub(crate) me: ReplicaEpoch,
}

impl Replica {
    pub(crate) async fn join(server: &Server, schema: &str, name: &str) -> Self {
        Self::join_at(server.open(schema), name).await
    }

    pub(crate) async fn join_at(store: Arc<PgStore>, name: &str) -> Self {
        let epoch = store.join(&profile(name), at(0)).await.unwrap();
        Self { store, me: ReplicaEpoch { replica_id: name.into(), epoch } }
    }

    /// The same store, as its next epoch.
    pub(crate) async fn join_anew(&self) -> Self {
        Self::join_at(Arc::clone(&self.store), &self.me.replica_id).await
    }

    pub(crate) fn append_of(&self, expected: Expected) -> Append {
        let entry = entry("agent.killed");
        Append { by: self.me.clone(), expected, entry, idempotency: None }
    }

    pub(crate) fn renewal(&self, applied: LogHead) -> Renewal {
        Renewal { by: self.me.clone(), applied, enforced: Revision(0), accounts: Vec::new() }
    }

    pub(crate) async fn queue(&self, to: &str, since: u64) -> Vec<Intent> {
        let query = QueueQuery {
            workspace_id: workspace(),
            receiver: address(to),
            since,
            statuses: Vec::new(),
            rows_max: 1_000,
        };
        self.store.queue(query).await.unwrap()
    }
}

/// A gate that lets through, and counts what is in flight.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenGate(pub(crate) Arc<AtomicUsize>);

struct InFlight(Arc<AtomicUsize>);

impl OpenGate {
    pub(crate) fn boxed() -> Box<dyn Gate> {
        Box::new(Self::default())
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Gate for OpenGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let in_flight = Box::new(InFlight(Arc::clone(&self.0)));
        Ok(Pass::new(Revision(0), Admission::Flows, in_flight))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn profile(name: &str) -> ReplicaProfile {
    let lease = Lease::DEFAULT;
    ReplicaProfile { replica_id: name.into(), region: None, version: "1".into(), lease }
}

pub(crate) const fn at(step: i64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000 + step * 1_000_000)
}

pub(crate) fn uuid() -> Uuid {
    Uuid::from_u128(u128::from(IDS.fetch_add(1, Ordering::Relaxed)))
}

pub(crate) fn workspace() -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::from_u128(2))
}

pub(crate) fn address(name: &str) -> Address {
    Address::parse(&format!("agent://acme/prod/{name}")).unwrap()
}

pub(crate) fn intent(from: &str, to: &str) -> NewIntent {
    NewIntent {
        intent_id: IntentId::from_uuid(uuid()),
        workspace_id: workspace(),
        from: address(from),
        sender_id: None,
        to: address(to),
        intent_type: "intent.email.send.v1".into(),
        correlation_id: "c".into(),
        payload: r#"{"subject":"hello"}"#.into(),
        extras: "{}".into(),
        deadline_at: None,
        delivery_attempts_max: 5,
        created_at: at(2),
        idempotency: None,
    }
}

pub(crate) fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey {
        sender: "sa_x".into(),
        endpoint: "POST /x".into(),
        key: text.into(),
        request: Hash::of_body(b"{}"),
    }
}

pub(crate) fn entry(action: &str) -> Entry {
    let org = OrgId::from_uuid(Uuid::from_u128(1));
    Entry {
        format: ENTRY_FORMAT,
        action: action.into(),
        command_id: CommandId::from_uuid(uuid()),
        at: at(1),
        actor: ActorName { kind: ActorKind::Local, name: "operator".into(), key_id: None },
        client_address: None,
        request_id: None,
        scope: Scope::Workspace { org, workspace: workspace() },
        target: None,
        address_id: None,
        reason: None,
        before: None,
        after: None,
        changes: Vec::new(),
    }
}
