//! From the ledger's intents and events to wire types.

use axme_api::JsonObject;
use axme_api::intents::{Intent, IntentEvent, IntentSummary};
use axme_core::intent::Status;
use axme_core::role::Role;
use axme_engine::Caller;
use axme_store::ledger;
use serde::Deserialize;
use serde_json::{Value, json};

/// Whether the caller sees what agents tell each other: viewers do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Everything,
    NoPayloads,
}

impl Sight {
    pub(super) fn of(caller: &Caller) -> Self {
        match caller.key.role {
            Role::Viewer => Self::NoPayloads,
            Role::Owner | Role::Operator | Role::Agent => Self::Everything,
        }
    }

    fn object(self, text: &str) -> Option<JsonObject> {
        match self {
            Self::Everything => serde_json::from_str(text).ok(),
            Self::NoPayloads => None,
        }
    }
}

/// The optional fields of a request, which are given back as they came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Extras {
    pub(super) reply_to: Option<String>,
    deadline_at: Option<String>,
    remind_after_seconds: Option<u64>,
    remind_interval_seconds: Option<u64>,
    max_reminders: Option<u32>,
    escalate_to: Option<String>,
    human_task: Option<JsonObject>,
    metadata: Option<JsonObject>,
}

impl Extras {
    pub(super) fn of(row: &ledger::Intent) -> Self {
        serde_json::from_str(&row.extras).unwrap_or_default()
    }
}

/// `{result?, error?, reason?}` of an intent that has ended.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Outcome {
    result: Option<JsonObject>,
    error: Option<JsonObject>,
    reason: Option<String>,
}

/// An intent; `last` is its last event, where that is at hand.
pub(super) fn intent(row: &ledger::Intent, last: Option<&ledger::Event>, sight: Sight) -> Intent {
    let extras = Extras::of(row);
    let outcome = row.outcome.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let outcome: Outcome = outcome.unwrap_or_default();
    let sees = sight == Sight::Everything;
    let waiting = row.status == Status::Waiting;
    let waits_for =
        if extras.human_task.is_some() { "WAITING_FOR_HUMAN" } else { "WAITING_FOR_AGENT" };
    Intent {
        intent_id: row.intent_id.to_string(),
        status: row.status.as_str().to_owned(),
        lifecycle_status: row.status.as_str().to_owned(),
        legacy_status: row.status.legacy().to_owned(),
        waiting_reason: waiting.then(|| waits_for.to_owned()),
        intent_type: row.intent_type.to_string(),
        correlation_id: row.correlation_id.to_string(),
        from_agent: row.from.to_string(),
        to_agent: row.to.to_string(),
        payload: sight.object(&row.payload),
        created_at: row.created_at.to_string(),
        updated_at: Some(row.updated_at.to_string()),
        reply_to: extras.reply_to,
        deadline_at: extras.deadline_at.or_else(|| row.deadline_at.map(|at| at.to_string())),
        remind_after_seconds: extras.remind_after_seconds,
        remind_interval_seconds: extras.remind_interval_seconds,
        max_reminders: extras.max_reminders,
        remind_count: extras.remind_after_seconds.map(|_| 0),
        escalate_to: extras.escalate_to,
        max_delivery_attempts: Some(row.delivery_attempts_max),
        delivery_attempt: Some(row.delivery_attempt),
        human_task: extras.human_task.filter(|_| sees),
        metadata: extras.metadata.filter(|_| sees),
        pending_with: pending_with(row),
        result: outcome.result.filter(|_| sees),
        error: outcome.error.filter(|_| sees),
        reason: outcome.reason,
        policy_generation: Some(row.policy_generation),
        admitted_at_revision: row.admitted_at_revision.0,
        late: row.status.is_terminal() && last.is_some_and(is_late),
    }
}

/// Whom an intent that has not ended waits for: its receiver.
fn pending_with(row: &ledger::Intent) -> Option<JsonObject> {
    let party =
        [("type", json!("agent")), ("ref", json!(row.to.as_str())), ("name", json!(row.to.name()))];
    let party = party.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value));
    (!row.status.is_terminal()).then(|| party.collect())
}

/// Whether an event was said by an agent that was stopped.
fn is_late(event: &ledger::Event) -> bool {
    #[derive(Deserialize)]
    struct Details {
        #[serde(default)]
        late: bool,
    }
    let details = event.details.as_deref();
    details
        .and_then(|text| serde_json::from_str::<Details>(text).ok())
        .is_some_and(|details| details.late)
}

pub(super) fn summary(row: &ledger::Intent) -> IntentSummary {
    IntentSummary {
        intent_id: row.intent_id.to_string(),
        status: row.status.as_str().to_owned(),
        to_agent: row.to.to_string(),
        from_agent: row.from.to_string(),
        intent_type: row.intent_type.to_string(),
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

/// An event. Its details can hold results, so that whoever sees no payloads sees none of them.
pub(super) fn event(event: &ledger::Event, sight: Sight) -> IntentEvent {
    IntentEvent {
        intent_id: event.intent_id.to_string(),
        seq: event.seq,
        event_type: event.event_type.to_string(),
        status: event.status.as_str().to_owned(),
        at: event.at.to_string(),
        actor: event.actor.as_deref().map(str::to_owned),
        details: event.details.as_deref().and_then(|text| sight.object(text)),
        ..IntentEvent::default()
    }
}
