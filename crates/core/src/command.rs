//! Orders: what an operator, a key or the gateway itself asks the control log to do.

use std::net::IpAddr;

use crate::address::{Address, Reference};
use crate::hold::{Hold, Mode};
use crate::id::{
    AccountId, AddressId, CommandId, KeyId, KillId, OrgId, Revision, SessionId, TokenId,
    WorkspaceId,
};
use crate::key::KeyDigest;
use crate::policy::{ActionPolicy, CostLimits, Direction};
use crate::role::{Role, Scope};
use crate::tenancy::{OrganizationProfile, WorkspaceProfile};
use crate::time::Timestamp;

/// One order, with who gives it, when and from where.
#[derive(Clone, Debug)]
pub struct Order {
    pub command_id: CommandId,
    pub actor: Actor,
    pub at: Timestamp,
    pub origin: Origin,
    pub command: Command,
}

/// Who gives an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The holder of a key; what it may do is read from the state at the moment of planning.
    Key(KeyId),
    /// Somebody at the machine itself, with the store's files in hand.
    Local,
    /// The gateway, at its first start.
    Gateway,
}

/// Where an order came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub client_address: Option<IpAddr>,
    pub request_id: Option<Box<str>>,
}

/// What is asked for. New ids and secrets' digests come with the order: planning has no chance.
#[derive(Clone, Debug)]
pub enum Command {
    Bootstrap(Box<Bootstrap>),
    CreateOrganization(NewOrganization),
    UpdateOrganization {
        org: OrgId,
        profile: OrganizationProfile,
    },
    CreateWorkspace(NewWorkspace),
    UpdateWorkspace {
        workspace: WorkspaceId,
        profile: WorkspaceProfile,
    },
    CreateAccount(NewAccount),
    DeleteAccount {
        account: AccountId,
    },
    CreateKey(NewKey),
    /// Puts a preset owner key in the place of the installation's first one.
    ReplaceOwnerKey(NewKey),
    RevokeKey {
        key: KeyId,
    },
    Kill(Kill),
    Resume(Resume),
    SetPolicy(SetPolicy),
    /// Puts back holds that a replica knows and the log has lost.
    RestoreHolds(Vec<LostHold>),
    /// Makes a token that opens one session of the ordering key.
    IssueDashboardToken(NewDashboardToken),
    /// Opens a session of the ordering key.
    OpenSession(NewSession),
    EndSession {
        session: SessionId,
    },
}

/// What a first start makes.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    pub organization: NewOrganization,
    pub workspace: NewWorkspace,
    pub owner: NewKey,
}

#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub org: OrgId,
    pub slug: Box<str>,
    pub profile: OrganizationProfile,
}

#[derive(Clone, Debug)]
pub struct NewWorkspace {
    pub workspace: WorkspaceId,
    pub org: OrgId,
    pub slug: Box<str>,
    pub profile: WorkspaceProfile,
}

#[derive(Clone, Debug)]
pub struct NewAccount {
    pub account: AccountId,
    /// For the address, unless it is known from an earlier account.
    pub address: AddressId,
    pub workspace: WorkspaceId,
    pub name: Box<str>,
    pub display_name: Option<Box<str>>,
    pub description: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub struct NewKey {
    pub key: KeyId,
    pub name: Box<str>,
    pub digest: KeyDigest,
    pub hint: Box<str>,
    pub role: Role,
    pub scope: Scope,
    /// The workspace that is meant when a request names none.
    pub home: WorkspaceId,
    pub account: Option<AccountId>,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct NewDashboardToken {
    pub token: TokenId,
    pub digest: KeyDigest,
}

#[derive(Clone, Debug)]
pub struct NewSession {
    pub session: SessionId,
    pub digest: KeyDigest,
    /// The token that is taken for it; none when the key itself was shown.
    pub token: Option<TokenId>,
    pub user_agent: Option<Box<str>>,
}

/// Stops an agent, or everything in a workspace.
#[derive(Clone, Debug)]
pub struct Kill {
    pub kill: KillId,
    pub target: Target,
    pub mode: Mode,
    pub reason: Option<Box<str>>,
}

/// Lifts the holds that were seen.
#[derive(Clone, Debug)]
pub struct Resume {
    pub target: Target,
    /// The newest revision that whoever resumes has seen; nothing newer is lifted.
    pub seen: Revision,
    pub reason: Option<Box<str>>,
}

/// Gives an agent a policy, or takes it away.
#[derive(Clone, Debug)]
pub struct SetPolicy {
    pub agent: AddressId,
    pub policy: NewPolicy,
}

/// A policy as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewPolicy {
    Action { direction: Direction, policy: Option<ActionPolicy> },
    Cost { limits: Option<CostLimits> },
}

/// What a kill or a resume is about.
#[derive(Clone, Debug)]
pub enum Target {
    Agent {
        reference: Reference,
        /// Where a bare name or a short address is looked up.
        home: WorkspaceId,
        /// With lenient addressing: the id that an address gets which nobody has registered.
        register_as: Option<AddressId>,
    },
    Workspace(WorkspaceId),
}

/// A hold that was acknowledged, and is not in a log that came back from a failover or a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostHold {
    pub workspace: WorkspaceId,
    /// The agent that it stood on; none when it stood on the workspace.
    pub agent: Option<(AddressId, Address)>,
    pub hold: Hold,
}
