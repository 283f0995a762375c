//! The policies of an agent, and what it has used of its limits.

use axme_api::JsonObject;
use axme_api::mesh::{ActionPolicy, CostPolicy, Policies, PoliciesAnswer, PolicyUsage};
use axme_core::period::{day_start, hour_start};
use axme_core::policy::{self, CostLimits, Direction, Money, PolicySet, Set};
use axme_core::state::Agent;
use axme_engine::{Caller, Engine};
use axme_store::ledger::{Per, TrafficQuery};
use serde_json::Value;

use super::{ReadError, unless_stale, with_agent};

/// See the module.
pub(crate) async fn of(
    engine: &Engine,
    caller: &Caller,
    named: &str,
) -> Result<PoliciesAnswer, ReadError> {
    let agent = with_agent(engine, caller, named, |_state, agent| agent.clone())?;
    Ok(PoliciesAnswer {
        ok: true,
        address_id: agent.address_id.to_string(),
        address: agent.address.to_string(),
        policies: shown(&agent.policies),
        usage: usage(engine, &agent).await?,
    })
}

/// What an agent has used in the current hour and day. Nothing while the store is gone.
async fn usage(engine: &Engine, agent: &Agent) -> Result<PolicyUsage, ReadError> {
    let (now, ledger) = (engine.clock.wall(), &engine.ledger);
    let (workspace_id, address_id) = (agent.workspace_id, agent.address_id);
    let since = day_start(now);
    let query = TrafficQuery { workspace_id, agents: vec![address_id], since, per: Per::Hour };
    let hours = unless_stale(engine, ledger.traffic(query)).await?;
    let reported = ledger.usage(workspace_id, Some(address_id), since);
    let reported = unless_stale(engine, reported).await?;
    let this_hour = hours.iter().filter(|(_, hour, _)| *hour == hour_start(now));
    Ok(PolicyUsage {
        intents_today: hours.iter().map(|(_, _, traffic)| traffic.admitted).sum(),
        intents_this_hour: this_hour.map(|(_, _, traffic)| traffic.admitted).sum(),
        cost_today: reported.first().map_or(0.0, |(_, usage)| usage.cost_usd),
    })
}

fn shown(policies: &policy::Policies) -> Policies {
    let Some(set) = policies.get() else { return Policies::default() };
    Policies {
        action: Direction::ALL.into_iter().filter_map(|way| action(set, way)).collect(),
        cost: set.cost.as_ref().map(cost),
    }
}

/// What is set, as a JSON object.
pub(super) fn object(of: &policy::Policies) -> JsonObject {
    match serde_json::to_value(shown(of)) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => JsonObject::new(),
    }
}

fn action(set: &PolicySet, direction: Direction) -> Option<ActionPolicy> {
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

fn cost(set: &Set<CostLimits>) -> CostPolicy {
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
