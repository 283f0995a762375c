//! The ledger's trait, over the engine's parts.

use std::sync::Arc;

use async_trait::async_trait;
use axme_core::address::Address;
use axme_core::audit::Observation;
use axme_core::chain::Head;
use axme_core::id::{AddressId, Epoch, IntentId, KillId, Revision, WorkspaceId};
use axme_core::time::Timestamp;

use crate::control::{Answered, IdempotencyKey};
use crate::error::{StoreError, WriteError};
use crate::gate::Gate;
use crate::hint::Hint;
use crate::ledger::{
    Admitted, AuditQuery, AuditRow, ChainId, ChainLink, Event, Fact, HandedOver, Handing, Intent,
    IntentQuery, Ledger, MetricsAdded, NewIntent, NewMetrics, Patch, Patched, Positions,
    QueueQuery, Recorded, Requeued, Retention, RowsBetween, Senders, SendersQuery, SignsOfLife,
    Tally, Traffic, TrafficQuery, Usage, Waiting, Watched,
};
use crate::postgres::admit::Admitting;
use crate::postgres::moves::{Move, Moved};
use crate::postgres::work::job;
use crate::postgres::{
    PgStore, audit, audit_events, chains, control, deadlines, idempotency, kills, positions,
    queries, reports, requeue, signs, tally, traffic, usage, waiting,
};

#[async_trait]
impl Ledger for PgStore {
    async fn admit(&self, intent: NewIntent, gate: Box<dyn Gate>) -> Result<Admitted, WriteError> {
        let queue = Hint::Queue(intent.workspace_id, intent.to.clone());
        let admitted = self.admits.write(Admitting { intent, gate }).await?;
        if matches!(admitted, Admitted::New { .. }) {
            self.hints.say(queue);
        }
        Ok(admitted)
    }

    async fn hand_over(
        &self,
        handovers: Vec<Handing>,
        at: Timestamp,
    ) -> Result<Vec<HandedOver>, WriteError> {
        let Moved::HandedOver(handed) = self.moves.write(Move::HandOver(handovers, at)).await?
        else {
            return Err(other_answer());
        };
        for one in &handed {
            let (HandedOver::Deliver(intent) | HandedOver::Exhausted(intent)) = one;
            self.hints.say(Hint::Intent(intent.intent_id));
        }
        Ok(handed)
    }

    async fn take_back(&self, intents: Vec<IntentId>) -> Result<(), WriteError> {
        match self.moves.write(Move::TakeBack(intents)).await? {
            Moved::TakenBack => Ok(()),
            Moved::HandedOver(_) | Moved::Recorded(_) | Moved::Patched(_) => Err(other_answer()),
        }
    }

    async fn record(&self, fact: Fact) -> Result<Recorded, WriteError> {
        let Moved::Recorded(recorded) = self.moves.write(Move::Record(fact)).await? else {
            return Err(other_answer());
        };
        if let Recorded::Done { intent, .. } = &recorded {
            self.hints.say(Hint::Intent(intent.intent_id));
        }
        Ok(recorded)
    }

    async fn patch(&self, patch: Patch) -> Result<Patched, WriteError> {
        let Moved::Patched(patched) = self.moves.write(Move::Patch(patch)).await? else {
            return Err(other_answer());
        };
        if let Patched::Applied(intent) = &patched {
            self.hints.say(Hint::Intent(intent.intent_id));
        }
        Ok(patched)
    }

    async fn time_out(
        &self,
        now: Timestamp,
        intents_max: usize,
    ) -> Result<Vec<Intent>, WriteError> {
        let ended: Vec<Intent> = job!(&self.jobs, |session, me| [now, intents_max]
            deadlines::time_out(session, me, *now, *intents_max))?;
        for intent in &ended {
            self.hints.say(Hint::Intent(intent.intent_id));
        }
        Ok(ended)
    }

    async fn requeue(
        &self,
        workspace: WorkspaceId,
        sender: &Address,
        rows: RowsBetween,
        intents_max: usize,
    ) -> Result<Requeued, WriteError> {
        let sender = sender.clone();
        let requeued: Requeued = job!(&self.jobs, |session, me| [workspace, sender, rows, intents_max]
            requeue::requeue(session, me, (*workspace, sender), *rows, *intents_max))?;
        for receiver in &requeued.receivers {
            self.hints.say(Hint::Queue(workspace, receiver.clone()));
        }
        Ok(requeued)
    }

    async fn set_requeued(&self, up_to: Revision) -> Result<(), WriteError> {
        let session = self.control.session().await?;
        Ok(control::answered(&session, requeue::set_done(&session, up_to)).await?)
    }

    async fn requeued(&self) -> Result<Revision, StoreError> {
        let reader = self.reader().await?;
        reader.within(requeue::done(&reader)).await
    }

    async fn add_metrics(&self, metrics: NewMetrics) -> Result<MetricsAdded, WriteError> {
        usage::require_storable(&metrics)?;
        self.metrics.write(metrics).await
    }

    async fn save_signs_of_life(&self, signs: SignsOfLife) -> Result<(), WriteError> {
        for part in signs.parts() {
            job!(&self.jobs, |session, me| [part] signs::save(session, me, part))?;
        }
        Ok(())
    }

    async fn observe(&self, epoch: Epoch, seen: Vec<Observation>) -> Result<(), WriteError> {
        job!(&self.jobs, |session, me| [epoch, seen] audit::observe(session, me, *epoch, seen))
    }

    async fn save_kill_record(&self, kill: KillId, record: String) -> Result<(), WriteError> {
        // Not behind bulk, as nothing about kills is: a flood must not keep a receipt waiting.
        let session = self.control.session().await?;
        Ok(control::answered(&session, kills::save(&session, kill, &record)).await?)
    }

    async fn retain(&self, retention: Retention) -> Result<bool, WriteError> {
        let pass = Arc::clone(&self.retention);
        job!(&self.jobs, |session, me| [pass, retention] pass.retain(session, me, retention))
    }

    async fn intent(&self, id: IntentId) -> Result<Option<Intent>, StoreError> {
        let reader = self.reader().await?;
        reader.within(queries::intent(&reader, id)).await
    }

    async fn intents(&self, query: IntentQuery) -> Result<Vec<Intent>, StoreError> {
        let reader = self.reader().await?;
        reader.within(queries::intents(&reader, &query)).await
    }

    async fn events(&self, id: IntentId, since: u64) -> Result<Option<Vec<Event>>, StoreError> {
        let reader = self.reader().await?;
        reader.within(queries::events(&reader, id, since)).await
    }

    async fn queue(&self, query: QueueQuery) -> Result<Vec<Intent>, StoreError> {
        let reader = self.reader().await?;
        reader.within(queries::queue(&reader, &query)).await
    }

    async fn positions(&self, watched: Watched) -> Result<Positions, StoreError> {
        let reader = self.reader().await?;
        reader.within(positions::positions(&reader, watched)).await
    }

    async fn delivered_unfinished(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<u64, StoreError> {
        let reader = self.reader().await?;
        reader.within(tally::delivered_unfinished(&reader, workspace, address)).await
    }

    async fn waiting(
        &self,
        workspace: WorkspaceId,
        address: &Address,
    ) -> Result<Waiting, StoreError> {
        let reader = self.reader().await?;
        reader.within(waiting::waiting(&reader, workspace, address)).await
    }

    async fn senders(&self, query: SendersQuery) -> Result<Senders, StoreError> {
        let reader = self.reader().await?;
        reader.within(waiting::senders(&reader, &query)).await
    }

    async fn tally(&self, workspace: WorkspaceId, address: &Address) -> Result<Tally, StoreError> {
        let reader = self.reader().await?;
        reader.within(tally::tally(&reader, workspace, address)).await
    }

    async fn usage(
        &self,
        workspace: WorkspaceId,
        address: Option<AddressId>,
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Usage)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(usage::since(&reader, workspace, address, since)).await
    }

    async fn usage_of_hour(
        &self,
        address: AddressId,
        hour: Timestamp,
    ) -> Result<Usage, StoreError> {
        let reader = self.reader().await?;
        reader.within(usage::of_hour(&reader, address, hour)).await
    }

    async fn traffic(
        &self,
        query: TrafficQuery,
    ) -> Result<Vec<(AddressId, Timestamp, Traffic)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(traffic::sums(&reader, &query)).await
    }

    async fn last_reports(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
    ) -> Result<Vec<(AddressId, Timestamp)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(reports::last(&reader, workspace, agents)).await
    }

    async fn usage_of_days(
        &self,
        workspace: WorkspaceId,
        agents: &[AddressId],
        since: Timestamp,
    ) -> Result<Vec<(AddressId, Timestamp, Usage)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(reports::of_days(&reader, workspace, agents, since)).await
    }

    async fn usage_by_day(
        &self,
        workspace: WorkspaceId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Usage)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(reports::by_day(&reader, workspace, since)).await
    }

    async fn signs_of_life(&self, after: Option<Timestamp>) -> Result<SignsOfLife, StoreError> {
        let reader = self.reader().await?;
        reader.within(signs::after(&reader, after)).await
    }

    async fn find_intent_answer(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Answered>, StoreError> {
        let reader = self.reader().await?;
        reader.within(idempotency::find(&reader, key)).await
    }

    async fn kill_record(&self, kill: KillId) -> Result<Option<String>, StoreError> {
        let reader = self.reader().await?;
        reader.within(kills::find(&reader, kill)).await
    }

    async fn audit_events(&self, query: AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        let reader = self.reader().await?;
        reader.within(audit_events::audit_events(&reader, &query)).await
    }

    async fn chain(&self, chain: ChainId, after: u64) -> Result<Vec<ChainLink>, StoreError> {
        let reader = self.reader().await?;
        reader.within(chains::chain(&reader, chain, after)).await
    }

    async fn chains(&self) -> Result<Vec<(ChainId, Head)>, StoreError> {
        let reader = self.reader().await?;
        reader.within(chains::heads(&reader)).await
    }

    async fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        // PostgreSQL does not tell.
        Ok(None)
    }
}

fn other_answer() -> WriteError {
    WriteError::Store(StoreError::Unusable("a lane answered something else".to_owned()))
}
