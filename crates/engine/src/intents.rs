//! Intents: admitted, told about, ended.

mod bulk;
mod create;
mod delivery;
mod facts;
mod read;
mod watch;

use std::sync::Arc;

use axme_core::address::Address;
use axme_core::decide::{Denial, End};
use axme_core::id::{IntentId, WorkspaceId};
use axme_core::intent::Status;
use axme_core::policy::Breach;
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use axme_store::ledger::Intent;
use axme_store::{Ledger, StoreError, WriteError};

pub use bulk::BulkCancel;
pub use create::{Created, IntentRequest, Sender};
pub use delivery::{Delivery, DeliveryRequest, DeliveryStream};
pub use facts::{FactRequest, Said};
pub use watch::{Watch, Watched};

use crate::caller::Caller;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::control::Control;
use crate::enforcer::{Cell, Enforcer};
use crate::observer::Observer;
use crate::rates::Rates;

/// Why nothing came of a request about intents.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IntentError {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("this key belongs to no agent")]
    NoAgentBound,
    /// The named sender or receiver is not an agent of the workspace.
    #[error("no such agent: {address}")]
    AgentNotFound { field: &'static str, address: String },
    #[error("{field}: {problem}")]
    InvalidAddress { field: &'static str, value: String, problem: axme_core::address::BadAddress },
    #[error(
        "the receiver belongs to another organization, which takes intents of its own agents only"
    )]
    OtherOrganization,
    #[error(
        "the receiver belongs to another workspace; agents reach agents of their own workspace"
    )]
    OtherWorkspace,
    #[error("no such intent")]
    NotFound,
    #[error("the intent has ended as {}; its end is final", .0.as_str())]
    Ended(Status),
    #[error("the intent is {}; this step is not possible from there", .0.as_str())]
    Impossible(Status),
    /// The sender has used up one of its limits.
    #[error(
        "the agent has used {breach}; it goes on at {resets_at}, or when an operator sets another limit"
    )]
    OverLimit { breach: Breach, resets_at: Timestamp },
    #[error("idempotency key reused with different payload")]
    KeyReused,
    #[error("too many writes are waiting; try again")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A denial, and the agent that it is about.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{denial}")]
pub struct Denied {
    pub denial: Denial,
    pub about: Option<Arc<Cell>>,
}

impl Denied {
    /// A denial about one of two ends.
    #[must_use]
    pub fn between(denial: Denial, sender: &Arc<Cell>, receiver: &Arc<Cell>) -> Self {
        let about = match denial.end {
            End::Sender | End::Gateway => sender,
            End::Receiver => receiver,
        };
        Self { denial, about: Some(Arc::clone(about)) }
    }

    /// A denial about one agent alone.
    #[must_use]
    pub fn about(denial: Denial, agent: Option<&Arc<Cell>>) -> Self {
        Self { denial, about: agent.map(Arc::clone) }
    }
}

/// How intents are addressed and bounded here.
#[derive(Clone, Copy, Debug)]
pub struct IntentOptions {
    /// Takes addresses that nobody has registered, and short ones.
    pub lenient_addressing: bool,
}

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intents {
    control: Arc<Control>,
    enforcer: Arc<Enforcer>,
    ledger: Arc<dyn Ledger>,
    observer: Arc<Observer>,
    rates: Arc<Rates>,
    clock: Clock,
    chance: Chance,
    options: IntentOptions,
}

impl Intents {
    #[must_use]
    pub const fn new(
        control: Arc<Control>,
        enforcer: Arc<Enforcer>,
        ledger: Arc<dyn Ledger>,
        observer: Arc<Observer>,
        rates: Arc<Rates>,
        clock: Clock,
        options: IntentOptions,
    ) -> Self {
        Self { control, enforcer, ledger, observer, rates, clock, chance: Chance, options }
    }

    /// Counts a denial for the agent that asked, and for the audit under the one that it is about.
    pub fn note_denied(&self, caller: &Caller, asking: Option<&Cell>, denied: &Denied) {
        let reason = denied.denial.reason;
        if let Some(asking) = asking {
            asking.count_denied();
        }
        let Some(about) = denied.about.as_deref().or(asking) else { return };
        let scope = self.scope_of(about.workspace_id);
        self.observer.denied(self.clock.wall(), about, scope, reason, &caller.key);
    }

    /// Records that an agent went beyond one of its limits.
    fn note_breach(&self, caller: &Caller, sender: &Cell, breach: Breach) {
        let scope = self.scope_of(sender.workspace_id);
        self.observer.breached(self.clock.wall(), sender, scope, breach, &caller.key);
    }

    /// The intent, if the caller may see it: its parties, and keys that cover its workspace.
    async fn visible(&self, caller: &Caller, id: IntentId) -> Result<Intent, IntentError> {
        let intent = self.ledger.intent(id).await?.ok_or(IntentError::NotFound)?;
        let may_see = self.may_see(caller, intent.workspace_id, [&intent.from, &intent.to]);
        if may_see && !Self::is_kept_from(caller, &intent) {
            Ok(intent)
        } else {
            Err(IntentError::NotFound)
        }
    }

    /// Whether an intent is kept from its receiver until an operator releases it.
    fn is_kept_from(caller: &Caller, intent: &Intent) -> bool {
        intent.status == Status::Waiting
            && caller.agent().is_some_and(|agent| agent.address != intent.from)
    }

    fn may_see(&self, caller: &Caller, workspace: WorkspaceId, parties: [&Address; 2]) -> bool {
        match caller.agent() {
            Some(agent) => agent.workspace_id == workspace && parties.contains(&&agent.address),
            None => caller.key.scope.covers(self.scope_of(workspace)),
        }
    }

    /// The scope of a workspace. One that is not there belongs to the installation.
    fn scope_of(&self, workspace: WorkspaceId) -> Scope {
        let scope =
            self.control.read(|state| state.workspace(workspace).map(|found| found.scope()));
        scope.unwrap_or(Scope::Installation)
    }
}

impl From<WriteError> for IntentError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Denied(denial) => Self::Denied(Denied::about(denial, None)),
            WriteError::OverLimit(breach) => {
                Self::Store(StoreError::Unusable(format!("limited out of place: {breach:?}")))
            }
            WriteError::KeyReused => Self::KeyReused,
            WriteError::Busy => Self::Busy,
            WriteError::Store(error) => Self::Store(error),
        }
    }
}
