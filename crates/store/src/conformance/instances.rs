//! What instances say, and what is kept of it with a kill.

use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;

use crate::conformance::stage::{Stage, at};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::instances::{
    FrozenInstance, HeardSince, Instance, InstanceCounts, Progress, Said, Via, Word,
};
use crate::ledger::Retention;

stories![
    an_instance_keeps_what_it_said_until_it_says_something_else,
    instances_are_listed_by_id_and_counted_by_health,
    several_agents_are_counted_together,
    the_newest_metadata_stands_for_an_agent,
    a_kill_freezes_what_was_said_last,
    what_nobody_reports_is_not_told,
    what_is_said_late_is_added_and_a_stop_is_said_once,
    a_word_that_comes_before_the_freezing_takes_nothing_from_it,
    an_instance_that_is_not_heard_is_forgotten,
];

fn said(metadata: &str, done: u64) -> Said {
    let progress = Progress { done, total: Some(100), unit: Some("emails".into()) };
    Said {
        version: Some("1.0".into()),
        region: Some("eu".into()),
        labels: Some(r#"{"team":"mail"}"#.into()),
        metadata: Some(metadata.into()),
        progress: Some(progress),
    }
}

fn heard(agent: AddressId, id: &str, seen: i64, said: Said) -> Instance {
    Instance {
        address_id: agent,
        instance_id: id.into(),
        inferred: false,
        first_seen_at: at(seen),
        last_seen_at: at(seen),
        ended_at: None,
        streams: 1,
        said,
    }
}

fn agent(stage: &Stage) -> AddressId {
    AddressId::from_uuid(stage.uuid())
}

async fn only(stage: &Stage, agent: AddressId) -> Result<Instance, Broken> {
    let mut listed = stage.ledger().instances(agent, None, 10).await?;
    ensure_eq!(listed.len(), 1, "how many instances there are");
    listed.pop().ok_or_else(|| Broken("the instance is gone".to_owned()))
}

async fn an_instance_keeps_what_it_said_until_it_says_something_else(
    stage: Stage,
) -> Result<(), Broken> {
    let (agent, first) = (agent(&stage), said(r#"{"at":1}"#, 10));
    stage.ledger().save_instances(vec![heard(agent, "one", 10, first.clone())]).await?;
    let silent = Instance { streams: 0, ..heard(agent, "one", 20, Said::default()) };
    stage.ledger().save_instances(vec![silent]).await?;
    let found = only(&stage, agent).await?;
    ensure_eq!(found.said, first, "what it said");
    let times = (found.first_seen_at, found.last_seen_at, found.streams);
    ensure_eq!(times, (at(10), at(20), 0), "when it was seen, and its streams");

    let progress = Progress { done: 20, total: None, unit: None };
    let further = Said { progress: Some(progress.clone()), ..Said::default() };
    stage.ledger().save_instances(vec![heard(agent, "one", 30, further)]).await?;
    let late = heard(agent, "one", 25, said(r#"{"at":"older"}"#, 1));
    stage.ledger().save_instances(vec![late]).await?;
    let found = only(&stage, agent).await?;
    ensure_eq!(found.said, Said { progress: Some(progress), ..first }, "what it said since");
    ensure_eq!(found.last_seen_at, at(30), "the last word");
    Ok(())
}

async fn instances_are_listed_by_id_and_counted_by_health(stage: Stage) -> Result<(), Broken> {
    let (agent, other) = (agent(&stage), agent(&stage));
    let ended = Instance { ended_at: Some(at(99)), ..heard(agent, "d", 99, Said::default()) };
    let heard = |id, seen| heard(agent, id, seen, Said::default());
    let all = vec![heard("c", 50), heard("a", 99), heard("b", 10), ended];
    stage.ledger().save_instances(all).await?;
    let theirs = Instance { address_id: other, ..heard("a", 99) };
    stage.ledger().save_instances(vec![theirs]).await?;
    let ids = |listed: Vec<Instance>| -> Vec<Box<str>> {
        listed.into_iter().map(|instance| instance.instance_id).collect()
    };
    let page = ids(stage.ledger().instances(agent, None, 3).await?);
    ensure_eq!(page, [Box::from("a"), "b".into(), "c".into()], "the first page");
    let page = ids(stage.ledger().instances(agent, Some("c"), 3).await?);
    ensure_eq!(page, [Box::from("d")], "the second page");
    let since = HeardSince { healthy: at(90), degraded: at(40) };
    let counts = stage.ledger().count_instances(agent, since).await?;
    let wanted = InstanceCounts { healthy: 1, degraded: 1, unreachable: 1, ended: 1 };
    ensure_eq!(counts, wanted, "the counts");
    Ok(())
}

async fn several_agents_are_counted_together(stage: Stage) -> Result<(), Broken> {
    let (agent, other, silent) = (agent(&stage), agent(&stage), agent(&stage));
    let all = vec![
        heard(agent, "a", 99, Said::default()),
        heard(agent, "b", 10, Said::default()),
        heard(other, "a", 50, Said::default()),
    ];
    stage.ledger().save_instances(all).await?;
    let since = HeardSince { healthy: at(90), degraded: at(40) };
    let mut counted = stage.ledger().count_instances_of(&[agent, other, silent], since).await?;
    counted.sort_unstable_by_key(|(id, _)| *id);
    let of_agent = InstanceCounts { healthy: 1, unreachable: 1, ..InstanceCounts::default() };
    let of_other = InstanceCounts { degraded: 1, ..InstanceCounts::default() };
    ensure_eq!(counted, [(agent, of_agent), (other, of_other)], "the counts");
    Ok(())
}

async fn the_newest_metadata_stands_for_an_agent(stage: Stage) -> Result<(), Broken> {
    let (agent, silent) = (agent(&stage), agent(&stage));
    let all = vec![
        heard(agent, "a", 10, said(r#"{"at":"old"}"#, 1)),
        heard(agent, "b", 20, said(r#"{"at":"new"}"#, 1)),
        heard(agent, "c", 30, Said::default()),
        heard(silent, "a", 30, Said::default()),
    ];
    stage.ledger().save_instances(all).await?;
    let latest = stage.ledger().latest_metadata(&[agent, silent]).await?;
    ensure_eq!(latest, [(agent, Box::from(r#"{"at":"new"}"#))], "the metadata");
    Ok(())
}

/// The frozen instances, and since when they count as reachable.
async fn frozen(stage: &Stage, kill: KillId) -> Result<Vec<FrozenInstance>, Broken> {
    Ok(stage.ledger().frozen(kill, at(15)).await?.instances)
}

async fn a_kill_freezes_what_was_said_last(stage: Stage) -> Result<(), Broken> {
    let (agent, kill) = (agent(&stage), KillId::from_uuid(stage.uuid()));
    let ended = Instance { ended_at: Some(at(20)), ..heard(agent, "z", 20, said("{}", 9)) };
    let all = vec![
        heard(agent, "a", 20, said(r#"{"at":7}"#, 70)),
        Instance { streams: 0, ..heard(agent, "b", 10, said("{}", 30)) },
        ended,
    ];
    stage.ledger().save_instances(all).await?;
    stage.ledger().freeze(kill, agent, at(21)).await?;
    // Said before the kill and heard by another replica; then after the resume.
    stage.ledger().save_instances(vec![heard(agent, "c", 20, said("{}", 5))]).await?;
    stage.ledger().freeze(kill, agent, at(22)).await?;
    stage.ledger().save_instances(vec![heard(agent, "a", 40, said("{}", 100))]).await?;
    let kept = frozen(&stage, kill).await?;
    let figures: Vec<_> = kept
        .iter()
        .map(|one| (&*one.instance_id, one.progress.as_ref().map_or(0, |at| at.done), one.streams))
        .collect();
    ensure_eq!(figures, [("a", 70, 1), ("b", 30, 0), ("c", 5, 1)], "what is kept");
    let first = kept.first().and_then(|one| one.metadata.clone());
    ensure_eq!(first.as_deref(), Some(r#"{"at":7}"#), "the metadata");
    let totals = stage.ledger().frozen(kill, at(15)).await?.totals;
    ensure_eq!((totals.instances, totals.stopped, totals.unreachable), (3, 0, 1), "who there is");
    ensure_eq!(totals.awaited, 2, "who can be told at once");
    ensure_eq!((totals.done, totals.not_done), (Some(105), Some(195)), "the work");
    ensure_eq!(totals.unit.as_deref(), Some("emails"), "its unit");
    let other = KillId::from_uuid(stage.uuid());
    ensure!(frozen(&stage, other).await?.is_empty(), "another kill has instances");
    Ok(())
}

async fn what_nobody_reports_is_not_told(stage: Stage) -> Result<(), Broken> {
    let (agent, kill) = (agent(&stage), KillId::from_uuid(stage.uuid()));
    let totals = stage.ledger().frozen(kill, at(15)).await?.totals;
    ensure_eq!(totals, crate::instances::FrozenTotals::default(), "of no instance");
    stage.ledger().save_instances(vec![heard(agent, "a", 20, Said::default())]).await?;
    stage.ledger().freeze(kill, agent, at(21)).await?;
    let totals = stage.ledger().frozen(kill, at(15)).await?.totals;
    ensure_eq!((totals.done, totals.not_done), (None, None), "of one that reports no progress");
    let endless = Progress { done: 7, total: None, unit: None };
    let said = Said { progress: Some(endless), ..Said::default() };
    stage.ledger().keep_word(Word { said, ..word(kill, "a", 22) }).await?;
    let totals = stage.ledger().frozen(kill, at(15)).await?.totals;
    ensure_eq!((totals.done, totals.not_done), (Some(7), None), "of one that knows no end");
    Ok(())
}

fn word(kill: KillId, id: &str, seen: i64) -> Word {
    Word {
        kill,
        instance_id: id.into(),
        inferred: false,
        at: at(seen),
        said: Said::default(),
        stopped: None,
        reported: 0,
    }
}

async fn what_is_said_late_is_added_and_a_stop_is_said_once(stage: Stage) -> Result<(), Broken> {
    let (agent, kill) = (agent(&stage), KillId::from_uuid(stage.uuid()));
    stage.ledger().save_instances(vec![heard(agent, "a", 20, said("{}", 70))]).await?;
    stage.ledger().freeze(kill, agent, at(21)).await?;
    let reporting = Word { reported: 4, ..word(kill, "a", 22) };
    let before = stage.ledger().keep_word(reporting.clone()).await?;
    ensure!(!before, "it has not stopped yet");
    let stopping = Word {
        stopped: Some((Via::Stream, 12.5)),
        said: said(r#"{"at":"end"}"#, 80),
        ..word(kill, "a", 23)
    };
    ensure!(!stage.ledger().keep_word(stopping.clone()).await?, "it stops for the first time");
    let again = Word { stopped: Some((Via::Heartbeat, 99.0)), ..stopping };
    ensure!(stage.ledger().keep_word(again).await?, "it stops for the second time");
    stage.ledger().keep_word(reporting).await?;
    // One that nobody knew of.
    stage.ledger().keep_word(word(kill, "b", 24)).await?;
    stage.ledger().freeze(kill, agent, at(25)).await?;
    let kept = frozen(&stage, kill).await?;
    let ids: Vec<_> = kept.iter().map(|one| &*one.instance_id).collect();
    ensure_eq!(ids, ["b", "a"], "those that have not stopped come first");
    let Some(stopped) = kept.last() else { return Err(Broken("nothing is kept".to_owned())) };
    ensure_eq!(stopped.stopped, Some((Via::Stream, 12.5)), "the first stop stands");
    ensure_eq!(stopped.reported_after, 4, "what was reported after it");
    ensure_eq!(stopped.progress.as_ref().map(|at| at.done), Some(80), "the last progress");
    ensure!(stopped.late, "it was said late");
    let totals = stage.ledger().frozen(kill, at(15)).await?.totals;
    ensure_eq!((totals.instances, totals.stopped, totals.awaited), (2, 1, 0), "the totals");
    let other = KillId::from_uuid(stage.uuid());
    let left = stage.ledger().unstopped(&[other, kill]).await?;
    ensure_eq!(left, [(kill, 1)], "the kills that somebody has not stopped for");
    Ok(())
}

async fn a_word_that_comes_before_the_freezing_takes_nothing_from_it(
    stage: Stage,
) -> Result<(), Broken> {
    let (agent, kill) = (agent(&stage), KillId::from_uuid(stage.uuid()));
    stage.ledger().save_instances(vec![heard(agent, "a", 20, said(r#"{"at":1}"#, 70))]).await?;
    let metadata = Some(r#"{"at":2}"#.into());
    let late = Word { said: Said { metadata, ..Said::default() }, ..word(kill, "a", 22) };
    stage.ledger().keep_word(late).await?;
    stage.ledger().freeze(kill, agent, at(23)).await?;
    let kept = frozen(&stage, kill).await?;
    let Some(one) = kept.first() else { return Err(Broken("nothing is kept".to_owned())) };
    ensure_eq!(one.metadata.as_deref(), Some(r#"{"at":2}"#), "what was said late");
    ensure_eq!(one.progress.as_ref().map(|at| at.done), Some(70), "what was said before");
    ensure_eq!((one.streams, one.region.as_deref()), (1, Some("eu")), "what is known of it");
    Ok(())
}

async fn an_instance_that_is_not_heard_is_forgotten(stage: Stage) -> Result<(), Broken> {
    let agent = agent(&stage);
    let all =
        vec![heard(agent, "old", 10, Said::default()), heard(agent, "new", 30, Said::default())];
    stage.ledger().save_instances(all).await?;
    let never = Timestamp::from_micros(0);
    let retention = Retention {
        intents_ended_before: never,
        keys_used_before: never,
        instances_seen_before: at(20),
        hours_before: never,
        days_before: never,
    };
    while stage.ledger().retain(retention).await? {}
    ensure_eq!(&*only(&stage, agent).await?.instance_id, "new", "who is left");
    let (other, gone) = (AddressId::from_uuid(stage.uuid()), vec![(agent, "new".into())]);
    stage.ledger().forget_instances(vec![(other, "new".into())]).await?;
    ensure_eq!(&*only(&stage, agent).await?.instance_id, "new", "another's is forgotten");
    stage.ledger().forget_instances(gone).await?;
    let left = stage.ledger().instances(agent, None, 10).await?;
    ensure!(left.is_empty(), "the instance is not forgotten");
    Ok(())
}
