//! Who asks: the key of a request, and where it came from.

use std::net::IpAddr;
use std::sync::Arc;

use axme_core::command::{Actor, Command, Order, Origin};
use axme_core::id::CommandId;
use axme_core::role::Role;
use axme_core::time::Timestamp;

use crate::enforcer::{Cell, KeyCell};

/// The holder of a key that works, on one request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub key: Arc<KeyCell>,
    pub client_address: Option<IpAddr>,
    pub request_id: Box<str>,
}

impl Caller {
    /// The agent that the caller is, when its key is an agent's.
    #[must_use]
    pub fn agent(&self) -> Option<&Arc<Cell>> {
        self.key.agent.as_ref()
    }

    #[must_use]
    pub fn is_agent(&self) -> bool {
        self.key.role == Role::Agent
    }

    /// The identity under which idempotency keys count: the agent, else the key.
    #[must_use]
    pub fn identity(&self) -> Box<str> {
        match self.agent() {
            Some(agent) => agent.address.as_str().into(),
            None => self.key.key_id.to_string().into(),
        }
    }

    /// An order that this caller gives.
    #[must_use]
    pub fn order(&self, command_id: CommandId, at: Timestamp, command: Command) -> Order {
        Order {
            command_id,
            actor: Actor::Key(self.key.key_id),
            at,
            origin: Origin {
                client_address: self.client_address,
                request_id: Some(self.request_id.clone()),
            },
            command,
        }
    }
}
