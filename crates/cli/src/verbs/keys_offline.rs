//! Making a key in the store of a stopped gateway, for those who lost their last owner key.

use crate::failure::Failure;
use axme_api::keys::{CreateKeyRequest, KeyAnswer};
use std::path::PathBuf;

/// Which key to make, and where.
#[derive(Debug)]
pub(super) struct OfflineKey {
    /// The gateway's data folder; the gateway must be stopped.
    pub(super) data_dir: PathBuf,
    pub(super) request: CreateKeyRequest,
}

/// Makes the key through the one write path of the store, audited as `local`.
///
/// # Errors
/// A data folder that is missing or in use, or a key that the rules do not allow.
pub(super) fn create(key: &OfflineKey) -> Result<KeyAnswer, Failure> {
    Err(Failure::Failed {
        what: format!(
            "Key {} was not made in {}: this build cannot open a store.",
            key.request.name,
            key.data_dir.display()
        ),
        next: "Make it at the running gateway: axme keys create without --offline".to_owned(),
    })
}
