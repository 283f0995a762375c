//! Reported usage, and signs of life.

use axme_core::id::{AddressId, KeyId, SessionId};
use axme_core::period::{day_start, hour_start};
use axme_core::time::Timestamp;

use crate::conformance::stage::Stage;
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{MetricsAdded, NewMetrics, Retention, SignsOfLife, Usage};

stories![
    the_metrics_of_a_beat_count_once,
    usage_is_summed_by_hour_and_day,
    usage_is_read_day_by_day,
    the_last_report_is_known_by_its_hour_or_its_day,
    a_report_without_end_does_not_overflow,
    the_latest_signs_of_life_stay,
];

const HOUR_MICROS: i64 = 3_600_000_000;
const NOON: Timestamp = Timestamp::from_micros(12 * HOUR_MICROS);

const ONE: Usage = Usage {
    intents_total: 3,
    intents_succeeded: 2,
    intents_failed: 1,
    cost_usd: 0.5,
    latency_ms_sum: 30.0,
    latency_count: 3,
};

fn metrics(stage: &Stage, address_id: AddressId, beat: &str, at: Timestamp) -> NewMetrics {
    let workspace_id = stage.workspace;
    NewMetrics { address_id, workspace_id, beat_id: beat.into(), usage: ONE, at }
}

async fn the_metrics_of_a_beat_count_once(stage: Stage) -> Result<(), Broken> {
    let (agent, other) = (AddressId::from_uuid(stage.uuid()), AddressId::from_uuid(stage.uuid()));
    let added = stage.ledger().add_metrics(metrics(&stage, agent, "beat-1", NOON)).await?;
    ensure_eq!(added, MetricsAdded::Added, "the first");
    let again = stage.ledger().add_metrics(metrics(&stage, agent, "beat-1", NOON)).await?;
    ensure_eq!(again, MetricsAdded::Repeated, "the second");
    let of_other = stage.ledger().add_metrics(metrics(&stage, other, "beat-1", NOON)).await?;
    ensure_eq!(of_other, MetricsAdded::Added, "that of another agent");
    let stage = stage.reopen().await?;
    let again = stage.ledger().add_metrics(metrics(&stage, agent, "beat-1", NOON)).await?;
    ensure_eq!(again, MetricsAdded::Repeated, "that to another process");
    let usage = stage.ledger().usage_of_hour(agent, hour_start(NOON)).await?;
    ensure_eq!(usage, ONE, "the usage");
    Ok(())
}

async fn usage_is_summed_by_hour_and_day(stage: Stage) -> Result<(), Broken> {
    let (agent, other) = (AddressId::from_uuid(stage.uuid()), AddressId::from_uuid(stage.uuid()));
    let ledger = stage.ledger();
    for (n, hours) in [-30, -1, 0, 0].into_iter().enumerate() {
        let at = Timestamp::from_micros(NOON.as_micros() + hours * HOUR_MICROS);
        ledger.add_metrics(metrics(&stage, agent, &format!("beat-{n}"), at)).await?;
    }
    ledger.add_metrics(metrics(&stage, other, "beat", NOON)).await?;
    let hour = ledger.usage_of_hour(agent, hour_start(NOON)).await?;
    ensure_eq!(hour.intents_total, 6, "this hour");
    let day = ledger.usage(stage.workspace, Some(agent), day_start(NOON)).await?;
    let totals: Vec<_> = day.iter().map(|(id, usage)| (*id, usage.intents_total)).collect();
    ensure_eq!(totals, [(agent, 9)], "this day");
    let long_ago = Timestamp::from_micros(-100 * HOUR_MICROS);
    let all = ledger.usage(stage.workspace, None, long_ago).await?;
    let mut totals: Vec<_> = all.iter().map(|(id, usage)| (*id, usage.intents_total)).collect();
    totals.sort_unstable();
    ensure_eq!(totals, [(agent, 12), (other, 3)], "everything");
    let nothing = ledger.usage_of_hour(agent, Timestamp::from_micros(0)).await?;
    ensure_eq!(nothing, Usage::default(), "an hour in which nothing was");
    Ok(())
}

async fn usage_is_read_day_by_day(stage: Stage) -> Result<(), Broken> {
    let (agent, other) = (AddressId::from_uuid(stage.uuid()), AddressId::from_uuid(stage.uuid()));
    let silent = AddressId::from_uuid(stage.uuid());
    let ledger = stage.ledger();
    for (n, hours) in [-30, -1, 0].into_iter().enumerate() {
        let at = Timestamp::from_micros(NOON.as_micros() + hours * HOUR_MICROS);
        ledger.add_metrics(metrics(&stage, agent, &format!("beat-{n}"), at)).await?;
    }
    ledger.add_metrics(metrics(&stage, other, "beat", NOON)).await?;
    let (today, before) = (day_start(NOON), Timestamp::from_micros(-24 * HOUR_MICROS));
    let days = ledger.usage_of_days(stage.workspace, &[other, silent, agent], before).await?;
    let totals: Vec<_> =
        days.iter().map(|(id, day, usage)| (*id, *day, usage.intents_total)).collect();
    let wanted = [(other, today, 3), (agent, before, 3), (agent, today, 6)];
    ensure_eq!(totals, wanted, "the days of each");
    let days = ledger.usage_by_day(stage.workspace, before).await?;
    let totals: Vec<_> =
        days.iter().map(|(day, usage)| (*day, usage.intents_total, usage.cost_usd)).collect();
    ensure_eq!(totals, [(before, 3, 0.5), (today, 9, 1.5)], "the days of all");
    let days = ledger.usage_by_day(stage.workspace, today).await?;
    ensure_eq!(days.len(), 1, "the days since today");
    let mut much = metrics(&stage, agent, "much", NOON);
    much.usage.intents_total = u64::MAX;
    much.usage.cost_usd = f64::MAX;
    ledger.add_metrics(much).await?;
    let days = ledger.usage_by_day(stage.workspace, today).await?;
    let day = days.first().map(|(_, usage)| *usage).unwrap_or_default();
    ensure!(day.intents_total >= 9_000_000_000_000_000_000, "the count began again: {day:?}");
    ensure!(day.cost_usd.is_finite(), "the cost is not finite");
    Ok(())
}

async fn the_last_report_is_known_by_its_hour_or_its_day(stage: Stage) -> Result<(), Broken> {
    let (agent, long_ago) =
        (AddressId::from_uuid(stage.uuid()), AddressId::from_uuid(stage.uuid()));
    let silent = AddressId::from_uuid(stage.uuid());
    let ledger = stage.ledger();
    let later = Timestamp::from_micros(NOON.as_micros() + HOUR_MICROS / 2);
    let before = Timestamp::from_micros(NOON.as_micros() - 40 * HOUR_MICROS);
    for (of, beat, at) in [(agent, "a", later), (agent, "b", before), (long_ago, "c", before)] {
        ledger.add_metrics(metrics(&stage, of, beat, at)).await?;
    }
    // Hours go, days stay.
    let never = Timestamp::from_micros(-1_000_000 * HOUR_MICROS);
    let retention = Retention {
        intents_ended_before: never,
        keys_used_before: never,
        instances_seen_before: never,
        hours_before: day_start(NOON),
        days_before: never,
    };
    while ledger.retain(retention).await? {}
    let mut last = ledger.last_reports(stage.workspace, &[agent, silent, long_ago]).await?;
    last.sort_unstable();
    let wanted = [(agent, hour_start(later)), (long_ago, day_start(before))];
    ensure_eq!(last, wanted, "the last reports");
    Ok(())
}

async fn a_report_without_end_does_not_overflow(stage: Stage) -> Result<(), Broken> {
    let agent = AddressId::from_uuid(stage.uuid());
    for beat in ["one", "two"] {
        let mut much = metrics(&stage, agent, beat, NOON);
        much.usage.intents_total = u64::MAX;
        much.usage.cost_usd = f64::MAX;
        stage.ledger().add_metrics(much).await?;
    }
    let usage = stage.ledger().usage_of_hour(agent, hour_start(NOON)).await?;
    ensure!(usage.intents_total >= i64::MAX.unsigned_abs(), "the count began again: {usage:?}");
    ensure!(usage.cost_usd.is_finite(), "the cost is not finite");
    Ok(())
}

async fn the_latest_signs_of_life_stay(stage: Stage) -> Result<(), Broken> {
    let (agent, key) = (AddressId::from_uuid(stage.uuid()), KeyId::from_uuid(stage.uuid()));
    let at = Timestamp::from_micros;
    let session = SessionId::from_uuid(stage.uuid());
    let signs = |micros| SignsOfLife {
        agents: vec![(agent, at(micros))],
        keys: vec![(key, at(micros))],
        sessions: vec![(session, at(micros))],
    };
    for micros in [5, 9, 7] {
        stage.ledger().save_signs_of_life(signs(micros)).await?;
    }
    let many = (0..1_500).map(|_| (AddressId::from_uuid(stage.uuid()), at(1))).collect();
    let many = SignsOfLife { agents: many, ..SignsOfLife::default() };
    stage.ledger().save_signs_of_life(many).await?;
    let found = stage.ledger().signs_of_life(None).await?;
    ensure!(found.agents.contains(&(agent, at(9))), "the agent was seen at another time");
    ensure_eq!((found.agents.len(), found.keys), (1_501, vec![(key, at(9))]), "the signs");
    ensure_eq!(found.sessions, vec![(session, at(9))], "the session was used at another time");
    let retention = Retention {
        intents_ended_before: at(0),
        keys_used_before: at(20),
        instances_seen_before: at(0),
        hours_before: at(0),
        days_before: at(0),
    };
    while stage.ledger().retain(retention).await? {}
    let left = stage.ledger().signs_of_life(None).await?.sessions;
    ensure!(left.is_empty(), "the use of a session is not forgotten");
    Ok(())
}
