//! Audit events as the wire shows them: entries of the control log and observations alike.

use axme_api::audit::{ActorKind as ShownKind, AuditEvent, AuditResult};
use axme_core::audit::Observation;
use axme_core::change::{ActorKind, ActorName, Entry};
use axme_core::id::Revision;
use axme_store::ledger::{AuditRow, ChainId};
use serde_json::{Value, json};

use super::cursor::chain_name;
use crate::read::control_event_id;

/// One row of the audit. One that cannot be read is shown as that: it hides no other.
pub(super) fn event(row: &AuditRow) -> AuditEvent {
    match row.chain {
        ChainId::Control => match Entry::decode(&row.body) {
            Ok(entry) => of_entry(row, &entry),
            Err(error) => unreadable(row, &error.to_string()),
        },
        ChainId::Epoch(_) => match serde_json::from_slice(&row.body) {
            Ok(seen) => of_observation(row, &seen),
            Err(error) => unreadable(row, &error.to_string()),
        },
    }
}

fn of_entry(row: &AuditRow, entry: &Entry) -> AuditEvent {
    let (actor_id, actor_kind, key_id) = actor(Some(&entry.actor));
    AuditEvent {
        at: entry.at.to_string(),
        actor_id,
        actor_kind,
        key_id,
        client_address: entry.client_address.map(|address| address.to_string()),
        target: owned(&entry.target),
        request_id: owned(&entry.request_id),
        reason: owned(&entry.reason),
        before: entry.before.clone(),
        after: entry.after.clone(),
        // The log holds what was done; what was refused never comes into it.
        ..placed(row, &entry.action, AuditResult::Ok)
    }
}

fn of_observation(row: &AuditRow, seen: &Observation) -> AuditEvent {
    let (actor_id, actor_kind, key_id) = actor(seen.actor.as_ref());
    let refused = &*seen.result == "refused";
    let result = if refused { AuditResult::Refused } else { AuditResult::Ok };
    AuditEvent {
        at: seen.at.to_string(),
        actor_id,
        actor_kind,
        key_id,
        client_address: seen.client_address.map(|address| address.to_string()),
        target: seen.target.as_ref().map(|address| address.to_string()),
        request_id: owned(&seen.request_id),
        details: Some(counted(seen)),
        ..placed(row, &seen.action, result)
    }
}

/// An entry that was damaged, or written by a newer version. Whoever verifies the chain learns
/// which of the two.
fn unreadable(row: &AuditRow, problem: &str) -> AuditEvent {
    let details = Some(json!({ "problem": problem, "next": "run axme audit verify" }));
    AuditEvent { details, ..placed(row, "audit.unreadable", AuditResult::Refused) }
}

/// What follows from where an event stands.
fn placed(row: &AuditRow, action: &str, result: AuditResult) -> AuditEvent {
    let (actor_id, actor_kind, key_id) = actor(None);
    AuditEvent {
        event_id: match row.chain {
            ChainId::Control => control_event_id(Revision(row.position)),
            ChainId::Epoch(epoch) => format!("evt_e{epoch}_{}", row.position),
        },
        at: row.at.to_string(),
        action: action.to_owned(),
        result,
        actor_id,
        actor_kind,
        key_id,
        client_address: None,
        target: None,
        request_id: None,
        reason: None,
        before: None,
        after: None,
        details: None,
        chain: chain_name(row.chain),
        position: row.position,
        hash: row.hash.to_string(),
    }
}

fn owned(text: &Option<Box<str>>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

/// Whom the audit names; the gateway itself where nobody had said who they are.
fn actor(named: Option<&ActorName>) -> (String, ShownKind, Option<String>) {
    let Some(named) = named else {
        return (ActorKind::Gateway.as_str().to_owned(), ShownKind::Gateway, None);
    };
    let kind = match named.kind {
        ActorKind::Key => ShownKind::Key,
        ActorKind::Local => ShownKind::Local,
        ActorKind::Gateway => ShownKind::Gateway,
    };
    (named.name.to_string(), kind, named.key_id.map(|key| key.to_string()))
}

/// The details of an observation, with how often it was seen.
fn counted(seen: &Observation) -> Value {
    let mut details = match &seen.details {
        Some(Value::Object(details)) => details.clone(),
        Some(_) | None => serde_json::Map::new(),
    };
    details.insert("count".to_owned(), json!(seen.count));
    Value::Object(details)
}
