//! Organizations and workspaces: everything belongs to a workspace, workspaces to an organization.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hold::Holds;
use crate::id::{OrgId, WorkspaceId};
use crate::role::Scope;
use crate::time::Timestamp;

/// An organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    pub org_id: OrgId,
    /// The first segment of its agents' addresses; never changes.
    pub slug: Box<str>,
    pub profile: OrganizationProfile,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What an owner may change of an organization.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrganizationProfile {
    pub name: String,
    #[serde(default)]
    pub legal_name: Option<String>,
    #[serde(default)]
    pub primary_domain: Option<String>,
    /// `pending`, `active`, `suspended` or `archived`; shown, not enforced.
    pub status: String,
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    pub workspace_id: WorkspaceId,
    pub org_id: OrgId,
    /// The second segment of its agents' addresses; never changes.
    pub slug: Box<str>,
    pub profile: WorkspaceProfile,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Holds on all of its agents, those made later too.
    #[serde(default)]
    pub holds: Holds,
}

impl Workspace {
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope::Workspace { org: self.org_id, workspace: self.workspace_id }
    }
}

/// What an owner may change of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceProfile {
    pub name: String,
    /// `sandbox`, `staging` or `production`.
    pub environment: String,
    #[serde(default)]
    pub region: Option<String>,
    /// `pending`, `active`, `suspended` or `archived`; shown, not enforced.
    pub status: String,
    #[serde(default)]
    pub metadata: Map<String, Value>,
}
