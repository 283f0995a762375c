//! Audit chains: how an observation follows the one before it, and how chains sort.

use axme_core::audit::Observation;
use axme_core::chain::{Hash, Head};
use axme_core::id::Epoch;

use crate::error::StoreError;
use crate::ledger::ChainId;

/// An observation as the next link of a chain.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) head: Head,
    pub(crate) body_hash: Hash,
    pub(crate) body: Vec<u8>,
}

/// Makes an observation follow a head.
pub(crate) fn link(head: Head, seen: &Observation) -> Result<Linked, StoreError> {
    let body = seen.encode().map_err(|error| {
        StoreError::Unusable(format!("the observation cannot be written: {error}"))
    })?;
    let body_hash = Hash::of_body(&body);
    let head = Head { position: head.position + 1, hash: head.hash.follow(body_hash) };
    Ok(Linked { head, body_hash, body })
}

impl ChainId {
    /// Where the chain stands among the rows of one moment: the control log is before all epochs,
    /// which are counted from one.
    pub(crate) const fn rank(self) -> u64 {
        match self {
            Self::Control => 0,
            Self::Epoch(epoch) => epoch.0,
        }
    }

    pub(crate) const fn of_rank(rank: u64) -> Self {
        if rank == 0 { Self::Control } else { Self::Epoch(Epoch(rank)) }
    }
}
