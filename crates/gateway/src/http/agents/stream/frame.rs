//! One frame of a delivery stream.

use axme_core::intent::Status;
use axme_store::ledger::Intent;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::http::sse;

/// What an agent gets of an intent that is handed to it.
#[derive(Serialize)]
struct Delivered<'a> {
    intent_id: String,
    /// The delivery cursor of the agent, not the number of an event.
    seq: u64,
    event_type: &'static str,
    status: &'static str,
    at: String,
    intent_type: &'a str,
    from_agent: &'a str,
    to_agent: &'a str,
    correlation_id: &'a str,
    delivery_attempt: u32,
    payload: Option<&'a RawValue>,
}

/// The frame of an intent that is handed over.
pub(super) fn of(intent: &Intent) -> Bytes {
    let event_type = Status::Delivered.event_type();
    let delivered = Delivered {
        intent_id: intent.intent_id.to_string(),
        seq: intent.cursor,
        event_type,
        status: shown_status(intent.status).as_str(),
        at: intent.updated_at.to_string(),
        intent_type: &intent.intent_type,
        from_agent: intent.from.as_str(),
        to_agent: intent.to.as_str(),
        correlation_id: &intent.correlation_id,
        delivery_attempt: intent.delivery_attempt,
        payload: serde_json::from_str(&intent.payload).ok(),
    };
    // Its members are texts, numbers and JSON: there is nothing that cannot be written.
    let json = serde_json::to_string(&delivered).unwrap_or_default();
    sse::event(intent.cursor, event_type, &json)
}

/// Receivers act on DELIVERED; what has come further shows how far.
const fn shown_status(status: Status) -> Status {
    match status {
        Status::Created | Status::Submitted => Status::Delivered,
        Status::Delivered
        | Status::Acknowledged
        | Status::InProgress
        | Status::Waiting
        | Status::Completed
        | Status::Failed
        | Status::Canceled
        | Status::TimedOut => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_core::address::Address;
    use axme_core::id::{IntentId, Revision, WorkspaceId};
    use axme_core::time::Timestamp;
    use serde_json::{Value, json};

    fn intent(payload: &str) -> Intent {
        let at = Timestamp::from_micros(1_772_355_612_000_041);
        Intent {
            row_id: 1,
            intent_id: IntentId::from_bytes([7; 16]),
            workspace_id: WorkspaceId::from_bytes([1; 16]),
            from: Address::from_parts("myorg", "production", "email-campaign"),
            to: Address::from_parts("myorg", "production", "mailer"),
            intent_type: "intent.email.send.v1".into(),
            correlation_id: "c".into(),
            payload: payload.into(),
            extras: "{}".into(),
            status: Status::Submitted,
            cursor: 4,
            admitted_at_revision: Revision(3),
            delivery_attempt: 1,
            delivery_attempts_max: 3,
            outcome: None,
            deadline_at: None,
            created_at: at,
            updated_at: at,
            ended_at: None,
            last_seq: 3,
            policy_generation: 0,
        }
    }

    #[test]
    fn a_frame_holds_the_cursor_and_the_payload_as_it_was_stored() {
        let frame = of(&intent(r#"{"big":12345678901234567890123}"#));
        let text = std::str::from_utf8(&frame).unwrap();
        let (head, data) = text.split_once("data: ").unwrap();
        assert_eq!(head, "id: 4\nevent: intent.delivered\n");
        assert!(data.contains(r#""payload":{"big":12345678901234567890123}"#), "{data}");
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["seq"], json!(4));
        assert_eq!(data["status"], "DELIVERED");
        assert_eq!(data["from_agent"], "agent://myorg/production/email-campaign");
    }
}
