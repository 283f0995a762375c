//! Stopping an agent.

use std::sync::Arc;
use std::time::Duration;

use axme_api::mesh::{InstanceTotals, KillAnswer, KilledInstance};
use axme_core::command::{Command, Kill};
use axme_core::hold::Mode;
use axme_engine::chance::Chance;
use axme_engine::control::{ControlError, KillOutcome, Wait};
use axme_engine::{Caller, Engine};
use axme_store::control::IdempotencyKey;

use super::{OrderError, record, target};
use crate::read::{kill_record, killed_instances};

/// How long reading what instances did may take beyond the wait for them.
const READ_WITHIN: Duration = Duration::from_millis(100);

/// A kill as its caller wants it.
#[derive(Clone, Debug)]
pub(crate) struct KillOrder<'a> {
    /// Id, address or name of the agent.
    pub(crate) agent: &'a str,
    pub(crate) mode: Mode,
    pub(crate) reason: Option<Box<str>>,
    pub(crate) idempotency: Option<IdempotencyKey>,
    /// What the answer waits for.
    pub(crate) wait: Wait,
    /// How long it waits for instances that can be told at once.
    pub(crate) patience: Duration,
}

/// Stops an agent, and answers as far as the order says.
pub(crate) async fn kill(
    engine: &Engine,
    caller: &Caller,
    order: KillOrder<'_>,
) -> Result<KillAnswer, OrderError> {
    let at = engine.clock.wall();
    let register_as = engine.options.lenient_addressing.then(|| Chance.address(at));
    let kill = Kill {
        kill: Chance.kill(at),
        target: target(engine, caller, order.agent, register_as)?,
        mode: order.mode,
        reason: order.reason,
    };
    let command = caller.order(kill.kill.into(), at, Command::Kill(kill.clone()));
    let outcome = engine.control.kill(command, &kill, order.idempotency, order.wait).await;
    let outcome = outcome.map_err(|error| match error {
        ControlError::Fenced => OrderError::NotRecorded,
        ControlError::Refused(_)
        | ControlError::KeyReused
        | ControlError::Contended
        | ControlError::Store(_) => error.into(),
    })?;
    let killed = match outcome {
        KillOutcome::Confirmed(killed) => record::begin(engine, *killed).await,
        KillOutcome::Committed { logged, rest } => {
            let owned = engine.clone();
            // Its record goes on filling, whoever reads it.
            engine.tasks().spawn(async move {
                if let Ok(killed) = rest.await {
                    drop(record::begin(&owned, killed).await);
                }
            });
            kill_record::of(engine, &logged).await?
        }
        KillOutcome::Before(entry) => kill_record::of(engine, &entry).await?,
        KillOutcome::Unconfirmed { kill } => {
            return Err(OrderError::Unconfirmed { kill, trouble: engine.control.trouble() });
        }
    };
    // Only a kill of one agent is ordered here, and is found in its entry.
    let kill = killed.ok_or(OrderError::Unexpected)?;
    let patience = if order.wait == Wait::Commit { Duration::ZERO } else { order.patience };
    let (instances, instance_totals) = stopped_instances(engine, &kill, patience).await;
    let open_streams_closed = kill.receipt.streams_closed;
    Ok(KillAnswer { ok: true, kill, open_streams_closed, instances, instance_totals })
}

/// The instances that were stopped. The kill stands whatever can be said of them.
async fn stopped_instances(
    engine: &Engine,
    kill: &axme_api::mesh::Kill,
    patience: Duration,
) -> (Vec<KilledInstance>, Option<InstanceTotals>) {
    let (Ok(id), Ok(agent)) = (kill.kill_id.parse(), kill.address_id.parse()) else {
        return (Vec::new(), None);
    };
    let instances = Arc::clone(&engine.instances);
    // Its own task: what was heard is written also when nobody waits for it any more.
    let stopped =
        engine.tasks().spawn(async move { instances.stopped_within(id, agent, patience).await });
    let frozen = tokio::time::timeout(patience + READ_WITHIN, stopped).await;
    match frozen {
        Ok(Ok(Ok(frozen))) => {
            let (instances, totals) = killed_instances::shown(frozen, engine.clock.wall());
            (instances, Some(totals))
        }
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, kill = %id, "what instances did is in the kill's record later");
            (Vec::new(), None)
        }
        Ok(Err(_)) | Err(_) => (Vec::new(), None),
    }
}
