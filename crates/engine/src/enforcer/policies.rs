//! What policies say of an intent, on the way of a request: which types may go, and the limits
//! that the store judges.

use std::sync::Arc;

use axme_core::decide::{Denial, End, Reason};
use axme_core::id::AddressId;
use axme_core::policy::{CostLimits, Direction, PolicySet};
use axme_core::state::State;

use super::{Cell, Enforcer};

/// The policies of one agent, as they are asked.
#[derive(Debug)]
pub(super) struct Terms {
    policies: PolicySet,
    /// Shared with what waits for its batch.
    limits: Option<Arc<CostLimits>>,
}

/// The policies of those agents that have any.
pub(super) type AllTerms = papaya::HashMap<AddressId, Arc<Terms>>;

impl Enforcer {
    /// Whether an intent of this type may go from one agent to another, and under which limits.
    pub(super) fn check_policies(
        &self,
        sender: &Cell,
        receiver: &Cell,
        intent_type: &str,
    ) -> Result<Option<Arc<CostLimits>>, Denial> {
        let all = self.terms.pin();
        let of = |cell: &Cell| cell.address_id().and_then(|id| all.get(&id));
        let (sends, receives) = (of(sender), of(receiver));
        let allows = |terms: Option<&Arc<Terms>>, direction| {
            terms.is_none_or(|terms| terms.policies.allows(direction, intent_type))
        };
        let denied = |end| Denial { reason: Reason::ActionNotAllowed, end };
        if !allows(sends, Direction::Send) {
            return Err(denied(End::Sender));
        }
        if !allows(receives, Direction::Receive) {
            return Err(denied(End::Receiver));
        }
        Ok(sends.and_then(|terms| terms.limits.clone()))
    }

    /// Projects the policies of an agent.
    pub(super) fn project_policies(&self, state: &State, id: AddressId) {
        let set = state.agent(id).and_then(|agent| agent.policies.get());
        let all = self.terms.pin();
        match set {
            Some(set) => {
                let limits = set.cost.as_ref().map(|set| Arc::new(set.policy.clone()));
                all.insert(id, Arc::new(Terms { policies: set.clone(), limits }));
            }
            None => drop(all.remove(&id)),
        }
    }
}
