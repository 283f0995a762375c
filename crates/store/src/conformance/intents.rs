//! Admitting intents.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axme_core::decide::Admission;
use axme_core::intent::Status;
use tokio::task::JoinSet;

use crate::conformance::gates::{
    DECIDED_ON, FixedGate, WatchedGate, is_denied, open_gate, shut_gate,
};
use crate::conformance::stage::{Stage, address, at, key};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::error::WriteError;
use crate::ledger::{Admitted, CURSOR_STEP, QueueQuery};

stories![
    an_intent_stands_as_it_was_sent,
    created_and_submitted_are_its_first_events,
    what_is_kept_for_review_waits,
    a_denied_item_is_not_stored_and_its_neighbours_are,
    an_item_is_in_flight_until_its_outcome_is_known,
    a_reader_that_keeps_the_highest_cursor_reads_each_once,
    a_replay_is_answered_with_what_the_key_made,
    a_denial_comes_before_a_replay,
    an_intent_id_is_taken_once,
];

async fn an_intent_stands_as_it_was_sent(stage: Stage) -> Result<(), Broken> {
    let mut new = stage.intent("campaign", "mailer")?;
    new.payload = r#"{"n":12345678901234567890123,"text":"\u0000 ü 🛑"}"#.into();
    new.deadline_at = Some(at(90));
    let found = stage.admitted(new.clone()).await?;
    ensure_eq!((&found.from, &found.to), (&new.from, &new.to), "the parties");
    ensure_eq!((found.payload, found.extras), (new.payload, new.extras), "the texts");
    ensure_eq!(found.correlation_id, new.correlation_id, "the correlation");
    ensure_eq!((found.status, found.cursor), (Status::Submitted, CURSOR_STEP), "where it stands");
    ensure_eq!(found.admitted_at_revision, DECIDED_ON, "the revision");
    ensure_eq!((found.deadline_at, found.ended_at), (Some(at(90)), None), "its times");
    ensure_eq!((found.created_at, found.updated_at), (at(2), at(2)), "its age");
    ensure_eq!((found.delivery_attempt, found.policy_generation), (0, 0), "its counts");
    let unknown = stage.ledger().intent(stage.intent("ann", "bob")?.intent_id).await?;
    ensure!(unknown.is_none(), "an intent was found that nobody sent");
    Ok(())
}

async fn created_and_submitted_are_its_first_events(stage: Stage) -> Result<(), Broken> {
    let intent = stage.sent("campaign", "mailer").await?;
    let events = stage.ledger().events(intent.intent_id, 0).await?.unwrap_or_default();
    let told: Vec<_> = events.iter().map(|event| (event.seq, &*event.event_type)).collect();
    ensure_eq!(told, [(1, "intent.created"), (2, "intent.submitted")], "the events");
    for event in &events {
        ensure_eq!((event.at, event.actor.as_deref()), (at(2), Some(intent.from.as_str())), "each");
    }
    let later = stage.ledger().events(intent.intent_id, 1).await?.unwrap_or_default();
    ensure_eq!(later.len(), 1, "the events after the first");
    let unknown = stage.ledger().events(stage.intent("ann", "bob")?.intent_id, 0).await?;
    ensure!(unknown.is_none(), "an intent that is not there has events");
    Ok(())
}

async fn what_is_kept_for_review_waits(stage: Stage) -> Result<(), Broken> {
    let new = stage.intent("campaign", "mailer")?;
    let id = new.intent_id;
    let gate = Box::new(FixedGate(Ok(Admission::ForReview)));
    let admitted = stage.ledger().admit(new, gate).await?;
    let wanted = Admitted::New {
        cursor: CURSOR_STEP,
        revision: DECIDED_ON,
        status: Status::Waiting,
        breach: None,
    };
    ensure_eq!(admitted, wanted, "the answer");
    ensure_eq!(stage.stands(id).await?.last_seq, 3, "the last event");
    let last = stage.ledger().events(id, 2).await?.unwrap_or_default().pop();
    ensure_eq!(last.map(|event| event.event_type), Some("intent.waiting".into()), "the event");
    Ok(())
}

async fn a_denied_item_is_not_stored_and_its_neighbours_are(stage: Stage) -> Result<(), Broken> {
    let mut batch = JoinSet::new();
    for n in 0..60 {
        let (ledger, intent) = (stage.ledger(), stage.intent("campaign", "mailer")?);
        let gate = if n % 3 == 0 { shut_gate() } else { open_gate() };
        batch.spawn(async move { (n, intent.intent_id, ledger.admit(intent, gate).await) });
    }
    while let Some(answer) = batch.join_next().await {
        let (n, id, answer) = answer.map_err(|error| Broken(error.to_string()))?;
        let stored = stage.ledger().intent(id).await?.is_some();
        if n % 3 == 0 {
            ensure!(is_denied(&answer), "item {n} was not denied: {answer:?}");
            ensure!(!stored, "item {n} was denied and stored");
        } else {
            ensure!(answer.is_ok() && stored, "item {n} was lost: {answer:?}");
        }
    }
    ensure_eq!(stage.queue("mailer", 0).await?.len(), 40, "the queue");
    Ok(())
}

async fn an_item_is_in_flight_until_its_outcome_is_known(stage: Stage) -> Result<(), Broken> {
    let ended = Arc::new(AtomicBool::new(false));
    let gate = Box::new(WatchedGate(Arc::clone(&ended)));
    stage.ledger().admit(stage.intent("campaign", "mailer")?, gate).await?;
    ensure!(ended.load(Ordering::SeqCst), "it was answered and is still in flight");
    Ok(())
}

async fn a_reader_that_keeps_the_highest_cursor_reads_each_once(
    stage: Stage,
) -> Result<(), Broken> {
    const SENT: usize = 200;
    let mut senders = JoinSet::new();
    for n in 0..SENT {
        let intent = stage.intent(&format!("campaign-{}", n % 7), "mailer")?;
        let ledger = stage.ledger();
        senders.spawn(async move { ledger.admit(intent, open_gate()).await });
    }
    let (mut seen, mut since, mut done) = (BTreeSet::new(), 0, false);
    while seen.len() < SENT {
        ensure!(!done, "only {} of {SENT} were read, and nothing more comes", seen.len());
        done = senders.is_empty();
        let query = QueueQuery {
            workspace_id: stage.workspace,
            receiver: address("mailer")?,
            since,
            statuses: Vec::new(),
            rows_max: 13,
        };
        for intent in stage.ledger().queue(query).await? {
            ensure!(intent.cursor >= since + CURSOR_STEP, "cursors are too close");
            since = intent.cursor;
            ensure!(seen.insert(intent.intent_id), "an intent was read twice");
            done = false;
        }
        while let Some(answer) = senders.try_join_next() {
            answer.map_err(|error| Broken(error.to_string()))??;
        }
    }
    Ok(())
}

async fn a_replay_is_answered_with_what_the_key_made(stage: Stage) -> Result<(), Broken> {
    let mut new = stage.intent("campaign", "mailer")?;
    new.idempotency = Some(key("k1", "{}"));
    let first = new.intent_id;
    stage.admitted(new.clone()).await?;
    new.intent_id = stage.intent("ann", "bob")?.intent_id;
    let replay = stage.ledger().admit(new.clone(), open_gate()).await?;
    ensure_eq!(replay, Admitted::Before { intent_id: first }, "the replay");
    ensure!(stage.ledger().intent(new.intent_id).await?.is_none(), "the replay was stored");
    new.idempotency = Some(key("k1", r#"{"other":1}"#));
    let reused = stage.ledger().admit(new.clone(), open_gate()).await;
    ensure!(matches!(reused, Err(WriteError::KeyReused)), "the key was reused: {reused:?}");
    let answered = stage.ledger().find_intent_answer(&key("k1", "{}")).await?;
    let made = answered.map(|answered| (answered.same_request, answered.made));
    ensure_eq!(made, Some((true, first.to_string().into())), "what the key made");
    Ok(())
}

async fn a_denial_comes_before_a_replay(stage: Stage) -> Result<(), Broken> {
    let mut new = stage.intent("campaign", "mailer")?;
    new.idempotency = Some(key("k1", "{}"));
    let denied = stage.ledger().admit(new.clone(), shut_gate()).await;
    ensure!(is_denied(&denied), "it was not denied: {denied:?}");
    let free = stage.ledger().find_intent_answer(&key("k1", "{}")).await?;
    ensure!(free.is_none(), "a denial took the key");
    stage.admitted(new.clone()).await?;
    let denied = stage.ledger().admit(new, shut_gate()).await;
    ensure!(is_denied(&denied), "a replay got past the gate: {denied:?}");
    Ok(())
}

async fn an_intent_id_is_taken_once(stage: Stage) -> Result<(), Broken> {
    let mut taken = stage.intent("campaign", "mailer")?;
    let first = stage.admitted(taken.clone()).await?;
    taken.to = address("other")?;
    let mut batch = JoinSet::new();
    for n in 0..20 {
        let new = if n % 4 == 0 { taken.clone() } else { stage.intent("campaign", "other")? };
        let ledger = stage.ledger();
        batch.spawn(async move { (n, ledger.admit(new, open_gate()).await) });
    }
    while let Some(answer) = batch.join_next().await {
        let (n, answer) = answer.map_err(|error| Broken(error.to_string()))?;
        ensure_eq!(answer.is_err(), n % 4 == 0, "item {n} was answered {answer:?}; an error");
    }
    ensure_eq!(stage.stands(first.intent_id).await?, first, "the first");
    ensure_eq!(stage.queue("other", 0).await?.len(), 15, "its neighbours");
    Ok(())
}
