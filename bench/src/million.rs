//! A new replica at a store with a million agents: how long until it serves.
//!
//! From the start of its process to the first 200 of `/ready`. The store holds the log of their
//! registrations and a snapshot of its fold, as a replica that had been there would have left it.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use axme_core::change::Entry;
use axme_core::lease::Lease;
use axme_core::replica::ReplicaEpoch;
use axme_core::time::Timestamp;
use axme_store::ControlLog as _;
use axme_store::control::{Append, Expected, Loaded, LogHead, ReplicaProfile};
use axme_store::postgres::{PgOptions, PgStore};
use serde_json::Value;

use crate::postgres::{DATABASE, Postgres};
use crate::results::{Results, median};
use crate::server::{OWNER_KEY, Server};
use crate::tenancy::Tenancy;

const AGENTS_COUNT: usize = 1_000_000;
const ENTRY_AGENTS_COUNT: usize = 2_000;
const STARTS_COUNT: usize = 3;
const SERVES_WITHIN_S: f64 = 5.0;
const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

pub fn measure(results: &mut Results) -> anyhow::Result<()> {
    let postgres = Postgres::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let began = Instant::now();
    runtime.block_on(fill(&postgres))?;
    let filled_s = began.elapsed().as_secs_f64();
    let mut took_s = Vec::with_capacity(STARTS_COUNT);
    for number in 0..STARTS_COUNT {
        let began = Instant::now();
        let replica = Server::replica(&postgres.url(), &format!("new-{number}"), None)?;
        replica.wait_until_ready()?;
        took_s.push(began.elapsed().as_secs_f64());
        let (_, health) = replica.operator()?.ask("/health")?;
        let agents = health.get("registered_users").and_then(Value::as_u64);
        ensure!(agents == Some(AGENTS_COUNT as u64), "agents: {agents:?}");
    }
    let worst = took_s.iter().copied().fold(0.0, f64::max);
    let what = format!("a new replica with {AGENTS_COUNT} agents serves, worst of {STARTS_COUNT}");
    results.at_most(&what, worst, SERVES_WITHIN_S, "s");
    results.note("the same: median", format!("{:.2} s", median(took_s)));
    results.note("making its store: log and snapshot", format!("{filled_s:.0} s"));
    Ok(())
}

async fn fill(postgres: &Postgres) -> anyhow::Result<()> {
    let store = PgStore::connect_once(PgOptions::parse(&postgres.url())?).await;
    let store = store.map_err(|trouble| anyhow::anyhow!("{}", trouble.message))?;
    let profile = ReplicaProfile {
        replica_id: "before".into(),
        region: None,
        version: "bench".into(),
        lease: Lease::DEFAULT,
    };
    let epoch = store.join(&profile, AT).await?;
    let by = ReplicaEpoch { replica_id: profile.replica_id, epoch };
    let (mut tenancy, founding) = Tenancy::found();
    append(&store, &by, founding).await?;
    let owner = tenancy.add_owner_key(OWNER_KEY);
    let mut head = append(&store, &by, owner).await?;
    for first in (0..AGENTS_COUNT).step_by(ENTRY_AGENTS_COUNT) {
        let entry = tenancy.add_agents_at_once(first..first + ENTRY_AGENTS_COUNT);
        head = append(&store, &by, entry).await?;
    }
    store.save_snapshot(Loaded { state: tenancy.state, head }).await?;
    store.close(std::slice::from_ref(&by), AT).await?;
    store.retire(&[by], AT).await?;
    store.shut_down().await;
    // The pages that this has left behind are not the new replica's to write.
    postgres.connect(DATABASE).await?.batch_execute("CHECKPOINT").await.context("CHECKPOINT")
}

async fn append(store: &PgStore, by: &ReplicaEpoch, entry: Entry) -> anyhow::Result<LogHead> {
    let append = Append { by: by.clone(), expected: Expected::Any, entry, idempotency: None };
    Ok(store.append(append).await?)
}
