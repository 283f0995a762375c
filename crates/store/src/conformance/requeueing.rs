//! New cursors after a stop.

use std::collections::BTreeSet;

use axme_core::id::Revision;

use crate::conformance::stage::{Stage, address};
use crate::conformance::{Broken, ensure, ensure_eq, stories};

stories![
    what_was_held_comes_again_in_its_order,
    a_long_queue_is_taken_in_pages,
    what_was_handed_over_keeps_its_cursor,
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
    let requeued = stage.ledger().requeue(stage.workspace, &campaign, 0, 100).await?;
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
        let requeued = stage.ledger().requeue(stage.workspace, &campaign, row_id, 3).await?;
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
    let requeued = stage.ledger().requeue(stage.workspace, &campaign, 0, 100).await?;
    ensure!(requeued.receivers.is_empty(), "somebody is woken for nothing");
    ensure_eq!(stage.stands(handed.intent_id).await?.cursor, handed.cursor, "the cursor");
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
