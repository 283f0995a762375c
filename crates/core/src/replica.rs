//! Replicas as they see each other: their lives, and what each says of itself.

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, Revision};

/// One life of one replica. Leases, closings and reports belong to epochs, never to replica ids:
/// the same id may run twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaEpoch {
    pub replica_id: Box<str>,
    pub epoch: Epoch,
}

/// How far an epoch that is not gone says it has come, as one reading of the store shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub replica: ReplicaEpoch,
    /// The revision up to which its state is the fold.
    pub applied: Revision,
    /// The revision up to which everything that was let through before has ended.
    pub enforced: Revision,
    /// The store refuses its writes; it may not know yet.
    pub closed: bool,
    /// Counts its renewals: an epoch whose count does not move is silent.
    pub seq: u64,
}
