//! Entries of the control log: what was ordered, by whom, and the changes that came of it.
//!
//! Entries are kept for ever. Their format has a number and golden files; a field is only ever
//! added, with a default. A replica that meets an entry it does not know stops serving and says
//! which version it needs; it never skips one.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::hold::{Hold, Lifter};
use crate::id::{
    AccountId, AddressId, CommandId, KeyId, OrgId, Revision, SessionId, TokenId, WorkspaceId,
};
use crate::key::Key;
use crate::policy::PolicyChange;
use crate::role::Scope;
use crate::session::{DashboardToken, Session};
use crate::state::Account;
use crate::tenancy::{Organization, Workspace};
use crate::time::Timestamp;

/// The entry format that this version writes, and the newest that it reads.
pub const ENTRY_FORMAT: u16 = 1;

/// One entry of the control log, which is an audit event too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub format: u16,
    /// What was done, such as `agent.killed`.
    pub action: Box<str>,
    pub command_id: CommandId,
    pub at: Timestamp,
    pub actor: ActorName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Box<str>>,
    /// Who may read the entry.
    pub scope: Scope,
    /// What it was done to: an address, a key's name, a slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_id: Option<AddressId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    pub changes: Vec<Change>,
}

/// Whom the audit names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorName {
    pub kind: ActorKind,
    pub name: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    Key,
    Local,
    Gateway,
}

impl ActorKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Local => "local",
            Self::Gateway => "gateway",
        }
    }
}

/// One step of the control state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    OrganizationPut {
        organization: Box<Organization>,
    },
    WorkspacePut {
        workspace: Box<Workspace>,
    },
    /// An address becomes known; it stays so for ever.
    AddressRegistered {
        address_id: AddressId,
        address: Address,
        workspace_id: WorkspaceId,
    },
    /// An account takes an address that is known.
    AccountPut {
        address_id: AddressId,
        account: Box<Account>,
    },
    AccountDeleted {
        address_id: AddressId,
        account_id: AccountId,
    },
    KeyPut {
        key: Box<Key>,
    },
    KeyRevoked {
        key_id: KeyId,
    },
    /// The hold's revision is that of the entry.
    HoldAdded {
        target: HeldTarget,
        hold: Box<Hold>,
    },
    HoldsLifted {
        target: HeldTarget,
        seen: Revision,
        lifter: Lifter,
    },
    /// One policy of an agent is this from now on.
    PolicyPut {
        address_id: AddressId,
        policy: Box<PolicyChange>,
    },
    DashboardTokenIssued {
        token: Box<DashboardToken>,
    },
    /// The token that opened it, if one did, is used by this.
    SessionOpened {
        session: Box<Session>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<TokenId>,
    },
    SessionEnded {
        session_id: SessionId,
    },
}

impl Change {
    /// The hold that this adds, and what it stands on.
    #[must_use]
    pub fn added_hold(&self) -> Option<(HeldTarget, &Hold)> {
        match self {
            Self::HoldAdded { target, hold } => Some((*target, hold)),
            Self::OrganizationPut { .. }
            | Self::WorkspacePut { .. }
            | Self::AddressRegistered { .. }
            | Self::AccountPut { .. }
            | Self::AccountDeleted { .. }
            | Self::KeyPut { .. }
            | Self::KeyRevoked { .. }
            | Self::HoldsLifted { .. }
            | Self::PolicyPut { .. }
            | Self::DashboardTokenIssued { .. }
            | Self::SessionOpened { .. }
            | Self::SessionEnded { .. } => None,
        }
    }

    /// Where an address becomes known by this under `id`.
    #[must_use]
    pub fn registered(&self, id: AddressId) -> Option<(WorkspaceId, Address)> {
        match self {
            Self::AddressRegistered { address_id, address, workspace_id } if *address_id == id => {
                Some((*workspace_id, address.clone()))
            }
            Self::AddressRegistered { .. }
            | Self::OrganizationPut { .. }
            | Self::WorkspacePut { .. }
            | Self::AccountPut { .. }
            | Self::AccountDeleted { .. }
            | Self::KeyPut { .. }
            | Self::KeyRevoked { .. }
            | Self::HoldAdded { .. }
            | Self::HoldsLifted { .. }
            | Self::PolicyPut { .. }
            | Self::DashboardTokenIssued { .. }
            | Self::SessionOpened { .. }
            | Self::SessionEnded { .. } => None,
        }
    }

    /// Where this lifts holds, up to which revision, and whose they may be.
    #[must_use]
    pub fn lifted_holds(&self) -> Option<(HeldTarget, Revision, &Lifter)> {
        match self {
            Self::HoldsLifted { target, seen, lifter } => Some((*target, *seen, lifter)),
            Self::OrganizationPut { .. }
            | Self::WorkspacePut { .. }
            | Self::AddressRegistered { .. }
            | Self::AccountPut { .. }
            | Self::AccountDeleted { .. }
            | Self::KeyPut { .. }
            | Self::KeyRevoked { .. }
            | Self::HoldAdded { .. }
            | Self::PolicyPut { .. }
            | Self::DashboardTokenIssued { .. }
            | Self::SessionOpened { .. }
            | Self::SessionEnded { .. } => None,
        }
    }
}

/// What a hold stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum HeldTarget {
    Agent { address_id: AddressId },
    Workspace { workspace_id: WorkspaceId },
}

impl HeldTarget {
    /// The agent, when it is one alone.
    #[must_use]
    pub const fn agent(self) -> Option<AddressId> {
        match self {
            Self::Agent { address_id } => Some(address_id),
            Self::Workspace { .. } => None,
        }
    }
}

/// An entry that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum BadEntry {
    #[error(
        "the entry has format {found}; this version reads up to {ENTRY_FORMAT}: use a newer axme"
    )]
    TooNew { found: u16 },
    #[error("the entry cannot be read: it was damaged, or written by a newer axme")]
    Unreadable(#[from] serde_json::Error),
}

impl Entry {
    /// The exact bytes that are stored and hashed.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads the bytes of an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadEntry> {
        #[derive(Deserialize)]
        struct Format {
            format: u16,
        }
        let Format { format } = serde_json::from_slice(bytes)?;
        if format > ENTRY_FORMAT {
            return Err(BadEntry::TooNew { found: format });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The organization and workspace that the entry belongs to.
    #[must_use]
    pub const fn tenant(&self) -> (Option<OrgId>, Option<WorkspaceId>) {
        (self.scope.org(), self.scope.workspace())
    }
}
