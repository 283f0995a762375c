//! Policies on the wire.

use axme_api::JsonObject;
use axme_api::mesh::{ActionPolicy, CostPolicy, Policies};
use axme_core::policy::{self, CostLimits, Direction, Money, PolicySet, Set};
use serde_json::Value;

pub(in crate::http::mesh) fn policies(policies: &policy::Policies) -> Policies {
    let Some(set) = policies.get() else { return Policies::default() };
    Policies {
        action: Direction::ALL.into_iter().filter_map(|way| action(set, way)).collect(),
        cost: set.cost.as_ref().map(cost),
    }
}

/// The same as a JSON object.
pub(in crate::http::mesh) fn object(of: &policy::Policies) -> JsonObject {
    match serde_json::to_value(policies(of)) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => JsonObject::new(),
    }
}

pub(super) fn action(set: &PolicySet, direction: Direction) -> Option<ActionPolicy> {
    let Set { policy, updated_at, updated_by } = set.action(direction)?;
    Some(ActionPolicy {
        policy_id: direction.as_str().to_owned(),
        direction: direction.as_str().to_owned(),
        mode: policy.mode.as_str().to_owned(),
        policy_type: policy.mode.as_str().to_owned(),
        patterns: policy.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
        updated_at: updated_at.to_string(),
        updated_by: updated_by.to_string(),
    })
}

pub(super) fn cost(set: &Set<CostLimits>) -> CostPolicy {
    let Set { policy, updated_at, updated_by } = set;
    CostPolicy {
        max_intents_per_day: policy.intents_per_day,
        max_intents_per_hour: policy.intents_per_hour,
        max_cost_per_day_usd: policy.cost_per_day.map(Money::as_usd),
        action_on_breach: policy.on_breach.as_str().to_owned(),
        updated_at: updated_at.to_string(),
        updated_by: updated_by.to_string(),
    }
}
