//! Reported usage, and signs of life.

use axme_core::id::{AddressId, KeyId};
use axme_core::period::{day_start, hour_start};
use axme_core::time::Timestamp;

use crate::conformance::stage::Stage;
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{MetricsAdded, NewMetrics, SignsOfLife, Usage};

stories![
    the_metrics_of_a_beat_count_once,
    usage_is_summed_by_hour_and_day,
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
    let signs =
        |micros| SignsOfLife { agents: vec![(agent, at(micros))], keys: vec![(key, at(micros))] };
    for micros in [5, 9, 7] {
        stage.ledger().save_signs_of_life(signs(micros)).await?;
    }
    let many = (0..1_500).map(|_| (AddressId::from_uuid(stage.uuid()), at(1))).collect();
    stage.ledger().save_signs_of_life(SignsOfLife { agents: many, keys: Vec::new() }).await?;
    let found = stage.ledger().signs_of_life(None).await?;
    ensure!(found.agents.contains(&(agent, at(9))), "the agent was seen at another time");
    ensure_eq!((found.agents.len(), found.keys), (1_501, vec![(key, at(9))]), "the signs");
    Ok(())
}
