//! Organizations and workspaces.

use serde::Serialize;
use serde_json::{Value, json};

use super::authority::Authority;
use super::{Draft, Outcome, check_limit, keys};
use crate::address::is_slug;
use crate::change::Change;
use crate::command::{Bootstrap, NewOrganization, NewWorkspace, Order};
use crate::hold::Holds;
use crate::id::{OrgId, WorkspaceId};
use crate::key::Key;
use crate::refusal::{Missing, Refusal};
use crate::role::Scope;
use crate::state::State;
use crate::tenancy::{Organization, OrganizationProfile, Workspace, WorkspaceProfile};
use crate::time::Timestamp;

/// Most organizations of an installation.
const ORGANIZATIONS_MAX: usize = 10_000;
/// Most workspaces of an installation.
const WORKSPACES_MAX: usize = 100_000;

/// The first start: one organization, one workspace, one owner key of the whole installation.
pub(super) fn bootstrap(state: &State, order: &Order, first: &Bootstrap) -> Outcome {
    let Bootstrap { organization, workspace, owner } = first;
    if state.is_set_up() {
        return Err(Refusal::AlreadySetUp);
    }
    check_slug("organization", &organization.slug)?;
    check_slug("workspace", &workspace.slug)?;
    let key = Key { preset: true, ..keys::new_key(owner, order.at, "gateway") };
    let changes = vec![
        Change::OrganizationPut {
            organization: Box::new(new_organization(organization, order.at)),
        },
        Change::WorkspacePut { workspace: Box::new(new_workspace(workspace, order.at)) },
        Change::KeyPut { key: Box::new(key) },
    ];
    let draft =
        Draft::new("installation.created", Scope::Installation, &organization.slug, changes);
    let after = json!({ "organization": organization.slug, "workspace": workspace.slug });
    Ok(Some(Draft { after: Some(after), ..draft }))
}

pub(super) fn create_organization(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewOrganization,
) -> Outcome {
    authority.own(Scope::Installation)?;
    check_slug("organization", &new.slug)?;
    check_limit("organizations", state.organizations().len(), ORGANIZATIONS_MAX)?;
    if state.organization_by_slug(&new.slug).is_some() {
        return Err(taken("organization slug", &new.slug));
    }
    let organization = new_organization(new, order.at);
    let after = json!({ "slug": new.slug, "profile": shown(&new.profile) });
    let scope = Scope::Organization { org: new.org };
    let changes = vec![Change::OrganizationPut { organization: Box::new(organization) }];
    let draft = Draft::new("organization.created", scope, &new.slug, changes);
    Ok(Some(Draft { after: Some(after), ..draft }))
}

pub(super) fn update_organization(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    org: OrgId,
    profile: &OrganizationProfile,
) -> Outcome {
    let missing = Missing::Organization;
    let scope = Scope::Organization { org };
    authority.reach(scope, missing)?;
    let former = state.organization(org).ok_or(Refusal::NotFound(missing))?;
    authority.own(scope)?;
    if former.profile == *profile {
        return Ok(None);
    }
    let organization =
        Organization { profile: profile.clone(), updated_at: order.at, ..former.clone() };
    let changes = vec![Change::OrganizationPut { organization: Box::new(organization) }];
    Ok(Some(Draft {
        before: Some(shown(&former.profile)),
        after: Some(shown(profile)),
        ..Draft::new("organization.updated", scope, &former.slug, changes)
    }))
}

pub(super) fn create_workspace(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewWorkspace,
) -> Outcome {
    let scope = Scope::Organization { org: new.org };
    authority.reach(scope, Missing::Organization)?;
    let organization =
        state.organization(new.org).ok_or(Refusal::NotFound(Missing::Organization))?;
    authority.own(scope)?;
    check_slug("workspace", &new.slug)?;
    check_limit("workspaces", state.workspaces().len(), WORKSPACES_MAX)?;
    if state.workspace_by_slugs(&organization.slug, &new.slug).is_some() {
        return Err(taken("workspace slug", &new.slug));
    }
    let workspace = new_workspace(new, order.at);
    let scope = workspace.scope();
    let after = json!({ "slug": new.slug, "profile": shown(&new.profile) });
    let changes = vec![Change::WorkspacePut { workspace: Box::new(workspace) }];
    let draft = Draft::new("workspace.created", scope, &new.slug, changes);
    Ok(Some(Draft { after: Some(after), ..draft }))
}

pub(super) fn update_workspace(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    id: WorkspaceId,
    profile: &WorkspaceProfile,
) -> Outcome {
    let missing = Missing::Workspace;
    let former = state.workspace(id).ok_or(Refusal::NotFound(missing))?;
    authority.reach(former.scope(), missing)?;
    authority.own(former.scope())?;
    if former.profile == *profile {
        return Ok(None);
    }
    let workspace = Workspace { profile: profile.clone(), updated_at: order.at, ..former.clone() };
    let changes = vec![Change::WorkspacePut { workspace: Box::new(workspace) }];
    Ok(Some(Draft {
        before: Some(shown(&former.profile)),
        after: Some(shown(profile)),
        ..Draft::new("workspace.updated", former.scope(), &former.slug, changes)
    }))
}

fn new_organization(new: &NewOrganization, at: Timestamp) -> Organization {
    Organization {
        org_id: new.org,
        slug: new.slug.clone(),
        profile: new.profile.clone(),
        created_at: at,
        updated_at: at,
    }
}

fn new_workspace(new: &NewWorkspace, at: Timestamp) -> Workspace {
    Workspace {
        workspace_id: new.workspace,
        org_id: new.org,
        slug: new.slug.clone(),
        profile: new.profile.clone(),
        created_at: at,
        updated_at: at,
        holds: Holds::default(),
    }
}

/// What the audit shows of a profile: everything but its metadata.
fn shown(profile: &impl Serialize) -> Value {
    let mut shown = json!(profile);
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("metadata");
    }
    shown
}

fn check_slug(field: &'static str, slug: &str) -> Result<(), Refusal> {
    let problem = "a slug has 3 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit";
    if is_slug(slug) { Ok(()) } else { Err(Refusal::Invalid { field, problem }) }
}

fn taken(what: &'static str, value: &str) -> Refusal {
    Refusal::Taken { what, value: value.to_owned() }
}
