//! What became of the instances of a killed agent.

use axme_api::mesh::{CountSource, InstanceTotals, KilledInstance, KilledInstanceState};
use axme_core::health::HealthThresholds;
use axme_core::time::Timestamp;
use axme_store::instances::{Frozen, FrozenInstance, FrozenTotals};

use super::instances::{shown_object, shown_progress, sources};
use super::wording::grouped;

/// The instances, and all of them added up.
pub(crate) fn shown(frozen: Frozen, now: Timestamp) -> (Vec<KilledInstance>, InstanceTotals) {
    let heard_since = now.minus(HealthThresholds::default().degraded_until);
    let instances = frozen.instances.into_iter().map(|one| instance(one, heard_since)).collect();
    (instances, totals(frozen.totals))
}

fn instance(instance: FrozenInstance, heard_since: Timestamp) -> KilledInstance {
    let state = match instance.stopped {
        Some(_) => KilledInstanceState::Stopped,
        None if instance.last_seen_at > heard_since => KilledInstanceState::Blocked,
        None => KilledInstanceState::Unreachable,
    };
    KilledInstance {
        instance_id: instance.instance_id.into(),
        inferred: instance.inferred,
        region: instance.region.map(String::from),
        version: instance.version.map(String::from),
        state,
        via: instance.stopped.map(|(via, _)| via.as_str().to_owned()),
        after_ms: instance.stopped.map(|(_, after_ms)| after_ms),
        progress: instance.progress.map(shown_progress),
        metadata: instance.metadata.as_deref().and_then(shown_object),
        reported_after: instance.reported_after,
    }
}

fn totals(totals: FrozenTotals) -> InstanceTotals {
    let sentence = sentence(&totals);
    let FrozenTotals { instances, stopped, unreachable, done, not_done, unit, .. } = totals;
    InstanceTotals {
        total: instances,
        stopped,
        blocked: instances.saturating_sub(stopped).saturating_sub(unreachable),
        unreachable,
        done,
        not_done,
        unit: unit.map(String::from),
        sentence,
        sources: sources([
            ("total", CountSource::Gateway),
            ("stopped", CountSource::Reported),
            ("blocked", CountSource::Gateway),
            ("unreachable", CountSource::Gateway),
            ("done", CountSource::Reported),
            ("not_done", CountSource::Reported),
        ]),
    }
}

/// Such as `3 of 3 stopped; 6,074 done, 43,926 not`.
fn sentence(totals: &FrozenTotals) -> String {
    if totals.instances == 0 {
        return "no instance is known".to_owned();
    }
    let stopped = format!("{} of {} stopped", grouped(totals.stopped), grouped(totals.instances));
    let unit = totals.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
    match (totals.done, totals.not_done) {
        (Some(done), Some(left)) => {
            format!("{stopped}; {}{unit} done, {} not", grouped(done), grouped(left))
        }
        (Some(done), None) => format!("{stopped}; {}{unit} done", grouped(done)),
        (None, _) => stopped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_who_stopped_and_what_was_done() {
        let all = FrozenTotals { instances: 3, stopped: 3, ..FrozenTotals::default() };
        assert_eq!(sentence(&all), "3 of 3 stopped");
        let (done, not_done) = (Some(6_074), Some(43_926));
        let campaign = FrozenTotals { done, not_done, ..all.clone() };
        assert_eq!(sentence(&campaign), "3 of 3 stopped; 6,074 done, 43,926 not");
        let unit = Some("emails".into());
        let campaign = FrozenTotals { stopped: 2, not_done: None, unit, ..campaign };
        assert_eq!(sentence(&campaign), "2 of 3 stopped; 6,074 emails done");
        assert_eq!(sentence(&FrozenTotals::default()), "no instance is known");
    }
}
