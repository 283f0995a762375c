//! What the instances do about a kill: told once all of them have said that they stopped.

use super::Story;
use crate::failure::Failure;
use crate::wording::instances_sentence;
use axme_api::mesh::InstanceTotals;
use axme_core::time::Mono;
use std::time::Duration;

/// After so long it is told as far as it is known.
const PATIENCE: Duration = Duration::from_secs(5);

/// A kill whose record still fills.
pub(super) struct Stopping {
    kill_id: String,
    since: Mono,
}

impl Story<'_, '_> {
    /// Follows the record of a kill, unless it is known that the gateway knows of no instances.
    pub(super) fn follow_instances(&mut self, kill_id: &str, totals: Option<&InstanceTotals>) {
        let (kill_id, since) = (kill_id.to_owned(), self.clock.mono());
        self.stopping =
            totals.is_none_or(|totals| totals.total > 0).then_some(Stopping { kill_id, since });
    }

    pub(super) fn look_at_instances(&mut self, now: Mono) -> Result<(), Failure> {
        let Some(stopping) = &self.stopping else { return Ok(()) };
        let totals = self.operator.kill_record(&stopping.kill_id)?.instance_totals;
        let is_late = now.since(stopping.since) >= PATIENCE;
        if !(is_late || is_told(&totals, self.campaign.sent_total())) {
            return Ok(());
        }
        self.stopping = None;
        instances_sentence(&totals).map_or(Ok(()), |told| self.screen.say(&told))
    }

    /// Tells it as far as it is known.
    pub(super) fn tell_instances(&mut self) -> Result<(), Failure> {
        let Some(stopping) = self.stopping.take() else { return Ok(()) };
        let totals = self.operator.kill_record(&stopping.kill_id)?.instance_totals;
        instances_sentence(&totals).map_or(Ok(()), |told| self.screen.say(&told))
    }
}

/// Whether all have said that they stopped, and what they have done: as much as was seen of them.
fn is_told(totals: &InstanceTotals, sent: u64) -> bool {
    totals.stopped == totals.total && totals.done == Some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_told_when_all_have_stopped_and_said_what_they_did() {
        let totals = |stopped, done| InstanceTotals {
            total: 3,
            stopped,
            done: Some(done),
            ..InstanceTotals::default()
        };
        assert!(is_told(&totals(3, 120), 120));
        assert!(!is_told(&totals(2, 120), 120), "one has not said so");
        assert!(!is_told(&totals(3, 95), 120), "one has not said all");
    }
}
