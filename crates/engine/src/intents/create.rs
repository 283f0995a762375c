//! Admitting an intent, check by check.
//!
//! The order of the checks is part of the contract: the sender's run state comes before the
//! replay of an earlier answer, so that a stopped agent cannot tell a replay from an admission;
//! the replay comes before everything about the receiver, so that an answer that was given stays.

use std::sync::Arc;

use axme_core::address::{Address, Reference};
use axme_core::decide::{Denial, End, Reason};
use axme_core::id::{IntentId, WorkspaceId};
use axme_core::intent::Status;
use axme_core::time::Timestamp;
use axme_store::WriteError;
use axme_store::control::IdempotencyKey;
use axme_store::ledger::{Admitted, NewIntent};

use super::{Denied, IntentError, Intents};
use crate::caller::Caller;
use crate::enforcer::{Cell, Topic};

/// An agent in whose name the caller may send, and which was not stopped when it was asked about.
#[derive(Clone, Debug)]
pub struct Sender {
    cell: Arc<Cell>,
}

/// What a caller wants sent. Everything in it has been validated.
#[derive(Clone, Debug)]
pub struct IntentRequest {
    pub to: String,
    pub intent_type: Box<str>,
    pub correlation_id: Box<str>,
    pub payload: Box<str>,
    pub extras: Box<str>,
    pub deadline_at: Option<Timestamp>,
    pub delivery_attempts_max: u32,
    pub idempotency: Option<IdempotencyKey>,
}

/// An intent that was admitted, now or by an earlier request with the same idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub intent_id: IntentId,
    pub status: Status,
    pub created_at: Timestamp,
}

impl Intents {
    /// Finds the agent in whose name the caller sends, and asks whether it may. With an agent's
    /// key that is the agent, whatever the request says; else the one that it names.
    pub fn sender(&self, caller: &Caller, from: Option<&str>) -> Result<Sender, IntentError> {
        let cell = match (caller.agent(), from) {
            (Some(agent), _) => Arc::clone(agent),
            (None, None) => return Err(IntentError::NoAgentBound),
            (None, Some(from)) => {
                let (workspace, address) = self.parse(caller, "from_agent", from)?;
                if !caller.key.scope.covers(self.scope_of(workspace)) {
                    return Err(IntentError::AgentNotFound {
                        field: "from_agent",
                        address: from.to_owned(),
                    });
                }
                self.agent(caller, "from_agent", workspace, &address)?
            }
        };
        self.enforcer.decide_sender(&caller.key, &cell).map_err(|denial| {
            let denied = Denied::about(denial, Some(&cell));
            self.note_denied(caller, Some(&cell), &denied);
            denied
        })?;
        cell.touch(self.clock.wall());
        Ok(Sender { cell })
    }

    /// The answer that an idempotency key stands for, if it was used before.
    pub async fn replay(
        &self,
        _sender: &Sender,
        idempotency: Option<&IdempotencyKey>,
    ) -> Result<Option<Created>, IntentError> {
        let Some(key) = idempotency else { return Ok(None) };
        let Some(answered) = self.ledger.find_intent_answer(key).await? else { return Ok(None) };
        if !answered.same_request {
            return Err(IntentError::KeyReused);
        }
        match answered.made.parse() {
            Ok(intent) => self.created_before(intent).await.map(Some),
            Err(_other_kind) => Ok(None),
        }
    }

    /// Admits an intent. When this returns it is durable.
    pub async fn create(
        &self,
        caller: &Caller,
        sender: Sender,
        request: IntentRequest,
    ) -> Result<Created, IntentError> {
        let sender = sender.cell;
        let receiver = self.receiver(caller, &sender, &request.to)?;
        let refuse = |denial| {
            let denied = Denied::between(denial, &sender, &receiver);
            self.note_denied(caller, Some(&sender), &denied);
            denied
        };
        let permit = self
            .enforcer
            .permit_send(&caller.key, &sender, &receiver, &request.intent_type)
            .map_err(refuse)?;
        let created_at = self.clock.wall();
        let intent_id = self.chance.intent(created_at);
        let intent = NewIntent {
            intent_id,
            workspace_id: receiver.workspace_id,
            from: sender.address.clone(),
            sender_id: sender.address_id(),
            to: receiver.address.clone(),
            intent_type: request.intent_type,
            correlation_id: request.correlation_id,
            payload: request.payload,
            extras: request.extras,
            deadline_at: request.deadline_at,
            delivery_attempts_max: request.delivery_attempts_max,
            created_at,
            idempotency: request.idempotency,
        };
        match self.ledger.admit(intent, permit.into_gate()).await {
            Ok(Admitted::New { status, breach, .. }) => {
                sender.count_admitted();
                if let Some(breach) = breach {
                    self.note_breach(caller, &sender, breach);
                }
                self.rates.admitted(sender.workspace_id, self.clock.mono());
                self.enforcer.wake(&Topic::Queue(receiver.key()));
                Ok(Created { intent_id, status, created_at })
            }
            Ok(Admitted::Before { intent_id }) => self.created_before(intent_id).await,
            Err(WriteError::Denied(denial)) => Err(refuse(denial).into()),
            Err(WriteError::OverLimit(breach)) => {
                let over = Denial { reason: Reason::CostLimitExceeded, end: End::Sender };
                self.note_breach(caller, &sender, breach);
                drop(refuse(over));
                Err(IntentError::OverLimit {
                    breach,
                    resets_at: breach.dimension.resets_at(created_at),
                })
            }
            Err(error) => {
                if matches!(&error, WriteError::Store(error) if !error.had_no_effect()) {
                    sender.count_unknown();
                }
                Err(error.into())
            }
        }
    }

    async fn created_before(&self, id: IntentId) -> Result<Created, IntentError> {
        let intent = self.ledger.intent(id).await?.ok_or(IntentError::NotFound)?;
        let status = Status::Submitted;
        Ok(Created { intent_id: id, status, created_at: intent.created_at })
    }

    fn receiver(
        &self,
        caller: &Caller,
        sender: &Arc<Cell>,
        to: &str,
    ) -> Result<Arc<Cell>, IntentError> {
        // The usual case needs nothing but the two addresses.
        if let Ok(address) = Address::parse(to)
            && address.slugs() == sender.address.slugs()
        {
            return self.agent(caller, "to_agent", sender.workspace_id, &address);
        }
        let (workspace, address) = self.parse(caller, "to_agent", to).map_err(|error| {
            // Another organization answers the same whether the address exists there or not.
            if self.is_of_other_organization(sender, to) {
                IntentError::OtherOrganization
            } else {
                error
            }
        })?;
        if workspace != sender.workspace_id && !to.starts_with("agent://") {
            // An id tells nothing about where it belongs, and a refusal must not either.
            return Err(IntentError::AgentNotFound { field: "to_agent", address: to.to_owned() });
        }
        if workspace != sender.workspace_id {
            let same = self.scope_of(workspace).org() == self.scope_of(sender.workspace_id).org();
            return Err(if same {
                IntentError::OtherWorkspace
            } else {
                IntentError::OtherOrganization
            });
        }
        self.agent(caller, "to_agent", workspace, &address)
    }

    fn is_of_other_organization(&self, sender: &Cell, to: &str) -> bool {
        let theirs = Address::parse(to).ok();
        let theirs = theirs.as_ref().and_then(Address::slugs).map(|(org, _)| org);
        let mine = sender.address.slugs().map(|(org, _)| org);
        theirs.is_some_and(|org| Some(org) != mine)
    }

    /// The workspace and address that a reference stands for.
    fn parse(
        &self,
        caller: &Caller,
        field: &'static str,
        text: &str,
    ) -> Result<(WorkspaceId, Address), IntentError> {
        let reference =
            Reference::parse(text, self.options.lenient_addressing).map_err(|problem| {
                IntentError::InvalidAddress { field, value: text.to_owned(), problem }
            })?;
        let home = caller.key.home;
        let found = self.control.read(|state| {
            let address = state.address_of(&reference, home)?;
            let workspace = match &reference {
                Reference::Id(id) => state.agent(*id)?.workspace_id,
                Reference::Address(_) | Reference::Name(_) => {
                    state.workspace_of_address(&address, home)?
                }
            };
            Some((workspace, address))
        });
        found.ok_or_else(|| IntentError::AgentNotFound { field, address: text.to_owned() })
    }

    /// The agent of an address. Strictly it has to be registered; leniently it gets a cell.
    fn agent(
        &self,
        caller: &Caller,
        field: &'static str,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<Arc<Cell>, IntentError> {
        match self.enforcer.cell(workspace, address) {
            Some(cell) if cell.is_live() || self.options.lenient_addressing => Ok(cell),
            Some(_) => Err(unknown(field, address)),
            None if self.options.lenient_addressing => {
                let cell = self.enforcer.cell_or_stranger(workspace, address);
                Ok(cell.map_err(|denial| {
                    let denied = Denied::about(denial, caller.agent());
                    self.note_denied(caller, None, &denied);
                    denied
                })?)
            }
            None => Err(unknown(field, address)),
        }
    }
}

fn unknown(field: &'static str, address: &Address) -> IntentError {
    IntentError::AgentNotFound { field, address: address.to_string() }
}
