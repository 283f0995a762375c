//! Changing an intent's controls and policy.

use axme_core::id::IntentId;
use axme_core::intent::Status;

use crate::conformance::stage::{Stage, at};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{Patch, Patched};

stories![a_patch_is_applied_to_the_generation_that_it_names, what_has_ended_is_not_patched];

fn patch(intent_id: IntentId, merge: &str, expected_generation: Option<u64>) -> Patch {
    Patch { intent_id, merge: merge.into(), expected_generation, at: at(6) }
}

async fn a_patch_is_applied_to_the_generation_that_it_names(stage: Stage) -> Result<(), Broken> {
    let id = stage.sent("campaign", "mailer").await?.intent_id;
    let ledger = stage.ledger();
    let first = ledger.patch(patch(id, r#"{"controls":{"a":1,"b":1}}"#, Some(0))).await?;
    let Patched::Applied(first) = first else {
        return Err(Broken(format!("the first patch was not applied: {first:?}")));
    };
    ensure_eq!(first.policy_generation, 1, "the generation");
    let stale = ledger.patch(patch(id, r#"{"controls":{"a":9}}"#, Some(0))).await?;
    ensure_eq!(stale, Patched::Stale(first.clone()), "a patch of an older generation");
    let second = ledger.patch(patch(id, r#"{"controls":{"a":2},"policy":{"c":3}}"#, None)).await?;
    ensure!(matches!(second, Patched::Applied(_)), "the second patch was not applied: {second:?}");

    let stands = stage.stands(id).await?;
    ensure_eq!((stands.policy_generation, stands.last_seq), (2, 2), "its counts");
    let extras: serde_json::Value =
        serde_json::from_str(&stands.extras).map_err(|error| Broken(error.to_string()))?;
    let wanted = serde_json::json!({
        "reply_to": null, "controls": { "a": 2, "b": 1 }, "policy": { "c": 3 },
    });
    ensure_eq!(extras, wanted, "the extras");
    Ok(())
}

async fn what_has_ended_is_not_patched(stage: Stage) -> Result<(), Broken> {
    let id = stage.sent("campaign", "mailer").await?.intent_id;
    stage.ledger().record(stage.fact(id, Status::Canceled)).await?;
    let ended = stage.stands(id).await?;
    let answer = stage.ledger().patch(patch(id, r#"{"controls":{}}"#, None)).await?;
    ensure_eq!(answer, Patched::Ended(ended), "the patch");
    let unknown = stage.intent("ann", "bob")?.intent_id;
    let answer = stage.ledger().patch(patch(unknown, "{}", None)).await?;
    ensure_eq!(answer, Patched::NotFound, "a patch of nothing");
    Ok(())
}
