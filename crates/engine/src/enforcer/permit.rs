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
    asked: Asked,
    /// The revision on which it was decided.
    pub revision: Revision,
    pub admission: Admission,
    _in_flight: InFlight,
}

impl Permit {
    /// Turns the permit into a place in the store's queue. The work is no longer in flight: it is
    /// registered and decided again when its batch is written.
    #[must_use]
    pub fn into_gate(self) -> Box<dyn Gate> {
        Box::new(self.asked)
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
        let asked = Asked {
            enforcer: Arc::clone(self),
            key: Arc::clone(key),
            action,
            sender: Arc::clone(sender),
            receiver: Arc::clone(receiver),
        };
        let (revision, admission, in_flight) = asked.register_and_check()?;
        Ok(Permit { asked, revision, admission, _in_flight: in_flight })
    }
}

/// A question that can be asked again.
struct Asked {
    enforcer: Arc<Enforcer>,
    key: Arc<KeyCell>,
    action: Action,
    sender: Arc<Cell>,
    receiver: Arc<Cell>,
}

impl Asked {
    fn register_and_check(&self) -> Result<(Revision, Admission, InFlight), Denial> {
        // Read before the check, so that the decision is at least as new as the revision says.
        let revision = self.enforcer.applied();
        let in_flight = InFlight::register(self);
        let admission = decide(self.enforcer.standing(&self.key), self.action, in_flight.ends)?;
        Ok((revision, admission, in_flight))
    }
}

impl Gate for Asked {
    fn decide_again(&self) -> Result<Pass, Denial> {
        let (revision, admission, in_flight) = self.register_and_check()?;
        Ok(Pass::new(revision, admission, Box::new(in_flight)))
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} -> {}", self.action, self.sender.address, self.receiver.address)
    }
}

/// Work that is registered at both ends; it leaves when dropped.
#[derive(Debug)]
struct InFlight {
    enforcer: Arc<Enforcer>,
    sender: Arc<Cell>,
    receiver: Arc<Cell>,
    ends: Ends,
}

impl InFlight {
    fn register(asked: &Asked) -> Self {
        let sender = asked.sender.word.register().run_state;
        let receiver = asked.receiver.word.register().run_state;
        Self {
            enforcer: Arc::clone(&asked.enforcer),
            sender: Arc::clone(&asked.sender),
            receiver: Arc::clone(&asked.receiver),
            ends: Ends { sender, receiver },
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        for cell in [&self.sender, &self.receiver] {
            cell.word.leave();
            self.enforcer.note_drained(cell);
        }
    }
}
