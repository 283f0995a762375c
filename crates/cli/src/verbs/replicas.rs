//! `axme replicas`: which gateways serve, and how far each has come.

use crate::client;
use crate::context::Context;
use crate::failure::Failure;
use crate::wording::or_dash;
use axme_api::mesh::Durability;
use axme_api::replicas::{Replica, ReplicasAnswer};
use serde_json::json;

/// List the gateway's replicas: leases, lag, versions, and what commits survive.
#[derive(Debug, clap::Args)]
pub(crate) struct Replicas {}

impl Replicas {
    pub(crate) fn run(self, context: &mut Context<'_>) -> Result<(), Failure> {
        let answer = context.client()?.get("/v1/replicas", &json!({}))?;
        context.output.answer(&answer, |output| {
            let ReplicasAnswer { durability, replicas, .. } = client::read(&answer)?;
            let heading =
                ["REPLICA", "EPOCH", "REGION", "STATE", "LAG", "LEASE", "VERSION", "SINCE"];
            output.table(&heading, replicas.iter().map(row).collect(), "No replicas.")?;
            output.note(match durability {
                Durability::Single => "Durability: single. Commits survive on this server only.",
                Durability::Replicated => {
                    "Durability: replicated. Commits survive a failover to the standby."
                }
            })
        })
    }
}

fn row(replica: &Replica) -> Vec<String> {
    vec![
        replica.replica_id.clone(),
        replica.epoch.to_string(),
        or_dash(replica.region.as_ref()),
        replica.state.as_str().to_owned(),
        replica.lag.to_string(),
        format!("{} ms", replica.lease_ms),
        replica.version.clone(),
        replica.joined_at.clone(),
    ]
}
