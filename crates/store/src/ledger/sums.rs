//! Adding up reported usage.

use axme_core::id::AddressId;

use crate::ledger::Usage;

impl Usage {
    /// Counts stay at their largest value instead of starting again: agents report what they like.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            intents_total: self.intents_total.saturating_add(other.intents_total),
            intents_succeeded: self.intents_succeeded.saturating_add(other.intents_succeeded),
            intents_failed: self.intents_failed.saturating_add(other.intents_failed),
            cost_usd: finite(self.cost_usd + other.cost_usd),
            latency_ms_sum: finite(self.latency_ms_sum + other.latency_ms_sum),
            latency_count: self.latency_count.saturating_add(other.latency_count),
        }
    }
}

/// The sum of each agent, of sums that come agent by agent.
#[derive(Debug, Default)]
pub(crate) struct Sums(Vec<(AddressId, Usage)>);

impl Sums {
    pub(crate) fn add(&mut self, agent: AddressId, usage: Usage) {
        match self.0.last_mut() {
            Some((last, total)) if *last == agent => *total = total.plus(usage),
            Some(_) | None => self.0.push((agent, usage)),
        }
    }

    pub(crate) fn into_vec(self) -> Vec<(AddressId, Usage)> {
        self.0
    }
}

/// What is no number is nothing, and what has no end stays at the largest: neither can be stored
/// and added to.
pub(crate) fn finite(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(f64::MIN, f64::MAX) }
}
