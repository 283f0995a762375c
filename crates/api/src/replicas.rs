//! The gateway's replicas, as one of them sees them all.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::mesh::Durability;

/// Answer of `GET /v1/replicas`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicasAnswer {
    pub ok: bool,
    /// The replica that answers.
    pub replica_id: String,
    /// `single` ("this server only") or `replicated`: what an acknowledged commit survives.
    pub durability: Durability,
    /// The control log's head, as the answering replica knows it.
    pub revision: u64,
    /// Every replica that has not left, by id.
    pub replicas: Vec<Replica>,
}

/// One life of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replica {
    pub replica_id: String,
    /// Tells apart the lives of an id, and two processes that were given the same one.
    pub epoch: u64,
    pub region: Option<String>,
    /// Of its program.
    pub version: String,
    pub state: ReplicaStanding,
    /// The control log's revision up to which its state is the fold.
    pub applied: u64,
    /// The revision up to which everything that was let through before has ended.
    pub enforced: u64,
    /// Entries of the control log that it has not applied.
    pub lag: u64,
    /// How long it is trusted without having renewed, in milliseconds.
    pub lease_ms: u64,
    /// When this life of it began.
    pub joined_at: String,
}

/// Whether a replica serves, as the answering one sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaStanding {
    /// It renews its lease.
    Fresh,
    /// It has not renewed for a lease, so that it admits nothing.
    Silent,
    /// The store refuses its writes; it is forgotten a lease later.
    Closed,
}

impl ReplicaStanding {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Silent => "silent",
            Self::Closed => "closed",
        }
    }
}
