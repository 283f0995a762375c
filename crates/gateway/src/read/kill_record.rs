//! The record of a kill: what its answer said, and what came later.

mod shown;

use axme_api::error::ErrorCode;
use axme_api::mesh::{Kill, KillRecord, Receipt, ReplicaReceipt, ReplicaState};
use axme_core::change::Entry;
use axme_core::id::{AddressId, KillId};
use axme_engine::{Caller, Engine};
use axme_store::control::{LogEntry, StopAccount};

use super::{ReadError, history, killed_instances};
pub(crate) use shown::{kill, ordered, receipt};

/// The record of a kill that the caller may see, as far as it is filled.
pub(crate) async fn read(
    engine: &Engine,
    caller: &Caller,
    id: KillId,
) -> Result<KillRecord, ReadError> {
    let logged = logged(engine, caller, id).await?;
    let resumed = resume_of(engine, &logged).await?;
    filled(engine, &logged, id, resumed.as_ref()).await
}

/// The entry of a kill that the caller may see.
pub(super) async fn logged(
    engine: &Engine,
    caller: &Caller,
    id: KillId,
) -> Result<LogEntry, ReadError> {
    let found = engine.control.log().find(id.into()).await?;
    let seen = found.filter(|logged| caller.key.scope.covers(logged.entry.scope));
    seen.ok_or_else(|| missing(id))
}

/// The resume that ended a kill; none while its hold is in force.
pub(super) async fn resume_of(
    engine: &Engine,
    logged: &LogEntry,
) -> Result<Option<Entry>, ReadError> {
    match ordered(logged) {
        Some((hold, agent)) if !stands(engine, agent, hold.kill_id) => {
            Ok(history::resume_after(engine, agent, logged.revision).await?)
        }
        Some(_) | None => Ok(None),
    }
}

/// The record of a kill whose entry and resume have been read.
pub(super) async fn filled(
    engine: &Engine,
    logged: &LogEntry,
    id: KillId,
    resumed: Option<&Entry>,
) -> Result<KillRecord, ReadError> {
    let kill = of(engine, logged).await?.ok_or_else(|| missing(id))?;
    let frozen = engine.instances.frozen(id).await?;
    let (instances, instance_totals) = killed_instances::shown(frozen, engine.clock.wall());
    Ok(KillRecord {
        open_streams_closed: kill.receipt.streams_closed,
        kill,
        instances,
        instance_totals,
        resumed_at: resumed.map(|entry| entry.at.to_string()),
        resumed_by: resumed.map(|entry| entry.actor.name.to_string()),
    })
}

fn missing(id: KillId) -> ReadError {
    ReadError::not_found(ErrorCode::KillNotFound, &id.to_string())
}

/// Whether the hold of a kill is in force still.
fn stands(engine: &Engine, agent: AddressId, kill: KillId) -> bool {
    engine.control.read(|state| {
        let agent = state.agent(agent);
        agent.is_some_and(|agent| agent.holds.iter().any(|hold| hold.kill_id == kill))
    })
}

/// A kill that is in the log, with the receipt that was kept for it. None for an entry that stops
/// no agent.
pub(crate) async fn of(engine: &Engine, logged: &LogEntry) -> Result<Option<Kill>, ReadError> {
    let Some((hold, agent)) = ordered(logged) else { return Ok(None) };
    let kept = engine.ledger.kill_record(hold.kill_id).await?;
    let kept = kept.and_then(|text| serde_json::from_str::<Kill>(&text).ok());
    if let Some(mut kill) = kept {
        add_late(engine, logged, &mut kill.receipt).await;
        return Ok(Some(kill));
    }
    let receipt = match engine.control.recent_receipt(hold.kill_id) {
        Some(receipt) => {
            let unfinished = delivered_unfinished(engine, agent).await;
            shown::receipt(receipt, unfinished.unwrap_or(0))
        }
        None => receipt_from_now(engine, logged).await?,
    };
    Ok(kill(logged, receipt))
}

/// Adds what replicas have said since that were fenced when the kill returned.
async fn add_late(engine: &Engine, logged: &LogEntry, receipt: &mut Receipt) {
    let fenced: Vec<&str> = receipt
        .replicas
        .iter()
        .filter(|replica| replica.state == ReplicaState::Fenced)
        .map(|replica| replica.replica_id.as_str())
        .collect();
    if fenced.is_empty() {
        return;
    }
    let accounts = engine.control.log().accounts(logged.revision).await;
    let late: Vec<StopAccount> = accounts
        .unwrap_or_default()
        .into_iter()
        .filter(|(replica, _)| fenced.contains(&&*replica.replica_id))
        .map(|(_, account)| account)
        .collect();
    add(receipt, &late);
}

fn add(receipt: &mut Receipt, accounts: &[StopAccount]) {
    for account in accounts {
        receipt.streams_closed += account.streams_closed;
        receipt.connections_cut += account.connections_cut;
        receipt.bytes_after_order += account.bytes_after_order;
    }
}

/// A receipt for a kill whose own was lost, or that another replica waits for, with what the replicas say now.
async fn receipt_from_now(engine: &Engine, logged: &LogEntry) -> Result<Receipt, ReadError> {
    let log = engine.control.log();
    let rows = log.replicas(logged.revision).await?;
    let stopped = rows.into_iter().filter_map(|row| {
        let state = if row.sighting.enforced >= logged.revision {
            ReplicaState::Enforced
        } else if row.sighting.closed {
            ReplicaState::Fenced
        } else {
            return None;
        };
        Some(ReplicaReceipt {
            replica_id: row.profile.replica_id.into(),
            epoch: row.sighting.replica.epoch.0,
            region: row.profile.region.map(String::from),
            state,
            after_ms: 0.0,
        })
    });
    let accounts = log.accounts(logged.revision).await?;
    let accounts: Vec<StopAccount> = accounts.into_iter().map(|(_, account)| account).collect();
    let mut receipt = Receipt {
        bound_ms: engine.control.bound_ms(),
        enforced_in_ms: 0.0,
        durability: shown::durability(log.durability().as_str()),
        replicas: stopped.collect(),
        delivered_unfinished: 0,
        streams_closed: 0,
        connections_cut: 0,
        bytes_after_order: 0,
    };
    add(&mut receipt, &accounts);
    Ok(receipt)
}

/// How many intents the agent had received, or its receivers from it, and not finished. None when
/// the store does not say.
pub(crate) async fn delivered_unfinished(engine: &Engine, agent: AddressId) -> Option<u64> {
    let found = engine.control.read(|state| {
        let agent = state.agent(agent)?;
        Some((agent.workspace_id, agent.address.clone()))
    });
    let (workspace, address) = found?;
    match engine.ledger.delivered_unfinished(workspace, &address).await {
        Ok(count) => Some(count),
        Err(error) => {
            tracing::warn!(%error, %address, "could not count what a killed agent has not finished");
            None
        }
    }
}
