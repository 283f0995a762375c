//! Keeping the record of a kill: what its answer said, for whoever reads it later.

use std::time::Duration;

use axme_api::mesh::Kill;
use axme_core::id::KillId;
use axme_engine::Engine;
use axme_engine::control::Killed;

use crate::read::kill_record;

/// How long a kill's answer waits for the count of what the agent has not finished.
const COUNT_WITHIN: Duration = Duration::from_millis(20);
/// How often a record is offered to the store, and how long between.
const SAVES_MAX: usize = 10;
const SAVE_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The answer of a kill that was just confirmed. Its record is kept after it was given.
pub(super) async fn begin(engine: &Engine, killed: Killed) -> Option<Kill> {
    let Killed { logged, receipt } = killed;
    let (hold, agent) = kill_record::ordered(&logged)?;
    let id = hold.kill_id;
    let counted =
        tokio::time::timeout(COUNT_WITHIN, kill_record::delivered_unfinished(engine, agent)).await;
    let counted = counted.ok().flatten();
    let kill = kill_record::kill(&logged, kill_record::receipt(receipt, counted.unwrap_or(0)))?;
    let (owned, mut record) = (engine.clone(), kill.clone());
    engine.tasks().spawn(async move {
        if counted.is_none()
            && let Some(late) = kill_record::delivered_unfinished(&owned, agent).await
        {
            record.receipt.delivered_unfinished = late;
        }
        save(&owned, id, &record).await;
    });
    Some(kill)
}

async fn save(engine: &Engine, id: KillId, record: &Kill) {
    let text = match serde_json::to_string(record) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, kill = %id, "the record of a kill cannot be written");
            return;
        }
    };
    for _attempt in 0..SAVES_MAX {
        match engine.ledger.save_kill_record(id, text.clone()).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, kill = %id, "the record of a kill is not kept yet");
                tokio::time::sleep(SAVE_AGAIN_AFTER).await;
            }
        }
    }
}
