//! New cursors after a stop.

use std::collections::BTreeSet;

use axme_core::decide::Admission;
use axme_core::id::Revision;
use axme_core::intent::Status;

use crate::conformance::gates::{FixedGate, open_gate};
use crate::conformance::stage::{Stage, address, at};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{Handing, RowsBetween};

stories![
    what_was_held_comes_again_in_its_order,
    a_long_queue_is_taken_in_pages,
    what_was_handed_over_keeps_its_cursor,
    what_waits_for_an_operator_goes_to_nobody_until_it_is_released,
    how_far_resumes_are_done_is_noted_and_never_goes_back,
];

async fn what_was_held_comes_again_in_its_order(stage: Stage) -> Result<(), Broken> {
    let mut held = Vec::new();
    for n in 0..6 {
        held.push(stage.sent("campaign", "mailer").await?.intent_id);
        stage.sent(&format!("other-{n}"), "mailer").await?;
    }
    stage.sent("campaign", "second-receiver").await?;
    let last = stage.queue("mailer", 0).await?.iter().map(|intent| intent.cursor).max();
    let last = last.unwrap_or_default();
    ensure!(stage.queue("mailer", last).await?.is_empty(), "something comes after the last");

    let campaign = address("campaign")?;
    let requeued =
        stage.ledger().requeue(stage.workspace, &campaign, RowsBetween::after(0), 100).await?;
    ensure_eq!(requeued.next, None, "where to go on");
    let woken: BTreeSet<_> = requeued.receivers.iter().cloned().collect();
    ensure_eq!(woken.len(), requeued.receivers.len(), "each receiver is named once");
    let both = BTreeSet::from([address("mailer")?, address("second-receiver")?]);
    ensure_eq!(woken, both, "the receivers");
    let again: Vec<_> =
        stage.queue("mailer", last).await?.iter().map(|intent| intent.intent_id).collect();
    ensure_eq!(again, held, "what comes again");
    ensure_eq!(stage.queue("mailer", 0).await?.len(), 12, "the whole queue");
    Ok(())
}

async fn a_long_queue_is_taken_in_pages(stage: Stage) -> Result<(), Broken> {
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(stage.sent("campaign", "mailer").await?.intent_id);
    }
    let last = stage.queue("mailer", 0).await?.last().map_or(0, |intent| intent.cursor);
    let (mut after, mut pages) = (Some(0), 0);
    while let Some(row_id) = after {
        let campaign = address("campaign")?;
        let requeued = stage
            .ledger()
            .requeue(stage.workspace, &campaign, RowsBetween::after(row_id), 3)
            .await?;
        after = requeued.next;
        pages += 1;
        ensure!(pages <= 10, "the pages do not end");
    }
    let again: Vec<_> =
        stage.queue("mailer", last).await?.iter().map(|intent| intent.intent_id).collect();
    ensure_eq!(again, held, "what comes again");
    Ok(())
}

async fn what_was_handed_over_keeps_its_cursor(stage: Stage) -> Result<(), Broken> {
    let handed = stage.sent("campaign", "mailer").await?;
    stage.hand_over(handed.intent_id).await?;
    let campaign = address("campaign")?;
    let requeued =
        stage.ledger().requeue(stage.workspace, &campaign, RowsBetween::after(0), 100).await?;
    ensure!(requeued.receivers.is_empty(), "somebody is woken for nothing");
    ensure_eq!(stage.stands(handed.intent_id).await?.cursor, handed.cursor, "the cursor");
    Ok(())
}

async fn what_waits_for_an_operator_goes_to_nobody_until_it_is_released(
    stage: Stage,
) -> Result<(), Broken> {
    let waiting = stage.intent("campaign", "mailer")?;
    let id = waiting.intent_id;
    let gate = Box::new(FixedGate(Ok(Admission::ForReview)));
    stage.ledger().admit(waiting, gate).await?;
    let later = stage.sent("campaign", "mailer").await?;
    let queue = stage.queue("mailer", 0).await?;
    let queued: Vec<_> = queue.iter().map(|intent| intent.intent_id).collect();
    ensure_eq!(queued, [later.intent_id], "what is queued");
    let handing = Handing { intent_id: id, gate: open_gate() };
    let handed = stage.ledger().hand_over(vec![handing], at(3)).await?;
    ensure!(handed.is_empty(), "it was handed over: {handed:?}");

    stage.ledger().record(stage.fact(id, Status::InProgress)).await?;
    let only = RowsBetween::only(stage.stands(id).await?.row_id);
    let requeued = stage.ledger().requeue(stage.workspace, &address("campaign")?, only, 10).await?;
    ensure_eq!(requeued.receivers, [address("mailer")?], "whom to wake");
    let new = stage.queue("mailer", later.cursor).await?;
    let new: Vec<_> = new.iter().map(|intent| intent.intent_id).collect();
    ensure_eq!(new, [id], "what comes to a receiver that has gone on");
    Ok(())
}

async fn how_far_resumes_are_done_is_noted_and_never_goes_back(stage: Stage) -> Result<(), Broken> {
    ensure_eq!(stage.ledger().requeued().await?, Revision(0), "before anything");
    stage.ledger().set_requeued(Revision(7)).await?;
    stage.ledger().set_requeued(Revision(4)).await?;
    let stage = stage.reopen().await?;
    ensure_eq!(stage.ledger().requeued().await?, Revision(7), "what is noted");
    Ok(())
}
