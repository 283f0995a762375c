//! The orders in which agents are listed.

use std::cmp::Ordering;
use std::collections::HashMap;

use axme_core::health::Health;
use axme_core::id::AddressId;
use axme_store::instances::InstanceCounts;

use super::Candidate;
use super::asked::{Order, SortBy};
use crate::read::mesh_agent::shown_instances;

/// Sorts candidates. Those that are equal stay by address, also when the order is turned round.
pub(super) fn sort(
    candidates: &mut [Candidate],
    order: Order,
    instances: &HashMap<AddressId, InstanceCounts>,
) {
    let copies = |one: &Candidate| {
        let counted = instances.get(&one.address_id).copied().unwrap_or_default();
        let shown = shown_instances(counted);
        (shown.live, shown.total)
    };
    let compare = |one: &Candidate, other: &Candidate| match order.by {
        SortBy::Address => one.address.cmp(&other.address),
        SortBy::Trouble => trouble(one.health).cmp(&trouble(other.health)),
        SortBy::Name => one.name.cmp(&other.name),
        SortBy::Health => fitness(one.health).cmp(&fitness(other.health)),
        SortBy::LastHeartbeat => one.seen.cmp(&other.seen),
        SortBy::Instances => copies(one).cmp(&copies(other)),
        SortBy::Intents => one.usage.intents_total.cmp(&other.usage.intents_total),
        SortBy::Cost => one.usage.cost_usd.total_cmp(&other.usage.cost_usd),
    };
    let turned = |ordering: Ordering| if order.reversed { ordering.reverse() } else { ordering };
    // The sort is stable, and they come by address.
    candidates.sort_by(|one, other| turned(compare(one, other)));
}

/// How soon somebody should look: what fails by itself, what was stopped, what may fail, the rest.
const fn trouble(health: Health) -> u8 {
    match health {
        Health::Unreachable => 0,
        Health::Killed => 1,
        Health::Quarantined => 2,
        Health::Paused => 3,
        Health::Degraded => 4,
        Health::Healthy => 5,
        // Never seen: made, and not begun.
        Health::Unknown => 6,
    }
}

/// From the fittest on.
const fn fitness(health: Health) -> u8 {
    match health {
        Health::Healthy => 0,
        Health::Degraded => 1,
        Health::Unreachable => 2,
        Health::Paused => 3,
        Health::Quarantined => 4,
        Health::Killed => 5,
        Health::Unknown => 6,
    }
}
