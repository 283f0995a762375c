//! Handing intents over to their receiver.

use axme_core::intent::Status;

use crate::conformance::gates::{open_gate, shut_gate};
use crate::conformance::stage::{Stage, address, at};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{HandedOver, Handing, Intent, QueueQuery, RowsBetween, Tally};

stories![
    the_first_handover_is_an_event_and_further_ones_only_count,
    attempts_that_are_used_up_fail_the_intent,
    what_a_gate_refuses_is_left_as_it_was,
    a_handover_that_is_taken_back_does_not_count,
    a_queue_holds_what_has_not_ended_in_order,
    unfinished_and_queued_are_counted,
];

fn delivered(handed: &[HandedOver]) -> Result<&Intent, Broken> {
    match handed {
        [HandedOver::Deliver(intent)] => Ok(intent),
        other => Err(Broken(format!("it was not handed over: {other:?}"))),
    }
}

async fn the_first_handover_is_an_event_and_further_ones_only_count(
    stage: Stage,
) -> Result<(), Broken> {
    let sent = stage.sent("campaign", "mailer").await?;
    let handed = stage.hand_over(sent.intent_id).await?;
    let first = delivered(&handed)?;
    ensure_eq!((first.status, first.delivery_attempt), (Status::Delivered, 1), "the first");
    ensure_eq!((first.last_seq, first.updated_at), (3, at(3)), "its event");
    ensure_eq!(first.cursor, sent.cursor, "its cursor");
    let handed = stage.hand_over(sent.intent_id).await?;
    let again = delivered(&handed)?;
    ensure_eq!((again.status, again.delivery_attempt), (Status::Delivered, 2), "the second");
    ensure_eq!(&stage.stands(sent.intent_id).await?, again, "what is stored");
    let events = stage.ledger().events(sent.intent_id, 2).await?.unwrap_or_default();
    let told: Vec<_> = events.iter().map(|event| (event.seq, &*event.event_type)).collect();
    ensure_eq!(told, [(3, "intent.delivered")], "the events");
    Ok(())
}

async fn attempts_that_are_used_up_fail_the_intent(stage: Stage) -> Result<(), Broken> {
    let mut new = stage.intent("campaign", "mailer")?;
    new.delivery_attempts_max = 2;
    let sent = stage.admitted(new).await?;
    stage.hand_over(sent.intent_id).await?;
    stage.hand_over(sent.intent_id).await?;
    let last = stage.hand_over(sent.intent_id).await?;
    let [HandedOver::Exhausted(failed)] = &last[..] else {
        return Err(Broken(format!("it did not fail: {last:?}")));
    };
    ensure_eq!((failed.status, failed.ended_at), (Status::Failed, Some(at(3))), "its end");
    let outcome = failed.outcome.as_deref().unwrap_or_default();
    ensure!(outcome.contains(r#""code":"delivery_failed""#), "its outcome: {outcome}");
    let events = stage.ledger().events(sent.intent_id, 3).await?.unwrap_or_default();
    let told: Vec<_> = events.iter().map(|event| (&*event.event_type, event.status)).collect();
    ensure_eq!(told, [("intent.delivery_failed", Status::Failed)], "its last event");
    ensure!(stage.hand_over(sent.intent_id).await?.is_empty(), "what has ended was handed over");
    ensure!(stage.queue("mailer", 0).await?.is_empty(), "what has ended is queued");
    Ok(())
}

async fn what_a_gate_refuses_is_left_as_it_was(stage: Stage) -> Result<(), Broken> {
    let (one, two) =
        (stage.sent("campaign", "mailer").await?, stage.sent("other", "mailer").await?);
    let unknown = stage.intent("ann", "bob")?.intent_id;
    let handovers = vec![
        Handing { intent_id: one.intent_id, gate: shut_gate() },
        Handing { intent_id: unknown, gate: open_gate() },
        Handing { intent_id: two.intent_id, gate: open_gate() },
    ];
    let handed = stage.ledger().hand_over(handovers, at(3)).await?;
    ensure_eq!(delivered(&handed)?.intent_id, two.intent_id, "what was handed over");
    ensure_eq!(stage.stands(one.intent_id).await?, one, "what was refused");
    Ok(())
}

async fn a_handover_that_is_taken_back_does_not_count(stage: Stage) -> Result<(), Broken> {
    let sent = stage.sent("campaign", "mailer").await?;
    stage.ledger().take_back(vec![sent.intent_id]).await?;
    ensure_eq!(stage.stands(sent.intent_id).await?, sent, "what was never handed over");
    stage.hand_over(sent.intent_id).await?;
    let unknown = stage.intent("ann", "bob")?.intent_id;
    stage.ledger().take_back(vec![unknown, sent.intent_id]).await?;
    let back = stage.stands(sent.intent_id).await?;
    ensure_eq!((back.delivery_attempt, back.status), (0, Status::Delivered), "what came back");
    let campaign = address("campaign")?;
    let requeued =
        stage.ledger().requeue(stage.workspace, &campaign, RowsBetween::after(0), 10).await?;
    ensure_eq!(requeued.receivers, [address("mailer")?], "who is woken");
    let handed = stage.hand_over(sent.intent_id).await?;
    let again = delivered(&handed)?;
    ensure_eq!((again.delivery_attempt, again.status), (1, Status::Delivered), "handed over again");
    ensure!(again.cursor > sent.cursor, "it has no new cursor");
    Ok(())
}

async fn a_queue_holds_what_has_not_ended_in_order(stage: Stage) -> Result<(), Broken> {
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(stage.sent("campaign", "mailer").await?.intent_id);
        stage.sent("campaign", "somebody-else").await?;
    }
    let ended = *sent.get(2).ok_or_else(|| Broken("nothing was sent".to_owned()))?;
    stage.ledger().record(stage.fact(ended, Status::Completed)).await?;
    stage.hand_over(*sent.first().unwrap_or(&ended)).await?;
    let found: Vec<_> = stage.queue("mailer", 0).await?.iter().map(|i| i.intent_id).collect();
    let open: Vec<_> = sent.iter().copied().filter(|id| *id != ended).collect();
    ensure_eq!(found, open, "the queue");

    let mut query = QueueQuery {
        workspace_id: stage.workspace,
        receiver: address("mailer")?,
        since: stage.stands(ended).await?.cursor,
        statuses: Vec::new(),
        rows_max: 1,
    };
    let page = stage.ledger().queue(query.clone()).await?;
    ensure_eq!(
        page.iter().map(|i| Some(i.intent_id)).collect::<Vec<_>>(),
        [sent.get(3).copied()],
        "a page"
    );
    (query.since, query.rows_max) = (0, 10);
    for (status, count) in [(Status::Delivered, 1), (Status::Submitted, 3), (Status::Completed, 1)]
    {
        query.statuses = vec![status];
        let page = stage.ledger().queue(query.clone()).await?;
        ensure_eq!(page.len(), count, "those that are {status:?}");
    }
    query.statuses = vec![Status::Submitted, Status::Completed];
    ensure_eq!(stage.ledger().queue(query).await?.len(), 4, "those of two statuses");
    Ok(())
}

async fn unfinished_and_queued_are_counted(stage: Stage) -> Result<(), Broken> {
    let mut sent = Vec::new();
    for (from, to) in [
        ("ann", "bob"),
        ("ann", "bob"),
        ("ann", "bob"),
        ("bob", "ann"),
        ("ann", "ann"),
        ("cat", "bob"),
    ] {
        sent.push(stage.sent(from, to).await?.intent_id);
    }
    // The first stays where it is; the others are handed over, and the second ends.
    for id in sent.iter().skip(1) {
        stage.hand_over(*id).await?;
    }
    if let Some(id) = sent.get(1) {
        stage.ledger().record(stage.fact(*id, Status::Completed)).await?;
    }
    let (ann, bob) = (address("ann")?, address("bob")?);
    let unfinished = stage.ledger().delivered_unfinished(stage.workspace, &ann).await?;
    ensure_eq!(unfinished, 3, "unfinished of ann");
    let unfinished = stage.ledger().delivered_unfinished(stage.workspace, &bob).await?;
    ensure_eq!(unfinished, 3, "unfinished of bob");
    let wanted = Tally { sent: 4, received: 2, open: 4, queued: 0 };
    ensure_eq!(stage.ledger().tally(stage.workspace, &ann).await?, wanted, "the tally of ann");
    let wanted = Tally { sent: 1, received: 4, open: 4, queued: 1 };
    ensure_eq!(stage.ledger().tally(stage.workspace, &bob).await?, wanted, "the tally of bob");
    Ok(())
}
