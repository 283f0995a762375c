//! Appending to the control log.

use axme_core::chain::{Head, Link};

use crate::conformance::stage::{Stage, key};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::control::{Expected, LogHead};
use crate::error::AppendError;
use crate::ledger::ChainId;

stories![
    an_append_goes_through_only_at_the_head_that_it_names,
    a_kill_needs_no_head,
    a_command_is_taken_once,
    an_idempotency_key_answers_with_the_entry_it_made,
    a_refused_append_leaves_its_key_free,
    the_chain_verifies,
    entries_come_back_as_they_were_written,
];

async fn an_append_goes_through_only_at_the_head_that_it_names(stage: Stage) -> Result<(), Broken> {
    let start = LogHead::default();
    let append = |expected| {
        let (log, append) = (stage.log(), stage.append_of(stage.entry("key.created"), expected));
        async move { log.append(append).await }
    };
    let first = append(Expected::Head(start)).await?;
    ensure_eq!(first.revision, start.revision.next(), "the first revision");
    let stale = append(Expected::Head(start)).await;
    ensure!(matches!(stale, Err(AppendError::Conflict)), "a stale head was taken: {stale:?}");
    let other_hash = LogHead { revision: first.revision, ..start };
    let forged = append(Expected::Head(other_hash)).await;
    ensure!(matches!(forged, Err(AppendError::Conflict)), "a wrong hash was taken: {forged:?}");
    let second = append(Expected::Head(first)).await?;
    ensure_eq!(second.revision, first.revision.next(), "the second revision");
    ensure_eq!(stage.log().load().await?.head, second, "the head");
    Ok(())
}

async fn a_kill_needs_no_head(stage: Stage) -> Result<(), Broken> {
    stage.append("agent.created").await?;
    let second = stage.append("agent.killed").await?;
    ensure_eq!(stage.log().load().await?.head, second, "the head");
    Ok(())
}

async fn a_command_is_taken_once(stage: Stage) -> Result<(), Broken> {
    let entry = stage.entry("agent.killed");
    let head = stage.log().append(stage.append_of(entry.clone(), Expected::Any)).await?;
    stage.append("agent.created").await?;
    // Also when it comes with a head that has gone: whoever asks again does not know.
    for expected in [Expected::Any, Expected::Head(LogHead::default())] {
        let again = stage.log().append(stage.append_of(entry.clone(), expected)).await;
        let Err(AppendError::Duplicate(found)) = again else {
            return Err(Broken(format!("the command was taken twice: {again:?}")));
        };
        ensure_eq!((found.revision, found.hash), (head.revision, head.hash), "its place");
        ensure_eq!(found.entry, entry, "the entry");
    }
    let found = stage.log().find(entry.command_id).await?;
    ensure_eq!(found.map(|found| found.entry), Some(entry), "the entry of the command");
    let unknown = stage.log().find(stage.entry("x").command_id).await?;
    ensure!(unknown.is_none(), "a command was found that nobody gave");
    Ok(())
}

async fn an_idempotency_key_answers_with_the_entry_it_made(stage: Stage) -> Result<(), Broken> {
    let mut append = stage.append_of(stage.entry("key.created"), Expected::Any);
    append.idempotency = Some(key("k1", "{}"));
    let made = append.entry.clone();
    stage.log().append(append.clone()).await?;

    append.entry = stage.entry("key.created");
    let replay = stage.log().append(append.clone()).await;
    let Err(AppendError::Duplicate(found)) = replay else {
        return Err(Broken(format!("the key did not hold: {replay:?}")));
    };
    ensure_eq!(found.entry, made, "the entry");

    append.idempotency = Some(key("k1", r#"{"other":1}"#));
    let reused = stage.log().append(append).await;
    ensure!(matches!(reused, Err(AppendError::KeyReused)), "the key was reused: {reused:?}");

    let answered = stage.log().find_answered(&key("k1", "{}")).await?;
    let Some(answered) = answered else { return Err(Broken("the key is not there".to_owned())) };
    ensure!(answered.same_request, "the request was not found the same");
    ensure_eq!(*answered.made, *made.command_id.to_string(), "what it made");
    let free = stage.log().find_answered(&key("k2", "{}")).await?;
    ensure!(free.is_none(), "a key was found that nobody used");
    Ok(())
}

async fn a_refused_append_leaves_its_key_free(stage: Stage) -> Result<(), Broken> {
    stage.append("agent.created").await?;
    let stale = Expected::Head(LogHead::default());
    let mut append = stage.append_of(stage.entry("key.created"), stale);
    append.idempotency = Some(key("k1", "{}"));
    let refused = stage.log().append(append.clone()).await;
    ensure!(matches!(refused, Err(AppendError::Conflict)), "a stale head was taken: {refused:?}");
    append.expected = Expected::Any;
    stage.log().append(append).await?;
    Ok(())
}

async fn the_chain_verifies(stage: Stage) -> Result<(), Broken> {
    for n in 0..20 {
        stage.append(&format!("agent.step_{n}")).await?;
    }
    let mut head = Head::default();
    for link in stage.ledger().chain(ChainId::Control, 0).await? {
        let (position, hash, body_hash) = (link.position, link.hash, link.body_hash);
        let link = Link { position, hash, body_hash, body: Some(&link.body) };
        head = head.verify(&link).map_err(|fault| Broken(fault.to_string()))?;
    }
    ensure_eq!(head.position, 20, "the links");
    let heads = stage.ledger().chains().await?;
    ensure!(heads.contains(&(ChainId::Control, head)), "the head is another: {heads:?}");
    let rest = stage.ledger().chain(ChainId::Control, 15).await?;
    ensure_eq!(rest.first().map(|link| link.position), Some(16), "where the rest begins");
    ensure!(rest.iter().all(|link| link.scope == stage.scope()), "a link has another scope");
    Ok(())
}

async fn entries_come_back_as_they_were_written(stage: Stage) -> Result<(), Broken> {
    let mut entry = stage.entry("agent.killed");
    entry.reason = Some("it sent too much: \"\u{1f6d1}\" \\ \u{0}".into());
    entry.client_address = Some(std::net::Ipv6Addr::LOCALHOST.into());
    entry.after = Some(serde_json::json!({ "mode": "halt", "n": 1.5 }));
    let head = stage.log().append(stage.append_of(entry.clone(), Expected::Any)).await?;
    let tail = stage.log().tail(LogHead::default().revision).await?;
    ensure_eq!(tail.len(), 1, "the tail");
    for found in tail {
        ensure_eq!((found.revision, found.hash), (head.revision, head.hash), "its place");
        ensure_eq!(found.entry, entry, "the entry");
    }
    ensure!(stage.log().tail(head.revision).await?.is_empty(), "something follows the head");
    Ok(())
}
