//! Roles and scopes: what a key may do, and where.

use serde::{Deserialize, Serialize};

use crate::id::{OrgId, WorkspaceId};

/// What the holder of a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything within the scope, keys of every role among it.
    Owner,
    /// Kills, resumes, agents and their keys.
    Operator,
    /// Looks, and sees no payloads.
    Viewer,
    /// Acts as its own agent, and sees nothing else.
    Agent,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Owner, Self::Operator, Self::Viewer, Self::Agent];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
        }
    }

    /// Reads a role by its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether the role commands agents: kill, resume, accounts.
    #[must_use]
    pub const fn commands(self) -> bool {
        matches!(self, Self::Owner | Self::Operator)
    }

    /// Whether a key of this role may make and revoke keys of role `other`. Operators make keys
    /// of agents only, so that no operator can lift another into their own place.
    #[must_use]
    pub const fn grants(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Operator => matches!(other, Self::Agent),
            Self::Viewer | Self::Agent => false,
        }
    }
}

/// Where a key is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Scope {
    Installation,
    Organization { org: OrgId },
    Workspace { org: OrgId, workspace: WorkspaceId },
}

impl Scope {
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::Organization { .. } => "organization",
            Self::Workspace { .. } => "workspace",
        }
    }

    /// Whether everything in `other` is within this scope.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Installation, _) => true,
            (
                Self::Organization { org: mine },
                Self::Organization { org } | Self::Workspace { org, .. },
            ) => mine == org,
            (Self::Workspace { workspace: mine, .. }, Self::Workspace { workspace, .. }) => {
                mine == workspace
            }
            (Self::Organization { .. } | Self::Workspace { .. }, _) => false,
        }
    }

    #[must_use]
    pub const fn org(self) -> Option<OrgId> {
        match self {
            Self::Installation => None,
            Self::Organization { org } | Self::Workspace { org, .. } => Some(org),
        }
    }

    #[must_use]
    pub const fn workspace(self) -> Option<WorkspaceId> {
        match self {
            Self::Installation | Self::Organization { .. } => None,
            Self::Workspace { workspace, .. } => Some(workspace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_scope_covers_itself_and_what_is_below_it_only() {
        let org = OrgId::from_uuid(Uuid::from_u128(1));
        let other = OrgId::from_uuid(Uuid::from_u128(2));
        let workspace = WorkspaceId::from_uuid(Uuid::from_u128(3));
        let sibling = WorkspaceId::from_uuid(Uuid::from_u128(4));
        let of_org = Scope::Organization { org };
        let of_workspace = Scope::Workspace { org, workspace };
        assert!(Scope::Installation.covers(of_org) && of_org.covers(of_workspace));
        assert!(of_workspace.covers(of_workspace));
        assert!(!of_workspace.covers(of_org) && !of_org.covers(Scope::Installation));
        assert!(!of_org.covers(Scope::Organization { org: other }));
        assert!(!of_workspace.covers(Scope::Workspace { org, workspace: sibling }));
    }

    #[test]
    fn operators_make_keys_of_agents_only() {
        let granted: Vec<_> = Role::ALL.into_iter().filter(|r| Role::Operator.grants(*r)).collect();
        assert_eq!(granted, [Role::Agent]);
        assert!(Role::ALL.into_iter().all(|r| Role::Owner.grants(r) && !Role::Agent.grants(r)));
    }
}
