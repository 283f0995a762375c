//! Organizations and workspaces as the wire shows them.

use axme_api::{JsonObject, tenancy};
use axme_core::tenancy::{Organization, Workspace};
use axme_engine::Caller;

/// Metadata is for those who command; viewers and agents do not see it.
pub(in crate::http) fn organization(
    caller: &Caller,
    organization: &Organization,
) -> tenancy::Organization {
    let profile = &organization.profile;
    tenancy::Organization {
        org_id: organization.org_id.to_string(),
        slug: organization.slug.to_string(),
        name: profile.name.clone(),
        legal_name: profile.legal_name.clone(),
        primary_domain: profile.primary_domain.clone(),
        status: profile.status.clone(),
        metadata: metadata(caller, &profile.metadata),
        created_at: organization.created_at.to_string(),
        updated_at: organization.updated_at.to_string(),
    }
}

/// As [`organization`].
pub(in crate::http) fn workspace(caller: &Caller, workspace: &Workspace) -> tenancy::Workspace {
    let profile = &workspace.profile;
    tenancy::Workspace {
        workspace_id: workspace.workspace_id.to_string(),
        org_id: workspace.org_id.to_string(),
        slug: workspace.slug.to_string(),
        name: profile.name.clone(),
        environment: Some(profile.environment.clone()),
        region: profile.region.clone(),
        status: profile.status.clone(),
        metadata: metadata(caller, &profile.metadata),
        created_at: workspace.created_at.to_string(),
        updated_at: workspace.updated_at.to_string(),
    }
}

fn metadata(caller: &Caller, metadata: &JsonObject) -> Option<JsonObject> {
    caller.key.role.commands().then(|| metadata.clone())
}
