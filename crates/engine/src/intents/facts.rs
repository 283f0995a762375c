//! What parties say about an intent: accepted also while they are stopped, and marked late then.
//!
//! Refusing them would turn known work into unknown work, and have it repeated.

use axme_core::decide::{Action, Admission};
use axme_core::id::IntentId;
use axme_core::intent::Status;
use axme_store::control::IdempotencyKey;
use axme_store::ledger::{Event, Fact, Intent, Patch, Patched, Recorded, RowsBetween};

use super::{Denied, IntentError, Intents};
use crate::caller::Caller;
use crate::enforcer::Topic;

/// A step or an end that a party asks to be recorded.
#[derive(Clone, Debug)]
pub struct FactRequest {
    pub intent_id: IntentId,
    pub next: Status,
    /// Whom the caller names as the actor; the caller itself when it names nobody.
    pub actor: Option<Box<str>>,
    /// `{result?, error?, reason?}`: a JSON object.
    pub outcome: Option<Box<str>>,
    pub idempotency: Option<IdempotencyKey>,
}

/// A fact that is recorded.
#[derive(Clone, Debug)]
pub struct Said {
    pub intent: Intent,
    pub event: Event,
}

impl Intents {
    /// Records a fact. When this returns it is durable.
    pub async fn record(&self, caller: &Caller, said: FactRequest) -> Result<Said, IntentError> {
        let intent = self.visible(caller, said.intent_id).await?;
        let agent = caller.agent();
        let alone = agent.map(|cell| &**cell);
        let admission = self
            .enforcer
            .decide_alone(&caller.key, Action::RecordFact, alone)
            .map_err(|denial| Denied::about(denial, agent))?;
        if let Some(agent) = agent {
            agent.touch(self.clock.wall());
        }
        let actor = said.actor.unwrap_or_else(|| match agent {
            Some(agent) => agent.address.as_str().into(),
            None => caller.key.name.clone(),
        });
        let fact = Fact {
            intent_id: intent.intent_id,
            next: said.next,
            actor,
            outcome: said.outcome,
            late: admission == Admission::Late,
            at: self.clock.wall(),
            idempotency: said.idempotency,
        };
        match self.ledger.record(fact).await? {
            Recorded::Done { intent, event } => {
                self.enforcer.wake(&Topic::Intent(intent.intent_id));
                Ok(Said { intent, event })
            }
            Recorded::Before { intent, event } => Ok(Said { intent, event }),
            Recorded::Ended(intent) => Err(IntentError::Ended(intent.status)),
            Recorded::Impossible(intent) => Err(IntentError::Impossible(intent.status)),
            Recorded::NotFound => Err(IntentError::NotFound),
        }
    }

    /// Lets an intent that waits for an operator go to its receiver, behind what the receiver has
    /// been sent meanwhile. Durable when this returns; repeated, it takes up where it broke off.
    pub async fn release(&self, caller: &Caller, said: FactRequest) -> Result<Said, IntentError> {
        let intent = self.visible(caller, said.intent_id).await?;
        let said = if intent.status == Status::Waiting {
            self.record(caller, said).await?
        } else {
            let last = self.ledger.events(intent.intent_id, intent.last_seq - 1).await?;
            let event = last.unwrap_or_default().pop().ok_or(IntentError::NotFound)?;
            Said { intent, event }
        };
        let Intent { workspace_id, from, row_id, .. } = &said.intent;
        // Receivers have gone past its old place.
        let only = RowsBetween::only(*row_id);
        for receiver in self.ledger.requeue(*workspace_id, from, only, 1).await?.receivers {
            self.enforcer.wake(&Topic::Queue((*workspace_id, receiver)));
        }
        Ok(said)
    }

    /// Merges a patch into an intent's controls or policy. `Err` of the intent when the expected
    /// generation is stale.
    pub async fn patch(
        &self,
        caller: &Caller,
        id: IntentId,
        merge: Box<str>,
        expected_generation: Option<u64>,
    ) -> Result<Result<Intent, Intent>, IntentError> {
        let agent = caller.agent();
        if let Some(cell) = agent {
            self.enforcer.decide_sender(&caller.key, cell).map_err(|denial| {
                let denied = Denied::about(denial, agent);
                self.note_denied(caller, Some(cell), &denied);
                denied
            })?;
        }
        let intent_id = self.visible(caller, id).await?.intent_id;
        let patch = Patch { intent_id, merge, expected_generation, at: self.clock.wall() };
        match self.ledger.patch(patch).await? {
            Patched::Applied(intent) => Ok(Ok(intent)),
            Patched::Stale(intent) => Ok(Err(intent)),
            Patched::Ended(intent) => Err(IntentError::Ended(intent.status)),
            Patched::NotFound => Err(IntentError::NotFound),
        }
    }
}
