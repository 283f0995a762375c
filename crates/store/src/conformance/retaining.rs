//! Removing what has been kept long enough.

use axme_core::id::AddressId;
use axme_core::intent::Status;
use axme_core::time::Timestamp;

use crate::conformance::gates::open_gate;
use crate::conformance::stage::{Stage, at, key};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{Admitted, MetricsAdded, NewMetrics, Retention, Usage};

stories![what_ended_long_ago_goes_and_the_rest_stays, used_keys_are_forgotten_in_time];

/// Slices after which a pass must be over.
const SLICES_MAX: usize = 1_000;

async fn retain(stage: &Stage, intents: Timestamp, keys: Timestamp) -> Result<(), Broken> {
    let retention = Retention {
        intents_ended_before: intents,
        keys_used_before: keys,
        instances_seen_before: at(0),
        hours_before: keys,
        days_before: at(0),
    };
    for _ in 0..SLICES_MAX {
        if !stage.ledger().retain(retention).await? {
            return Ok(());
        }
    }
    Err(Broken(format!("the pass was not over after {SLICES_MAX} slices")))
}

async fn what_ended_long_ago_goes_and_the_rest_stays(stage: Stage) -> Result<(), Broken> {
    let (mut gone, mut stay) = (Vec::new(), Vec::new());
    for n in 0..300 {
        let id = stage.sent("campaign", "mailer").await?.intent_id;
        match n % 3 {
            0 => stay.push(id),
            ended => {
                let mut fact = stage.fact(id, Status::Completed);
                fact.at = at(if ended == 1 { 10 } else { 30 });
                stage.ledger().record(fact).await?;
                if ended == 1 { gone.push(id) } else { stay.push(id) }
            }
        }
    }
    retain(&stage, at(20), at(0)).await?;
    for id in gone {
        ensure!(stage.ledger().intent(id).await?.is_none(), "what ended long ago is there");
        ensure!(stage.ledger().events(id, 0).await?.is_none(), "its events are there");
    }
    for id in &stay {
        let events = stage.ledger().events(*id, 0).await?;
        ensure!(events.is_some_and(|events| events.len() >= 2), "what should stay has gone");
    }
    retain(&stage, at(20), at(0)).await?;
    retain(&stage, at(40), at(0)).await?;
    let mut left = 0;
    for id in stay {
        left += usize::from(stage.ledger().intent(id).await?.is_some());
    }
    ensure_eq!(left, 100, "what has not ended");
    ensure_eq!(stage.queue("mailer", 0).await?.len(), 100, "the queue");
    Ok(())
}

async fn used_keys_are_forgotten_in_time(stage: Stage) -> Result<(), Broken> {
    let agent = AddressId::from_uuid(stage.uuid());
    let beat = |beat: &str, at| NewMetrics {
        address_id: agent,
        workspace_id: stage.workspace,
        beat_id: beat.into(),
        usage: Usage::default(),
        at,
    };
    for (name, used_at) in [("old", at(10)), ("new", at(30))] {
        let mut new = stage.intent("campaign", "mailer")?;
        (new.idempotency, new.created_at) = (Some(key(name, "{}")), used_at);
        stage.admitted(new).await?;
        stage.ledger().add_metrics(beat(name, used_at)).await?;
    }
    retain(&stage, at(0), at(20)).await?;
    let found = |name| {
        let (ledger, key) = (stage.ledger(), key(name, "{}"));
        async move { ledger.find_intent_answer(&key).await }
    };
    ensure!(found("old").await?.is_none(), "the old key is there");
    ensure!(found("new").await?.is_some(), "the new key has gone");
    let mut again = stage.intent("campaign", "mailer")?;
    again.idempotency = Some(key("old", r#"{"other":1}"#));
    let admitted = stage.ledger().admit(again, open_gate()).await?;
    ensure!(matches!(admitted, Admitted::New { .. }), "a forgotten key is taken: {admitted:?}");
    let new = stage.ledger().add_metrics(beat("new", at(31))).await?;
    let old = stage.ledger().add_metrics(beat("old", at(31))).await?;
    ensure_eq!((new, old), (MetricsAdded::Repeated, MetricsAdded::Added), "the beats");
    Ok(())
}
