//! Permits: what may only follow a check takes the check's result as an argument.

use std::fmt;
use std::sync::Arc;

use axme_core::decide::{Action, Admission, Denial, Ends, decide};
use axme_core::id::Revision;
use axme_store::{Gate, Pass};

use super::{Cell, Enforcer, KeyCell};

/// The proof that an action between two agents was admitted. Only the enforcer makes one.
///
/// While it lives the work counts as in flight at both ends, and a kill of either waits for it.
#[derive(Debug)]
pub struct Permit {
    registered: Registered,
    /// The revision on which it was decided.
    pub revision: Revision,
    pub admission: Admission,
}

impl Permit {
    /// Turns the permit into a place in the store's queue. The work is no longer in flight: it is
    /// registered and decided again when its batch is written.
    #[must_use]
    pub fn into_gate(self) -> Box<dyn Gate> {
        Box::new(self.registered.0.clone())
    }
}

/// The proof that a new intent of some type may be sent, by run states and by policies.
#[derive(Debug)]
pub struct SendPermit {
    permit: Permit,
    intent_type: Box<str>,
}

impl SendPermit {
    /// A place in the store's queue, as [`Permit::into_gate`] makes it. The store judges the
    /// limits that hold when the batch is written.
    #[must_use]
    pub fn into_gate(self) -> Box<dyn Gate> {
        let question = self.permit.registered.0.clone();
        Box::new(SendGate { question, intent_type: self.intent_type })
    }
}

/// A new intent that waits for its batch.
#[derive(Debug)]
struct SendGate {
    question: Question,
    intent_type: Box<str>,
}

impl Gate for SendGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        let Question { enforcer, sender, receiver, .. } = &self.question;
        let pass = self.question.decide_again()?;
        let limits = enforcer.check_policies(sender, receiver, &self.intent_type)?;
        Ok(pass.limited(limits))
    }
}

impl Enforcer {
    /// Decides an action from `sender` to `receiver` that the holder of `key` asks for.
    pub fn permit(
        self: &Arc<Self>,
        key: &Arc<KeyCell>,
        action: Action,
        sender: &Arc<Cell>,
        receiver: &Arc<Cell>,
    ) -> Result<Permit, Denial> {
        let question = Question {
            enforcer: Arc::clone(self),
            key: Arc::clone(key),
            action,
            sender: Arc::clone(sender),
            receiver: Arc::clone(receiver),
        };
        question.register_and_check()
    }

    /// Decides whether the holder of `key` may send an intent of a type.
    pub fn permit_send(
        self: &Arc<Self>,
        key: &Arc<KeyCell>,
        sender: &Arc<Cell>,
        receiver: &Arc<Cell>,
        intent_type: &str,
    ) -> Result<SendPermit, Denial> {
        let permit = self.permit(key, Action::Send, sender, receiver)?;
        self.check_policies(sender, receiver, intent_type)?;
        Ok(SendPermit { permit, intent_type: intent_type.into() })
    }
}

/// Whether an action may happen; it can be asked again.
#[derive(Clone)]
struct Question {
    enforcer: Arc<Enforcer>,
    key: Arc<KeyCell>,
    action: Action,
    sender: Arc<Cell>,
    receiver: Arc<Cell>,
}

impl Question {
    fn register_and_check(self) -> Result<Permit, Denial> {
        // Read before the check, so that the decision is at least as new as the revision says.
        let revision = self.enforcer.applied();
        let sender = self.sender.word.register().run_state;
        let receiver = self.receiver.word.register().run_state;
        // From here on a denial leaves again.
        let registered = Registered(self);
        let Registered(question) = &registered;
        let standing = question.enforcer.standing(&question.key);
        let admission = decide(standing, question.action, Ends { sender, receiver })?;
        Ok(Permit { registered, revision, admission })
    }
}

impl Gate for Question {
    fn decide_again(&self) -> Result<Pass, Denial> {
        let Permit { registered, revision, admission } = self.clone().register_and_check()?;
        Ok(Pass::new(revision, admission, Box::new(registered)))
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} -> {}", self.action, self.sender.address, self.receiver.address)
    }
}

/// Work that is registered at both of its ends; it leaves when dropped.
#[derive(Debug)]
struct Registered(Question);

impl Drop for Registered {
    fn drop(&mut self) {
        let Question { enforcer, sender, receiver, .. } = &self.0;
        for cell in [sender, receiver] {
            cell.word.leave();
            enforcer.note_drained(cell);
        }
    }
}
