//! Sentences about answers, for people.

use axme_api::mesh::{
    InstanceTotals, Kill, KillSummary, ReplicaReceipt, ReplicaState, ResumeAnswer,
};
use serde::Serialize;
use serde_json::Value;

/// What a kill did, in one sentence (and a second when the agent had been stopped before).
pub(crate) fn kill_sentence(kill: &Kill) -> String {
    let receipt = &kill.receipt;
    let mut parts = vec![replicas(&receipt.replicas), counted(receipt.streams_closed, "stream")];
    if let Some(streams) = parts.last_mut() {
        streams.push_str(" closed");
    }
    if receipt.connections_cut > 0 {
        parts.push(format!("{} cut", counted(receipt.connections_cut, "connection")));
    }
    parts.push(format!("{} delivered and unfinished", receipt.delivered_unfinished));
    if receipt.bytes_after_order > 0 {
        parts.push(format!("{} after the order", counted(receipt.bytes_after_order, "byte")));
    }
    let took = milliseconds(receipt.enforced_in_ms);
    let before = if kill.already { " Another hold was in force already." } else { "" };
    format!("{} stopped in {took}: {}.{before}", kill.address, parts.join(", "))
}

/// What its instances did, where any is known.
pub(crate) fn instances_sentence(totals: &InstanceTotals) -> Option<String> {
    let told = || format!("Instances: {}.", totals.sentence);
    (totals.total > 0).then(told)
}

/// What a resume did.
pub(crate) fn resume_sentence(answer: &ResumeAnswer) -> String {
    let address = &answer.address;
    if answer.already {
        return format!("{address} was running already; nothing changed.");
    }
    let lifted = counted(u64::try_from(answer.lifted.len()).unwrap_or(u64::MAX), "hold");
    if answer.status == "active" {
        return format!("{address} runs again: {lifted} lifted.");
    }
    format!("{address} is still {}: {lifted} lifted, another stands.", answer.status)
}

/// Why an agent is stopped.
pub(crate) fn hold_sentence(address: &str, hold: &KillSummary) -> String {
    let reason = hold.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let at = time(Some(&hold.at));
    format!("{address} was stopped by {} at {at}{reason} ({}).", hold.by, hold.kill_id)
}

/// `1 stream`, `3 streams`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A timestamp to the second, or `-`.
pub(crate) fn time(at: Option<&String>) -> String {
    let Some(at) = at else { return "-".to_owned() };
    match at.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => at.clone(),
    }
}

/// The text, or `-`.
pub(crate) fn or_dash(text: Option<&String>) -> String {
    text.filter(|text| !text.is_empty()).cloned().unwrap_or_else(|| "-".to_owned())
}

/// A value of a closed set as it stands on the wire: `operator`, `workspace`.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

fn replicas(replicas: &[ReplicaReceipt]) -> String {
    let count = |state| replicas.iter().filter(|replica| replica.state == state).count();
    let (enforced, fenced) = (count(ReplicaState::Enforced), count(ReplicaState::Fenced));
    let mut text = format!("{enforced} of {} replicas enforced", enforced + fenced);
    if fenced > 0 {
        text.push_str(&format!(", {fenced} silent and fenced"));
    }
    text
}

fn milliseconds(took: f64) -> String {
    if took < 10.0 { format!("{took:.1} ms") } else { format!("{took:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kill(already: bool, states: &[&str]) -> Kill {
        let replicas: Vec<_> = states
            .iter()
            .map(
                |state| json!({"replica_id": "r", "region": null, "state": state, "after_ms": 1.0}),
            )
            .collect();
        serde_json::from_value(json!({
            "kill_id": "kill_1", "status": "killed", "health_status": "killed",
            "address_id": "addr_1", "address": "agent://myorg/production/email-campaign",
            "mode": "halt", "revision": 7, "event_id": "evt_c7", "killed_at": "t",
            "killed_by": "ops", "reason": null, "already": already,
            "receipt": {
                "bound_ms": 900, "enforced_in_ms": 0.81, "durability": "single",
                "replicas": replicas, "delivered_unfinished": 12, "streams_closed": 3,
                "connections_cut": 0, "bytes_after_order": 0,
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_kill_is_one_sentence() {
        assert_eq!(
            kill_sentence(&kill(false, &["enforced"])),
            "agent://myorg/production/email-campaign stopped in 0.8 ms: 1 of 1 replicas enforced, \
             3 streams closed, 12 delivered and unfinished."
        );
    }

    #[test]
    fn silent_replicas_and_earlier_holds_are_told_and_replicas_that_left_are_not_counted() {
        let text = kill_sentence(&kill(true, &["enforced", "fenced", "left"]));
        assert!(
            text.contains("1 of 2 replicas enforced, 1 silent and fenced, 3 streams"),
            "{text}"
        );
        assert!(text.ends_with("Another hold was in force already."), "{text}");
    }

    #[test]
    fn times_are_shown_to_the_second() {
        let at = |text: &str| time(Some(&text.to_owned()));
        assert_eq!(at("2026-11-01T10:00:00.123456Z"), "2026-11-01T10:00:00Z");
        assert_eq!(at("2026-11-01T10:00:00Z"), "2026-11-01T10:00:00Z");
        assert_eq!(time(None), "-");
    }
}
