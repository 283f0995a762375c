//! Policies of an agent: which types of intents it may send and receive, and how much.
//!
//! They are set by an operator, kept in the control log, and stay on the address like holds. An
//! agent has at most one action policy for each direction, and one cost policy.

mod action;
mod cost;
mod pattern;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

pub use action::{ActionMode, ActionPolicy, Direction, PATTERNS_MAX};
pub use cost::{Breach, CostLimits, Dimension, Money, OnBreach, Used};
pub use pattern::{BadPattern, PATTERN_BYTES_MAX, Pattern};

/// A policy, with who set it and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set<P> {
    #[serde(flatten)]
    pub policy: P,
    pub updated_at: Timestamp,
    pub updated_by: Box<str>,
}

/// What is set for one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<Set<ActionPolicy>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive: Option<Set<ActionPolicy>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Set<CostLimits>>,
}

impl PolicySet {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.send.is_none() && self.receive.is_none() && self.cost.is_none()
    }

    /// The action policy of one direction.
    #[must_use]
    pub const fn action(&self, direction: Direction) -> Option<&Set<ActionPolicy>> {
        match direction {
            Direction::Send => self.send.as_ref(),
            Direction::Receive => self.receive.as_ref(),
        }
    }

    /// Whether an intent of this type may go in this direction.
    #[must_use]
    pub fn allows(&self, direction: Direction, intent_type: &str) -> bool {
        self.action(direction).is_none_or(|set| set.policy.allows(intent_type))
    }

    /// Puts a policy in its place, or takes it away.
    pub(crate) fn put(&mut self, change: PolicyChange) {
        match change {
            PolicyChange::Action { direction: Direction::Send, set } => self.send = set,
            PolicyChange::Action { direction: Direction::Receive, set } => self.receive = set,
            PolicyChange::Cost { set } => self.cost = set,
        }
    }
}

/// The policies of an agent.
///
/// Almost every agent has none, a million times: absent ones take eight bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PolicySet", into = "PolicySet")]
pub struct Policies(Option<Box<PolicySet>>);

impl From<PolicySet> for Policies {
    fn from(set: PolicySet) -> Self {
        Self((!set.is_empty()).then(|| Box::new(set)))
    }
}

impl From<Policies> for PolicySet {
    fn from(policies: Policies) -> Self {
        policies.0.map(|set| *set).unwrap_or_default()
    }
}

impl Policies {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What is set, if anything.
    #[must_use]
    pub fn get(&self) -> Option<&PolicySet> {
        self.0.as_deref()
    }

    pub(crate) fn put(&mut self, change: PolicyChange) {
        let mut set = PolicySet::from(std::mem::take(self));
        set.put(change);
        *self = set.into();
    }
}

/// One policy as it is from now on; none takes it away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum PolicyChange {
    Action {
        direction: Direction,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<Set<ActionPolicy>>,
    },
    Cost {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<Set<CostLimits>>,
    },
}
