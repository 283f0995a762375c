//! The record of a kill: what its answer said, and what came later.

use std::time::Duration;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::{Kill, KillRecord, KillRecordAnswer, Receipt, ReplicaReceipt, ReplicaState};
use axme_core::id::{AddressId, KillId};
use axme_engine::Caller;
use axme_engine::control::Killed;
use axme_store::control::{LogEntry, StopAccount};
use axum::Json;
use axum::extract::State;

use super::{history, killed_instances, shown};
use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{PathParams, not_found};
use crate::http::error::ApiError;

/// How long a kill's answer waits for the count of what the agent has not finished.
const COUNT_WITHIN: Duration = Duration::from_millis(20);
/// How often a record is offered to the store, and how long between.
const SAVES_MAX: usize = 10;
const SAVE_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Get the record of a kill
#[utoipa::path(
    get,
    path = "/v1/mesh/kills/{kill_id}",
    tag = "mesh",
    params(("kill_id" = String, Path, description = "As the kill answered it")),
    responses(
        (status = 200, body = KillRecordAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "kill_not_found", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_kill(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<KillRecordAnswer>, ApiError> {
    let id: KillId = path.id("kill_id", ErrorCode::KillNotFound)?;
    let kill = read(&api, &caller, id).await?;
    Ok(Json(KillRecordAnswer { ok: true, kill }))
}

/// The record of a kill that the caller may see, as far as it is filled.
pub(super) async fn read(api: &Api, caller: &Caller, id: KillId) -> Result<KillRecord, ApiError> {
    let missing = || not_found(ErrorCode::KillNotFound, &id.to_string());
    let logged = api.engine().control.log().find(id.into()).await?.ok_or_else(missing)?;
    if !caller.key.scope.covers(logged.entry.scope) {
        return Err(missing());
    }
    let kill = of(api, &logged).await?.ok_or_else(missing)?;
    let resumed = match shown::ordered(&logged) {
        Some((_, agent)) if !stands(api, agent, id) => {
            history::resume_after(api, agent, logged.revision).await?
        }
        Some(_) | None => None,
    };
    let frozen = api.engine().instances.frozen(id).await?;
    let (instances, instance_totals) = killed_instances::shown(frozen, api.engine().clock.wall());
    Ok(KillRecord {
        open_streams_closed: kill.receipt.streams_closed,
        kill,
        instances,
        instance_totals,
        resumed_at: resumed.as_ref().map(|entry| entry.at.to_string()),
        resumed_by: resumed.map(|entry| entry.actor.name.into()),
    })
}

/// Whether the hold of a kill is in force still.
fn stands(api: &Api, agent: AddressId, kill: KillId) -> bool {
    api.engine().control.read(|state| {
        let agent = state.agent(agent);
        agent.is_some_and(|agent| agent.holds.iter().any(|hold| hold.kill_id == kill))
    })
}

/// The answer of a kill that was just confirmed. Its record is kept after it was given.
pub(super) async fn begin(api: &Api, killed: Killed) -> Option<Kill> {
    let Killed { logged, receipt } = killed;
    let (hold, agent) = shown::ordered(&logged)?;
    let id = hold.kill_id;
    let counted = tokio::time::timeout(COUNT_WITHIN, delivered_unfinished(api, agent)).await;
    let counted = counted.ok().flatten();
    let kill = shown::kill(&logged, shown::receipt(receipt, counted.unwrap_or(0)))?;
    let (owned, mut record) = (api.clone(), kill.clone());
    api.engine().tasks().spawn(async move {
        if counted.is_none()
            && let Some(late) = delivered_unfinished(&owned, agent).await
        {
            record.receipt.delivered_unfinished = late;
        }
        save(&owned, id, &record).await;
    });
    Some(kill)
}

/// How many intents the agent had received, or its receivers from it, and not finished. None when
/// the store does not say.
async fn delivered_unfinished(api: &Api, agent: AddressId) -> Option<u64> {
    let found = api.engine().control.read(|state| {
        let agent = state.agent(agent)?;
        Some((agent.workspace_id, agent.address.clone()))
    });
    let (workspace, address) = found?;
    match api.engine().ledger.delivered_unfinished(workspace, &address).await {
        Ok(count) => Some(count),
        Err(error) => {
            tracing::warn!(%error, %address, "could not count what a killed agent has not finished");
            None
        }
    }
}

async fn save(api: &Api, id: KillId, record: &Kill) {
    let text = match serde_json::to_string(record) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, kill = %id, "the record of a kill cannot be written");
            return;
        }
    };
    for _attempt in 0..SAVES_MAX {
        match api.engine().ledger.save_kill_record(id, text.clone()).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, kill = %id, "the record of a kill is not kept yet");
                tokio::time::sleep(SAVE_AGAIN_AFTER).await;
            }
        }
    }
}

/// A kill that is in the log, with the receipt that was kept for it. None for an entry that stops
/// no agent.
pub(super) async fn of(api: &Api, logged: &LogEntry) -> Result<Option<Kill>, ApiError> {
    let Some((hold, agent)) = shown::ordered(logged) else { return Ok(None) };
    let kept = api.engine().ledger.kill_record(hold.kill_id).await?;
    let kept = kept.and_then(|text| serde_json::from_str::<Kill>(&text).ok());
    if let Some(mut kill) = kept {
        add_late(api, logged, &mut kill.receipt).await;
        return Ok(Some(kill));
    }
    let receipt = match api.engine().control.recent_receipt(hold.kill_id) {
        Some(receipt) => {
            let unfinished = delivered_unfinished(api, agent).await;
            shown::receipt(receipt, unfinished.unwrap_or(0))
        }
        None => receipt_from_now(api, logged).await?,
    };
    Ok(shown::kill(logged, receipt))
}

/// Adds what replicas have said since that were fenced when the kill returned.
async fn add_late(api: &Api, logged: &LogEntry, receipt: &mut Receipt) {
    let fenced: Vec<&str> = receipt
        .replicas
        .iter()
        .filter(|replica| replica.state == ReplicaState::Fenced)
        .map(|replica| replica.replica_id.as_str())
        .collect();
    if fenced.is_empty() {
        return;
    }
    let accounts = api.engine().control.log().accounts(logged.revision).await;
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
async fn receipt_from_now(api: &Api, logged: &LogEntry) -> Result<Receipt, ApiError> {
    let log = api.engine().control.log();
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
        bound_ms: api.engine().control.bound_ms(),
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
