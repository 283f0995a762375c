//! Epochs: a closed one writes nothing more.

use std::slice;

use axme_core::id::{Epoch, Revision};

use crate::conformance::gates::open_gate;
use crate::conformance::stage::{Stage, at, profile};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::control::{Expected, LogHead, Renewal, ReplicaEpoch, ReplicaRow};
use crate::error::{AppendError, StoreError, WriteError};

stories![
    a_renewal_answers_the_head_and_shows_how_far_the_replica_is,
    a_closed_epoch_writes_nothing_more,
    joining_anew_goes_on,
    an_epoch_that_nobody_began_is_refused,
];

fn renewal(by: &ReplicaEpoch, applied: u64, enforced: u64) -> Renewal {
    let applied = LogHead { revision: Revision(applied), ..LogHead::default() };
    Renewal { by: by.clone(), applied, enforced: Revision(enforced), accounts: Vec::new() }
}

async fn a_renewal_answers_the_head_and_shows_how_far_the_replica_is(
    stage: Stage,
) -> Result<(), Broken> {
    let before = stage.log().renew(renewal(&stage.me, 0, 0)).await?;
    let head = stage.append("agent.killed").await?;
    ensure!(before.head != head, "a renewal answered a head that was not there yet");
    let applied = Renewal { applied: head, ..renewal(&stage.me, 1, 1) };
    let renewed = stage.log().renew(applied).await?;
    ensure_eq!(renewed.head, head, "the head");
    ensure_eq!(renewed.at_applied, Some(head.hash), "the hash at what was applied");
    let beyond = stage.log().renew(renewal(&stage.me, 5, 5)).await?;
    ensure_eq!(beyond.at_applied, None, "the hash at a revision that the log does not reach");
    let rows = stage.log().replicas(Revision::default()).await?;
    let own = rows.into_iter().find(|row| row.sighting.replica == stage.me);
    let Some(ReplicaRow { sighting: own, profile: said, .. }) = own else {
        return Err(Broken("the replica is not listed".to_owned()));
    };
    ensure_eq!((own.applied, own.enforced), (Revision(1), Revision(1)), "how far it is");
    ensure_eq!((said, own.closed), (profile(), false), "what it said of itself");
    ensure_eq!(own.seq, 3, "its renewals");
    Ok(())
}

async fn a_closed_epoch_writes_nothing_more(stage: Stage) -> Result<(), Broken> {
    let intent = stage.sent("campaign", "mailer").await?;
    stage.log().close(slice::from_ref(&stage.me), at(5)).await?;

    let append = stage.append_of(stage.entry("agent.killed"), Expected::Any);
    let appended = stage.log().append(append).await;
    let fenced = matches!(appended, Err(AppendError::Store(StoreError::Fenced)));
    ensure!(fenced, "a closed epoch appended: {appended:?}");
    let admitted = stage.ledger().admit(stage.intent("campaign", "mailer")?, open_gate()).await;
    let fenced = matches!(admitted, Err(WriteError::Store(StoreError::Fenced)));
    ensure!(fenced, "a closed epoch admitted: {admitted:?}");
    ensure!(stage.hand_over(intent.intent_id).await.is_err(), "a closed epoch handed over");
    let renewed = stage.log().renew(renewal(&stage.me, 0, 0)).await;
    ensure!(matches!(renewed, Err(StoreError::Fenced)), "a closed epoch renewed: {renewed:?}");

    let listed = stage.log().replicas(Revision::default()).await?;
    let closed = listed.iter().any(|row| row.sighting.replica == stage.me && row.sighting.closed);
    ensure!(closed, "closed is not gone: it must be waited for");
    stage.log().retire(slice::from_ref(&stage.me), at(6)).await?;
    let listed = stage.log().replicas(Revision::default()).await?;
    ensure!(
        listed.iter().all(|row| row.sighting.replica != stage.me),
        "it has gone and is still listed"
    );
    ensure_eq!(stage.queue("mailer", 0).await?.len(), 1, "the queue");
    Ok(())
}

async fn joining_anew_goes_on(mut stage: Stage) -> Result<(), Broken> {
    let old = stage.me.clone();
    stage.log().close(slice::from_ref(&old), at(5)).await?;
    let epoch = stage.log().join(&profile(), at(6)).await?;
    ensure!(epoch > old.epoch, "the new epoch is not above the old one");
    stage.me = ReplicaEpoch { epoch, ..old.clone() };
    stage.append("agent.killed").await?;
    stage.sent("campaign", "mailer").await?;
    let by_old = stage.log().renew(renewal(&old, 0, 0)).await;
    ensure!(matches!(by_old, Err(StoreError::Fenced)), "the old epoch renewed: {by_old:?}");
    let epoch_before = Epoch(epoch.0);
    let stage = stage.reopen().await?;
    ensure!(stage.me.epoch > epoch_before, "an epoch was given twice");
    Ok(())
}

async fn an_epoch_that_nobody_began_is_refused(mut stage: Stage) -> Result<(), Broken> {
    stage.me.epoch = Epoch(stage.me.epoch.0 + 100);
    let appended =
        stage.log().append(stage.append_of(stage.entry("agent.killed"), Expected::Any)).await;
    let fenced = matches!(appended, Err(AppendError::Store(StoreError::Fenced)));
    ensure!(fenced, "an unknown epoch appended: {appended:?}");
    Ok(())
}
