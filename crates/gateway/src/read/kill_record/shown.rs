//! A kill and its receipt as the wire shows them.

use axme_api::mesh::{Durability, Kill, KillMode, Receipt, ReplicaReceipt, ReplicaState};
use axme_core::health::Health;
use axme_core::hold::{Hold, RunState};
use axme_core::id::AddressId;
use axme_engine::control;
use axme_store::control::LogEntry;

use crate::read::control_event_id;

/// The hold that a kill added, and the agent that it stands on.
pub(crate) fn ordered(logged: &LogEntry) -> Option<(&Hold, AddressId)> {
    logged.entry.changes.iter().find_map(|change| {
        let (target, hold) = change.added_hold()?;
        Some((hold, target.agent()?))
    })
}

/// The kill that an entry of the log is. None for an entry that stops no agent.
pub(crate) fn kill(logged: &LogEntry, receipt: Receipt) -> Option<Kill> {
    let (hold, address_id) = ordered(logged)?;
    let entry = &logged.entry;
    let before = entry.before.as_ref().and_then(|before| before.get("run_state"));
    Some(Kill {
        kill_id: hold.kill_id.to_string(),
        status: RunState::Killed.as_str().to_owned(),
        health_status: Health::Killed.as_str().to_owned(),
        address_id: address_id.to_string(),
        address: entry.target.as_deref().unwrap_or_default().to_owned(),
        mode: KillMode::Halt,
        revision: logged.revision.0,
        event_id: control_event_id(logged.revision),
        killed_at: entry.at.to_string(),
        killed_by: entry.actor.name.to_string(),
        reason: entry.reason.as_deref().map(str::to_owned),
        already: before.is_some_and(|state| state != RunState::Active.as_str()),
        receipt,
    })
}

pub(crate) fn receipt(receipt: control::Receipt, delivered_unfinished: u64) -> Receipt {
    let replica = |replica: control::ReplicaReceipt| ReplicaReceipt {
        replica_id: replica.replica_id,
        epoch: replica.epoch,
        region: replica.region,
        state: match replica.state {
            control::ReplicaState::Enforced => ReplicaState::Enforced,
            control::ReplicaState::Fenced => ReplicaState::Fenced,
            control::ReplicaState::Left => ReplicaState::Left,
        },
        after_ms: replica.after_ms,
    };
    Receipt {
        bound_ms: receipt.bound_ms,
        enforced_in_ms: receipt.enforced_in_ms,
        durability: durability(&receipt.durability),
        replicas: receipt.replicas.into_iter().map(replica).collect(),
        delivered_unfinished,
        streams_closed: receipt.streams_closed,
        connections_cut: receipt.connections_cut,
        bytes_after_order: receipt.bytes_after_order,
    }
}

pub(super) fn durability(word: &str) -> Durability {
    if word == axme_store::control::Durability::Replicated.as_str() {
        Durability::Replicated
    } else {
        Durability::Single
    }
}
