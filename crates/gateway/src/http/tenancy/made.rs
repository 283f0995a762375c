//! What an order has made, now or when a request with the same idempotency key was first sent.

use axme_core::change::Change;
use axme_core::id::{OrgId, WorkspaceId};
use axme_engine::control::Carried;

pub(super) fn organization(carried: &Carried) -> Option<OrgId> {
    changes(carried).iter().find_map(|change| {
        if let Change::OrganizationPut { organization } = change {
            Some(organization.org_id)
        } else {
            None
        }
    })
}

pub(super) fn workspace(carried: &Carried) -> Option<WorkspaceId> {
    changes(carried).iter().find_map(|change| {
        if let Change::WorkspacePut { workspace } = change {
            Some(workspace.workspace_id)
        } else {
            None
        }
    })
}

fn changes(carried: &Carried) -> &[Change] {
    match carried {
        Carried::Entry { entry, .. } => &entry.entry.changes,
        Carried::Nothing => &[],
    }
}
