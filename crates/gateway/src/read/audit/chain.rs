//! Links of a chain as the wire shows them.

use axme_api::audit::{ChainEntry, ChainHead};
use axme_core::chain::Head;
use axme_core::change::{Change, Entry};
use axme_core::role::Role;
use axme_engine::Caller;
use axme_store::ledger::{ChainId, ChainLink};

/// A link, with its body where the caller may read it.
pub(super) fn entry(caller: &Caller, chain: ChainId, link: ChainLink) -> ChainEntry {
    let shown = caller.key.scope.covers(link.scope)
        && (caller.key.role == Role::Owner || !is_for_owners(chain, &link.body));
    // A body that is no text was damaged. What is left of it fails the verification, as it should.
    let body = shown.then(|| String::from_utf8_lossy(&link.body).into_owned());
    ChainEntry {
        position: link.position,
        hash: link.hash.to_string(),
        body_hash: link.body_hash.to_string(),
        body,
    }
}

pub(super) fn head(head: Head) -> ChainHead {
    ChainHead { position: head.position, hash: head.hash.to_string() }
}

/// Whether a body holds what only owners may see: the digest of a key, from which a preset key
/// that is weak can be guessed, or the metadata of a tenant.
fn is_for_owners(chain: ChainId, body: &[u8]) -> bool {
    match chain {
        ChainId::Epoch(_) => false,
        ChainId::Control => match Entry::decode(body) {
            Ok(entry) => entry.changes.iter().any(holds_secrets),
            Err(_unreadable) => true,
        },
    }
}

fn holds_secrets(change: &Change) -> bool {
    match change {
        Change::KeyPut { .. } => true,
        Change::OrganizationPut { organization } => !organization.profile.metadata.is_empty(),
        Change::WorkspacePut { workspace } => !workspace.profile.metadata.is_empty(),
        Change::AddressRegistered { .. }
        | Change::AccountPut { .. }
        | Change::AccountDeleted { .. }
        | Change::KeyRevoked { .. }
        | Change::HoldAdded { .. }
        | Change::HoldsLifted { .. }
        | Change::PolicyPut { .. }
        // Digests of secrets that were drawn here tell nothing.
        | Change::DashboardTokenIssued { .. }
        | Change::SessionOpened { .. }
        | Change::SessionEnded { .. } => false,
    }
}
