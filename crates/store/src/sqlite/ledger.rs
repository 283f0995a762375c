//! The ledger's trait, over the engine's parts.

use async_trait::async_trait;
use axme_core::address::Address;
use axme_core::audit::Observation;
use axme_core::chain::Head;
use axme_core::id::{AddressId, Epoch, IntentId, KillId, Revision, WorkspaceId};
use axme_core::time::Timestamp;
use rusqlite::OptionalExtension as _;

use crate::control::{Answered, IdempotencyKey};
use crate::error::{StoreError, WriteError};
use crate::gate::Gate;
use crate::ledger::{
    Admitted, AuditQuery, AuditRow, ChainId, ChainLink, Event, Fact, HandedOver, Handing, Intent,
    IntentQuery, Ledger, MetricsAdded, NewIntent, NewMetrics, Patch, Patched, Positions,
    QueueQuery, Recorded, Requeued, Retention, RowsBetween, Senders, SendersQuery, SignsOfLife,
    Tally, Traffic, TrafficQuery, Usage, Waiting, Watched,
};
use crate::sqlite::columns::Columns as _;
use crate::sqlite::job::{Size, job, plain_job};
use crate::sqlite::{
    SqliteStore, admit, audit, audit_events, chains, deadlines, facts, handover, idempotency,
    patch, positions, queries, reports, requeue, rows, signs, tally, traffic, usage, waiting,
};

#[async_trait]
impl Ledger for SqliteStore {
    async fn admit(&self, intent: NewIntent, gate: Box<dyn Gate>) -> Result<Admitted, WriteError> {
        let size = Size::of(intent.payload.len() + intent.extras.len());
        self.bulk(plain_job(size, move |batch| admit::admit(batch, &intent, &*gate))).await
    }

    async fn hand_over(
        &self,
        handovers: Vec<Handing>,
        at: Timestamp,
    ) -> Result<Vec<HandedOver>, WriteError> {
        let size = Size { items: handovers.len(), bytes: 0 };
        self.bulk(job(size, move |batch| Ok(handover::hand_over(batch, &handovers, at)?))).await
    }

    async fn take_back(&self, intents: Vec<IntentId>) -> Result<(), WriteError> {
        let size = Size { items: intents.len(), bytes: 0 };
        self.bulk(job(size, move |batch| Ok(handover::take_back(batch, &intents)?))).await
    }

    async fn record(&self, fact: Fact) -> Result<Recorded, WriteError> {
        let size = Size::of(fact.outcome.as_ref().map_or(0, |outcome| outcome.len()));
        self.bulk(job(size, move |batch| facts::record(batch, &fact))).await
    }

    async fn patch(&self, patch: Patch) -> Result<Patched, WriteError> {
        let size = Size::of(patch.merge.len());
        self.bulk(job(size, move |batch| patch::patch(batch, &patch))).await
    }

    async fn time_out(
        &self,
        now: Timestamp,
        intents_max: usize,
    ) -> Result<Vec<Intent>, WriteError> {
        let end = job(Size::SLICE, move |batch| Ok(deadlines::time_out(batch, now, intents_max)?));
        self.bulk(end).await
    }

    async fn requeue(
        &self,
        workspace: WorkspaceId,
        sender: &Address,
        rows: RowsBetween,
        intents_max: usize,
    ) -> Result<Requeued, WriteError> {
        let sender = sender.clone();
        let requeue = job(Size::SLICE, move |batch| {
            Ok(requeue::requeue(batch, (workspace, &sender), rows, intents_max)?)
        });
        self.bulk(requeue).await
    }

    async fn set_requeued(&self, up_to: Revision) -> Result<(), WriteError> {
        let set = job(Size::of(0), move |batch| Ok(requeue::set_done(batch, up_to)?));
        self.bulk(set).await
    }

    async fn requeued(&self) -> Result<Revision, StoreError> {
        self.read(|connection| Ok(requeue::done(connection)?)).await
    }

    async fn add_metrics(&self, metrics: NewMetrics) -> Result<MetricsAdded, WriteError> {
        self.bulk(job(Size::of(0), move |batch| Ok(usage::add(batch, &metrics)?))).await
    }

    async fn save_signs_of_life(&self, signs: SignsOfLife) -> Result<(), WriteError> {
        for part in signs.parts() {
            self.bulk(job(Size::SLICE, move |batch| Ok(signs::save(batch, &part)?))).await?;
        }
        Ok(())
    }

    async fn observe(&self, epoch: Epoch, seen: Vec<Observation>) -> Result<(), WriteError> {
        let size = Size { items: seen.len(), bytes: 0 };
        self.bulk(job(size, move |batch| audit::observe(batch, epoch, &seen))).await
    }

    async fn save_kill_record(&self, kill: KillId, record: String) -> Result<(), WriteError> {
        // Ahead of bulk, as everything about kills: a flood must not keep a receipt waiting.
        let save = job(Size::of(0), move |batch| {
            let mut put = batch.statement("INSERT OR REPLACE INTO kill_record VALUES (?1, ?2)")?;
            put.execute(rusqlite::params![kill.as_bytes(), record])?;
            Ok(())
        });
        self.control(save).await
    }

    async fn retain(&self, retention: Retention) -> Result<bool, WriteError> {
        let pass = std::sync::Arc::clone(&self.retention);
        self.bulk(job(Size::SLICE, move |batch| Ok(pass.retain(batch, &retention)?))).await
    }

    async fn intent(&self, id: IntentId) -> Result<Option<Intent>, StoreError> {
        self.read(move |connection| Ok(rows::intent_by_id(connection, id)?)).await
    }

    async fn intents(&self, query: IntentQuery) -> Result<Vec<Intent>, StoreError> {
        self.read(move |connection| Ok(queries::intents(connection, &query)?)).await
    }

    async fn events(&self, id: IntentId, since: u64) -> Result<Option<Vec<Event>>, StoreError> {
        self.read(move |connection| Ok(queries::events(connection, id, since)?)).await
    }

    async fn queue(&self, query: QueueQuery) -> Result<Vec<Intent>, StoreError> {
        self.read(move |connection| Ok(queries::queue(connection, &query)?)).await
    }

    async fn positions(&self, watched: Watched) -> Result<Positions, StoreError> {
        self.read(move |connection| Ok(positions::positions(connection, watched)?)).await
    }

    async fn delivered_unfinished(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<u64, StoreError> {
        let address = address.clone();
        self.read(move |connection| {
            Ok(tally::delivered_unfinished(connection, workspace, &address)?)
        })
        .await
    }

    async fn waiting(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<Waiting, StoreError> {
        let address = address.clone();
        self.read(move |connection| Ok(waiting::waiting(connection, workspace, &address)?)).await
    }

    async fn senders(&self, query: SendersQuery) -> Result<Senders, StoreError> {
        self.read(move |connection| Ok(waiting::senders(connection, &query)?)).await
    }

    async fn tally(&self, workspace: WorkspaceId, address: &Address) -> Result<Tally, StoreError> {
        let address = address.clone();
        self.read(move |connection| Ok(tally::tally(connection, workspace, &address)?)).await
    }

    async fn usage(
        &self,
        workspace: WorkspaceId,
        address: Option<AddressId>,
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Usage)>, StoreError> {
        self.read(move |connection| Ok(usage::since(connection, workspace, address, since)?)).await
    }

    async fn usage_of_hour(
        &self,
        address: AddressId,
        hour: Timestamp,
    ) -> Result<Usage, StoreError> {
        self.read(move |connection| Ok(usage::of_hour(connection, address, hour)?)).await
    }

    async fn traffic(
        &self,
        query: TrafficQuery,
    ) -> Result<Vec<(AddressId, Timestamp, Traffic)>, StoreError> {
        self.read(move |connection| Ok(traffic::sums(connection, &query)?)).await
    }

    async fn last_reports(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
    ) -> Result<Vec<(AddressId, Timestamp)>, StoreError> {
        let agents = agents.to_vec();
        self.read(move |connection| Ok(reports::last(connection, workspace, &agents)?)).await
    }

    async fn usage_of_days(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Timestamp, Usage)>, StoreError> {
        let agents = agents.to_vec();
        self.read(move |connection| Ok(reports::of_days(connection, workspace, &agents, since)?))
            .await
    }

    async fn usage_by_day(
        &self,
        workspace: WorkspaceId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Usage)>, StoreError> {
        self.read(move |connection| Ok(reports::by_day(connection, workspace, since)?)).await
    }

    async fn signs_of_life(&self, after: Option<Timestamp>) -> Result<SignsOfLife, StoreError> {
        self.read(move |connection| Ok(signs::after(connection, after)?)).await
    }

    async fn find_intent_answer(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Answered>, StoreError> {
        let key = key.clone();
        self.read(move |connection| Ok(idempotency::find(connection, &key)?)).await
    }

    async fn kill_record(&self, kill: KillId) -> Result<Option<String>, StoreError> {
        let get = move |connection: &rusqlite::Connection| {
            let sql = "SELECT record FROM kill_record WHERE kill_id = ?1";
            let mut get = connection.prepare_cached(sql)?;
            let found = get.query_row([kill.as_bytes()], |row| row.text(0)).optional()?;
            Ok(found.map(String::from))
        };
        self.read(get).await
    }

    async fn audit_events(&self, query: AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        self.read(move |connection| Ok(audit_events::audit_events(connection, &query)?)).await
    }

    async fn chain(&self, chain: ChainId, after: u64) -> Result<Vec<ChainLink>, StoreError> {
        self.read(move |connection| Ok(chains::chain(connection, chain, after)?)).await
    }

    async fn chains(&self) -> Result<Vec<(ChainId, Head)>, StoreError> {
        self.read(|connection| Ok(chains::heads(connection)?)).await
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        #[cfg(unix)]
        {
            let unknown =
                |error| StoreError::Unavailable(format!("the disk does not answer: {error}"));
            let room = rustix::fs::statvfs(&self.path).map_err(unknown)?;
            Ok(Some(room.f_bavail.saturating_mul(room.f_frsize)))
        }
        #[cfg(not(unix))]
        Ok(None)
    }
}
