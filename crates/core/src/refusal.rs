//! Why an order is refused. Closed, so that every answer is thought of.

use crate::hold::Hold;
use crate::id::AccountId;
use crate::role::Role;

/// What an order named and the caller cannot reach. Not there and not yours read the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Organization,
    Workspace,
    Agent,
    Account,
    Key,
    Session,
}

/// An order that was not carried out, and changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no such {}", match .0 {
        Missing::Organization => "organization",
        Missing::Workspace => "workspace",
        Missing::Agent => "agent",
        Missing::Account => "service account",
        Missing::Key => "key",
        Missing::Session => "session",
    })]
    NotFound(Missing),
    #[error("this key was revoked or has expired")]
    KeyInvalid,
    #[error("agent keys cannot stop or resume agents; use an operator's key")]
    AgentsCommandNobody,
    #[error("a key of role {} cannot do this; it takes {needed}", .role.as_str())]
    RoleTooLow { role: Role, needed: &'static str },
    #[error("a key of role {} cannot make or revoke keys of role {}", .mine.as_str(), .other.as_str())]
    RoleAboveOwn { mine: Role, other: Role },
    #[error("this key's scope does not cover what was asked for")]
    OutOfScope,
    #[error("the {what} {value:?} is taken already")]
    Taken { what: &'static str, value: String },
    #[error("an agent named {name:?} exists already")]
    AgentExists { name: String, account: AccountId },
    #[error("{field}: {problem}")]
    Invalid { field: &'static str, problem: &'static str },
    #[error("this is the last owner key of its scope; make another first")]
    LastOwnerKey,
    #[error("killed again since: a newer hold exists; look at it and resume with its revision")]
    KilledAgain { newer: Box<Hold> },
    #[error("there are {limit} {what} already, the most there can be")]
    LimitReached { what: &'static str, limit: usize },
    #[error("already set up")]
    AlreadySetUp,
    #[error("this sign-in link was used already, has expired or never existed; ask for another")]
    TokenUsed,
}
