//! Audit entries that are not control changes: sign-ins and denials, in a chain per epoch.
//!
//! They are counted together per agent, reason and minute, so that a flood that is refused does
//! not become a flood of entries.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::change::ActorName;
use crate::id::AddressId;
use crate::role::Scope;
use crate::time::Timestamp;

/// The format that this version writes.
pub const OBSERVATION_FORMAT: u16 = 1;

/// Something that the gateway saw, and that changed no control state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    pub format: u16,
    /// What was seen, such as `agent.denied` or `sign_in.failed`.
    pub action: Box<str>,
    pub at: Timestamp,
    pub scope: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_id: Option<AddressId>,
    /// `ok` or `refused`.
    pub result: Box<str>,
    /// How often it was seen in the minute that began at `at`.
    pub count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl Observation {
    /// The exact bytes that are stored and hashed.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
