//! The replicas of this gateway.

use axme_api::mesh::Durability;
use axme_api::replicas::{Replica, ReplicaStanding, ReplicasAnswer};
use axme_engine::Engine;
use axme_engine::control::Standing;
use axme_store::control::{Durability as StoreDurability, ReplicaRow};

use super::ReadError;

/// Every replica that has not left, as this one sees them. All keys of people see them.
pub(crate) async fn list(engine: &Engine) -> Result<ReplicasAnswer, ReadError> {
    let control = &engine.control;
    let roster = control.roster().await?;
    let head = control.head().revision.0;
    // Whoever reads may be behind what another one has applied.
    let applied = roster.replicas.iter().map(|(row, _)| row.sighting.applied.0);
    let revision = applied.fold(head, u64::max);
    let mut replicas: Vec<Replica> =
        roster.replicas.iter().map(|(row, standing)| shown(row, *standing, revision)).collect();
    replicas.sort_by(|a, b| (&a.replica_id, a.epoch).cmp(&(&b.replica_id, b.epoch)));
    Ok(ReplicasAnswer {
        ok: true,
        replica_id: control.me().replica_id.into(),
        durability: match roster.durability {
            StoreDurability::Single => Durability::Single,
            StoreDurability::Replicated => Durability::Replicated,
        },
        revision,
        replicas,
    })
}

fn shown(row: &ReplicaRow, standing: Standing, head: u64) -> Replica {
    let ReplicaRow { sighting, profile, joined_at } = row;
    Replica {
        replica_id: profile.replica_id.to_string(),
        epoch: sighting.replica.epoch.0,
        region: profile.region.as_deref().map(str::to_owned),
        version: profile.version.to_string(),
        state: match standing {
            Standing::Fresh => ReplicaStanding::Fresh,
            Standing::Silent => ReplicaStanding::Silent,
            Standing::Closed => ReplicaStanding::Closed,
        },
        applied: sighting.applied.0,
        enforced: sighting.enforced.0,
        lag: head.saturating_sub(sighting.applied.0),
        lease_ms: u64::try_from(profile.lease.length().as_millis()).unwrap_or(u64::MAX),
        joined_at: joined_at.to_string(),
    }
}
