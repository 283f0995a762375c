//! What parties say about an intent, and deadlines.

use axme_core::intent::Status;

use crate::conformance::stage::{Stage, at, key};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::error::WriteError;
use crate::ledger::{Event, Fact, Intent, Recorded};

stories![
    a_fact_takes_an_intent_further_and_ends_it_once,
    steps_that_are_not_possible_change_nothing,
    what_comes_late_is_marked_so,
    a_repeated_fact_is_not_recorded_again,
    a_fact_that_cannot_be_written_leaves_nothing,
    a_deadline_ends_an_intent_once,
];

async fn record(stage: &Stage, fact: Fact) -> Result<(Intent, Event), Broken> {
    let recorded = stage.ledger().record(fact).await?;
    let Recorded::Done { intent, event } = recorded else {
        return Err(Broken(format!("the fact was not recorded: {recorded:?}")));
    };
    Ok((intent, event))
}

async fn a_fact_takes_an_intent_further_and_ends_it_once(stage: Stage) -> Result<(), Broken> {
    let id = stage.sent("campaign", "mailer").await?.intent_id;
    let (intent, event) = record(&stage, stage.fact(id, Status::InProgress)).await?;
    ensure_eq!((intent.status, intent.outcome), (Status::InProgress, None), "the step");
    ensure_eq!((event.seq, &*event.event_type), (3, "intent.in_progress"), "its event");

    let fact = stage.fact(id, Status::Completed);
    let (intent, event) = record(&stage, fact.clone()).await?;
    ensure_eq!((intent.status, intent.ended_at), (Status::Completed, Some(at(4))), "the end");
    ensure_eq!(intent.outcome, fact.outcome, "the outcome");
    ensure_eq!((event.details, event.actor), (fact.outcome, Some(fact.actor)), "its event");
    ensure_eq!(stage.stands(id).await?, intent, "what is stored");

    for next in [Status::Completed, Status::Failed, Status::Canceled, Status::InProgress] {
        let again = stage.ledger().record(stage.fact(id, next)).await?;
        ensure_eq!(again, Recorded::Ended(intent.clone()), "after the end");
    }
    let unknown = stage.intent("ann", "bob")?.intent_id;
    let nowhere = stage.ledger().record(stage.fact(unknown, Status::Completed)).await?;
    ensure_eq!(nowhere, Recorded::NotFound, "a fact about nothing");
    let events = stage.ledger().events(id, 0).await?.unwrap_or_default();
    let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
    ensure_eq!(seqs, [1, 2, 3, 4], "the events");
    Ok(())
}

async fn steps_that_are_not_possible_change_nothing(stage: Stage) -> Result<(), Broken> {
    let sent = stage.sent("campaign", "mailer").await?;
    for next in [Status::Created, Status::Submitted, Status::Acknowledged] {
        let answer = stage.ledger().record(stage.fact(sent.intent_id, next)).await?;
        ensure_eq!(answer, Recorded::Impossible(sent.clone()), "the step to {next:?}");
    }
    ensure_eq!(stage.stands(sent.intent_id).await?, sent, "the intent");
    Ok(())
}

async fn what_comes_late_is_marked_so(stage: Stage) -> Result<(), Broken> {
    let id = stage.sent("campaign", "mailer").await?.intent_id;
    let fact = Fact { late: true, ..stage.fact(id, Status::Completed) };
    let (intent, event) = record(&stage, fact.clone()).await?;
    ensure_eq!(intent.outcome, fact.outcome, "the outcome");
    let details: serde_json::Value =
        serde_json::from_str(event.details.as_deref().unwrap_or_default())
            .map_err(|error| Broken(error.to_string()))?;
    ensure_eq!(details, serde_json::json!({ "result": { "sent": 1 }, "late": true }), "the event");
    Ok(())
}

async fn a_repeated_fact_is_not_recorded_again(stage: Stage) -> Result<(), Broken> {
    let id = stage.sent("campaign", "mailer").await?.intent_id;
    let mut fact = stage.fact(id, Status::Completed);
    fact.idempotency = Some(key("k1", "{}"));
    let (intent, event) = record(&stage, fact.clone()).await?;
    let replay = stage.ledger().record(fact.clone()).await?;
    ensure_eq!(replay, Recorded::Before { intent, event }, "the replay");
    fact.idempotency = Some(key("k1", r#"{"other":1}"#));
    let reused = stage.ledger().record(fact.clone()).await;
    ensure!(matches!(reused, Err(WriteError::KeyReused)), "the key was reused: {reused:?}");
    // A refusal is not kept: the same key may be used once there is something to record.
    fact.idempotency = Some(key("k2", "{}"));
    stage.ledger().record(fact).await?;
    let free = stage.ledger().find_intent_answer(&key("k2", "{}")).await?;
    ensure!(free.is_none(), "a fact that was not recorded took its key");
    Ok(())
}

async fn a_fact_that_cannot_be_written_leaves_nothing(stage: Stage) -> Result<(), Broken> {
    let sent = stage.sent("campaign", "mailer").await?;
    let mut fact = stage.fact(sent.intent_id, Status::Completed);
    (fact.late, fact.outcome) = (true, Some("no object".into()));
    fact.idempotency = Some(key("k1", "{}"));
    let answer = stage.ledger().record(fact).await;
    ensure!(answer.is_err(), "an outcome that is no object was recorded: {answer:?}");
    ensure_eq!(stage.stands(sent.intent_id).await?, sent, "the intent");
    let free = stage.ledger().find_intent_answer(&key("k1", "{}")).await?;
    ensure!(free.is_none(), "a fact that was not recorded took its key");
    Ok(())
}

async fn a_deadline_ends_an_intent_once(stage: Stage) -> Result<(), Broken> {
    let mut ids = Vec::new();
    for deadline in [Some(at(10)), Some(at(11)), Some(at(50)), None] {
        let mut new = stage.intent("campaign", "mailer")?;
        new.deadline_at = deadline;
        ids.push(stage.admitted(new).await?.intent_id);
    }
    ensure!(stage.ledger().time_out(at(9), 10).await?.is_empty(), "something ended too early");
    let first = stage.ledger().time_out(at(20), 1).await?;
    let second = stage.ledger().time_out(at(20), 10).await?;
    let ended: Vec<_> = first.iter().chain(&second).map(|intent| intent.intent_id).collect();
    ensure_eq!(ended, ids.iter().copied().take(2).collect::<Vec<_>>(), "those that ended");
    for intent in first.iter().chain(&second) {
        ensure_eq!((intent.status, intent.ended_at), (Status::TimedOut, Some(at(20))), "its end");
        ensure_eq!(&stage.stands(intent.intent_id).await?, intent, "what is stored");
        let events = stage.ledger().events(intent.intent_id, 2).await?.unwrap_or_default();
        let told: Vec<_> = events.iter().map(|event| &*event.event_type).collect();
        ensure_eq!(told, ["intent.timed_out"], "its event");
    }
    ensure!(stage.ledger().time_out(at(20), 10).await?.is_empty(), "something ended twice");
    Ok(())
}
