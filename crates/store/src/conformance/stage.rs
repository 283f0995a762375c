//! What a story stands on: a store, a replica that has joined it, and things to put into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axme_core::address::Address;
use axme_core::change::{ActorKind, ActorName, ENTRY_FORMAT, Entry};
use axme_core::id::{CommandId, IntentId, OrgId, WorkspaceId};
use axme_core::intent::{DELIVERY_ATTEMPTS_DEFAULT, Status};
use axme_core::lease::Lease;
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use uuid::Uuid;

use crate::conformance::gates::open_gate;
use crate::conformance::{Broken, Site, Subject};
use crate::control::{
    Append, ControlLog, Expected, IdempotencyKey, LogHead, ReplicaEpoch, ReplicaProfile,
};
use crate::ledger::{Admitted, Fact, HandedOver, Handing, Intent, Ledger, NewIntent, QueueQuery};

/// See the module.
pub(super) struct Stage {
    site: Arc<dyn Site>,
    subject: Subject,
    pub(super) me: ReplicaEpoch,
    pub(super) org: OrgId,
    pub(super) workspace: WorkspaceId,
    ids: AtomicU64,
}

impl Stage {
    /// A replica that has joined a new store.
    pub(super) async fn open(site: &Arc<dyn Site>) -> Result<Self, Broken> {
        let subject = site.open().await?;
        let me = join(&subject).await?;
        let org = OrgId::from_uuid(Uuid::from_u128(1));
        let workspace = WorkspaceId::from_uuid(Uuid::from_u128(2));
        Ok(Self { site: Arc::clone(site), subject, me, org, workspace, ids: AtomicU64::new(1_000) })
    }

    /// Ends the process and begins another, which joins.
    pub(super) async fn reopen(mut self) -> Result<Self, Broken> {
        self.subject = self.site.reopen(self.subject).await?;
        self.me = join(&self.subject).await?;
        Ok(self)
    }

    pub(super) fn log(&self) -> Arc<dyn ControlLog> {
        Arc::clone(&self.subject.log)
    }

    pub(super) fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::clone(&self.subject.ledger)
    }

    pub(super) fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)))
    }

    pub(super) const fn scope(&self) -> Scope {
        Scope::Workspace { org: self.org, workspace: self.workspace }
    }

    pub(super) fn entry(&self, action: &str) -> Entry {
        let name = "operator".into();
        Entry {
            format: ENTRY_FORMAT,
            action: action.into(),
            command_id: CommandId::from_uuid(self.uuid()),
            at: at(1),
            actor: ActorName { kind: ActorKind::Local, name, key_id: None },
            client_address: None,
            request_id: None,
            scope: self.scope(),
            target: None,
            address_id: None,
            reason: None,
            before: None,
            after: None,
            changes: Vec::new(),
        }
    }

    pub(super) fn append_of(&self, entry: Entry, expected: Expected) -> Append {
        Append { by: self.me.clone(), expected, entry, idempotency: None }
    }

    /// Appends an entry of this action, whatever the head is.
    pub(super) async fn append(&self, action: &str) -> Result<LogHead, Broken> {
        let append = self.append_of(self.entry(action), Expected::Any);
        Ok(self.log().append(append).await?)
    }

    pub(super) fn intent(&self, from: &str, to: &str) -> Result<NewIntent, Broken> {
        Ok(NewIntent {
            intent_id: IntentId::from_uuid(self.uuid()),
            workspace_id: self.workspace,
            from: address(from)?,
            sender_id: None,
            to: address(to)?,
            intent_type: "intent.email.send.v1".into(),
            correlation_id: self.uuid().to_string().into(),
            payload: r#"{"subject":"hello"}"#.into(),
            extras: r#"{"reply_to":null}"#.into(),
            deadline_at: None,
            delivery_attempts_max: DELIVERY_ATTEMPTS_DEFAULT,
            created_at: at(2),
            idempotency: None,
        })
    }

    /// Admits an intent through an open gate, and answers it as it stands.
    pub(super) async fn admitted(&self, new: NewIntent) -> Result<Intent, Broken> {
        let id = new.intent_id;
        match self.ledger().admit(new, open_gate()).await? {
            Admitted::New { .. } => self.stands(id).await,
            Admitted::Before { .. } => {
                Err(Broken("a new intent was taken for a replay".to_owned()))
            }
        }
    }

    pub(super) async fn sent(&self, from: &str, to: &str) -> Result<Intent, Broken> {
        self.admitted(self.intent(from, to)?).await
    }

    /// An intent as it stands.
    pub(super) async fn stands(&self, id: IntentId) -> Result<Intent, Broken> {
        let found = self.ledger().intent(id).await?;
        found.ok_or_else(|| Broken(format!("intent {id} is not there")))
    }

    pub(super) async fn hand_over(&self, id: IntentId) -> Result<Vec<HandedOver>, Broken> {
        let handing = Handing { intent_id: id, gate: open_gate() };
        Ok(self.ledger().hand_over(vec![handing], at(3)).await?)
    }

    pub(super) fn fact(&self, id: IntentId, next: Status) -> Fact {
        Fact {
            intent_id: id,
            next,
            actor: "agent://acme/prod/mailer".into(),
            outcome: Some(r#"{"result":{"sent":1}}"#.into()),
            late: false,
            at: at(4),
            idempotency: None,
        }
    }

    /// The queue of a receiver after a cursor.
    pub(super) async fn queue(&self, to: &str, since: u64) -> Result<Vec<Intent>, Broken> {
        let query = QueueQuery {
            workspace_id: self.workspace,
            receiver: address(to)?,
            since,
            statuses: Vec::new(),
            rows_max: 1_000,
        };
        Ok(self.ledger().queue(query).await?)
    }
}

async fn join(subject: &Subject) -> Result<ReplicaEpoch, Broken> {
    let profile = profile();
    let epoch = subject.log.join(&profile, at(0)).await?;
    Ok(ReplicaEpoch { replica_id: profile.replica_id, epoch })
}

pub(super) fn profile() -> ReplicaProfile {
    ReplicaProfile {
        replica_id: "conformance".into(),
        region: Some("here".into()),
        version: "1".into(),
        lease: Lease::DEFAULT,
    }
}

/// A moment of the story, in its order.
pub(super) const fn at(step: i64) -> Timestamp {
    Timestamp::from_micros(1_000_000_000 + step * 1_000_000)
}

/// The address of an agent of the story.
pub(super) fn address(name: &str) -> Result<Address, Broken> {
    Address::parse(&format!("agent://acme/prod/{name}")).map_err(|error| Broken(error.to_string()))
}

pub(super) fn key(text: &str, request: &str) -> IdempotencyKey {
    let request = axme_core::chain::Hash::of_body(request.as_bytes());
    IdempotencyKey { sender: "sa_x".into(), endpoint: "POST /x".into(), key: text.into(), request }
}
