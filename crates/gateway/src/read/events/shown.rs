//! From the audit's rows to the mesh's events.

use axme_api::JsonObject;
use axme_api::mesh::MeshEvent;
use axme_core::audit::Observation;
use axme_core::change::Entry;
use axme_core::id::AddressId;
use axme_store::ledger::{AuditRow, ChainId};
use serde_json::{Value, json};

use axme_engine::Engine;

use crate::read::control_event_id;

/// One row, read.
#[derive(Debug)]
pub(super) struct Seen {
    address_id: Option<AddressId>,
    event: MeshEvent,
}

impl Seen {
    /// None for a row that this version cannot read; the audit has it all the same.
    pub(super) fn read(row: &AuditRow) -> Option<Self> {
        match row.chain {
            ChainId::Control => Entry::decode(&row.body).ok().map(|entry| changed(row, entry)),
            ChainId::Epoch(epoch) => {
                let seen = serde_json::from_slice::<Observation>(&row.body).ok()?;
                Some(observed(format!("evt_e{epoch}_{}", row.position), seen))
            }
        }
    }
}

/// The events with the addresses that they are about.
pub(super) fn events(engine: &Engine, seen: Vec<Seen>) -> Vec<MeshEvent> {
    engine.control.read(|state| {
        let address = |seen: Seen| {
            let known = seen.address_id.and_then(|id| state.agent(id));
            let address = known.map(|agent| agent.address.to_string());
            MeshEvent { address: seen.event.address.or(address), ..seen.event }
        };
        seen.into_iter().map(address).collect()
    })
}

fn changed(row: &AuditRow, entry: Entry) -> Seen {
    let mut details = JsonObject::new();
    details.insert("revision".to_owned(), json!(row.position));
    insert(&mut details, "reason", entry.reason.map(|reason| json!(reason)));
    insert(&mut details, "before", entry.before);
    insert(&mut details, "after", entry.after);
    let event = MeshEvent {
        event_id: control_event_id(axme_core::id::Revision(row.position)),
        address: None,
        address_id: entry.address_id.map(|id| id.to_string()),
        event_type: entry.action.into(),
        details: Some(details),
        actor_id: Some(entry.actor.name.into()),
        created_at: entry.at.to_string(),
    };
    Seen { address_id: entry.address_id, event }
}

fn observed(event_id: String, seen: Observation) -> Seen {
    let mut details = match seen.details {
        Some(Value::Object(details)) => details,
        Some(_) | None => JsonObject::new(),
    };
    details.insert("count".to_owned(), json!(seen.count));
    let event = MeshEvent {
        event_id,
        address: seen.target.map(|target| target.to_string()),
        address_id: seen.address_id.map(|id| id.to_string()),
        event_type: seen.action.into(),
        details: Some(details),
        actor_id: seen.actor.map(|actor| actor.name.into()),
        created_at: seen.at.to_string(),
    };
    Seen { address_id: seen.address_id, event }
}

fn insert(details: &mut JsonObject, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        details.insert(name.to_owned(), value);
    }
}
