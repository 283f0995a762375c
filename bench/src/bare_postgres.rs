//! The bare loop on PostgreSQL: the very statement with which the store admits a batch, sent over
//! one connection with nothing around it.

use std::time::{Duration, Instant};

use axme_core::id::Epoch;
use axme_core::lease::Lease;
use axme_core::time::Timestamp;
use axme_engine::chance::Chance;
use axme_store::ControlLog as _;
use axme_store::control::ReplicaProfile;
use axme_store::postgres::{ADMIT, PgOptions, PgStore};
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::postgres::{DATABASE, Postgres};
use crate::rows::payload;

/// The schema with the loop's own tables, beside the gateway's.
const SCHEMA: &str = "bare";
const REPLICA: &str = "bare";
const CURSOR_STEP: i64 = 2;

/// A writer without anything around it.
pub struct BareLoop {
    runtime: Runtime,
    client: Client,
    admit: Statement,
    epoch: i64,
    workspace: Uuid,
    receiver: String,
    senders: Vec<String>,
    payload: String,
}

impl BareLoop {
    /// Takes over the tables and indexes that the store makes, an epoch, and the settings of the
    /// store's sessions.
    pub fn open(postgres: &Postgres, senders_count: usize) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let url = format!("{}&schema={SCHEMA}", postgres.url());
        let (epoch, client, admit) = runtime.block_on(async {
            let epoch = join(&url).await?;
            let client = postgres.connect(DATABASE).await?;
            client
                .batch_execute(&format!(
                    "SET search_path = {SCHEMA}; SET synchronous_commit = on; SET jit = off; \
                     SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
                ))
                .await?;
            let admit = client.prepare(ADMIT).await?;
            anyhow::Ok((epoch, client, admit))
        })?;
        let address = |name: &str| format!("agent://myorg/production/{name}");
        let senders = (0..senders_count).map(|n| address(&format!("sender-{n:02}"))).collect();
        Ok(Self {
            runtime,
            client,
            admit,
            epoch: i64::try_from(epoch.0)?,
            workspace: Chance.uuid(Timestamp::from_micros(0)),
            receiver: address("receiver-00"),
            senders,
            payload: payload().to_string(),
        })
    }

    /// Writes batches for a while and answers the rows a second.
    pub fn run(&self, period: Duration, batch_rows: usize) -> anyhow::Result<f64> {
        let (mut rows, began) = (0, Instant::now());
        self.runtime.block_on(async {
            while began.elapsed() < period {
                self.batch(batch_rows).await?;
                rows += batch_rows;
            }
            anyhow::Ok(())
        })?;
        Ok(rows as f64 / began.elapsed().as_secs_f64())
    }

    /// The parameters as the store's statement counts them.
    async fn batch(&self, rows: usize) -> anyhow::Result<()> {
        let at = jiff::Timestamp::now().as_microsecond();
        let moment = Timestamp::from_micros(at);
        let ids: Vec<Uuid> = (0..rows).map(|_| Chance.uuid(moment)).collect();
        let workspaces = vec![self.workspace; rows];
        let senders: Vec<&str> =
            self.senders.iter().cycle().take(rows).map(String::as_str).collect();
        let texts = |text| vec![text; rows];
        let numbers = |number: i64| vec![number; rows];
        let (receivers, statuses) = (texts(&*self.receiver), texts("SUBMITTED"));
        let (revisions, attempts, seqs) = (numbers(23), numbers(3), numbers(2));
        let (no_number, no_text): (Vec<Option<i64>>, Vec<Option<&str>>) =
            (vec![None; rows], vec![None; rows]);
        let no_bytes: Vec<Option<&[u8]>> = vec![None; rows];
        let created = numbers(at);
        let types = texts("intent.email.send.v1");
        let correlations = texts("019ab1f0-a000-7000-8000-00000000000a");
        let (extras, payloads) = (texts("{}"), texts(&*self.payload));
        let parameters: [&(dyn ToSql + Sync); 21] = [
            &REPLICA,
            &self.epoch,
            &ids,
            &workspaces,
            &senders,
            &receivers,
            &statuses,
            &revisions,
            &attempts,
            &seqs,
            &no_number,
            &created,
            &types,
            &correlations,
            &extras,
            &payloads,
            &no_text,
            &no_text,
            &no_text,
            &no_bytes,
            &CURSOR_STEP,
        ];
        let stored = self.client.query(&self.admit, &parameters).await?.len();
        anyhow::ensure!(stored == rows, "{stored} of {rows} rows were stored");
        Ok(())
    }
}

/// Has the store make its tables, and begins an epoch that stays open.
async fn join(url: &str) -> anyhow::Result<Epoch> {
    let store = PgStore::connect_once(PgOptions::parse(url)?).await;
    let store = store.map_err(|trouble| anyhow::anyhow!("{}", trouble.message))?;
    let profile = ReplicaProfile {
        replica_id: REPLICA.into(),
        region: None,
        version: "bench".into(),
        lease: Lease::DEFAULT,
    };
    let epoch = store.join(&profile, Timestamp::from_micros(0)).await?;
    store.shut_down().await;
    Ok(epoch)
}
