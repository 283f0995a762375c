//! Policies: set, replaced, taken away.

use serde_json::{Value, json};

use super::authority::Authority;
use super::{Draft, Outcome};
use crate::change::Change;
use crate::command::{NewPolicy, Order, SetPolicy};
use crate::policy::{CostLimits, Money, PATTERNS_MAX, PolicyChange, PolicySet, Set};
use crate::refusal::{Missing, Refusal};
use crate::state::State;

/// Plans a policy. One that is there already, to the letter, changes nothing.
pub(super) fn set(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    set: &SetPolicy,
) -> Outcome {
    authority.command_agents()?;
    let missing = Refusal::NotFound(Missing::Agent);
    let agent = state.agent(set.agent).ok_or_else(|| missing.clone())?;
    let workspace = state.workspace(agent.workspace_id).ok_or(missing)?;
    authority.reach(workspace.scope(), Missing::Agent)?;
    check(&set.policy)?;
    let before = agent.policies.get().cloned().unwrap_or_default();
    if is_same(&before, &set.policy) {
        return Ok(None);
    }
    let policy = change(order, authority, &set.policy);
    let after = match &policy {
        PolicyChange::Action { set, .. } => set.as_ref().map(|set| json!(set.policy)),
        PolicyChange::Cost { set } => set.as_ref().map(|set| limits(&set.policy)),
    };
    let kind = kind(&set.policy);
    let changes = vec![Change::PolicyPut { address_id: agent.address_id, policy: policy.into() }];
    Ok(Some(Draft {
        address_id: Some(agent.address_id),
        before: Some(json!({ kind: shown(&before, &set.policy) })),
        after: Some(json!({ kind: after })),
        ..Draft::new("agent.policy_changed", workspace.scope(), agent.address.as_str(), changes)
    }))
}

fn check(policy: &NewPolicy) -> Result<(), Refusal> {
    match policy {
        NewPolicy::Action { policy: Some(policy), .. } if policy.patterns.len() > PATTERNS_MAX => {
            Err(Refusal::LimitReached { what: "patterns of one policy", limit: PATTERNS_MAX })
        }
        NewPolicy::Action { .. } | NewPolicy::Cost { .. } => Ok(()),
    }
}

fn change(order: &Order, authority: &Authority<'_>, policy: &NewPolicy) -> PolicyChange {
    let (updated_at, updated_by) = (order.at, authority.name().name);
    match policy.clone() {
        NewPolicy::Action { direction, policy } => PolicyChange::Action {
            direction,
            set: policy.map(|policy| Set { policy, updated_at, updated_by }),
        },
        NewPolicy::Cost { limits } => {
            PolicyChange::Cost { set: limits.map(|policy| Set { policy, updated_at, updated_by }) }
        }
    }
}

fn is_same(before: &PolicySet, policy: &NewPolicy) -> bool {
    match policy {
        NewPolicy::Action { direction, policy } => {
            before.action(*direction).map(|set| &set.policy) == policy.as_ref()
        }
        NewPolicy::Cost { limits } => {
            before.cost.as_ref().map(|set| &set.policy) == limits.as_ref()
        }
    }
}

/// What the audit calls the policy.
const fn kind(policy: &NewPolicy) -> &'static str {
    match policy {
        NewPolicy::Action { direction, .. } => direction.as_str(),
        NewPolicy::Cost { .. } => "cost",
    }
}

/// The policy that was there, as the audit shows it.
fn shown(before: &PolicySet, policy: &NewPolicy) -> Value {
    match policy {
        NewPolicy::Action { direction, .. } => {
            before.action(*direction).map_or(Value::Null, |set| json!(set.policy))
        }
        NewPolicy::Cost { .. } => {
            before.cost.as_ref().map_or(Value::Null, |set| limits(&set.policy))
        }
    }
}

/// Limits under the names, and in the units, in which they are set.
fn limits(limits: &CostLimits) -> Value {
    json!({
        "max_intents_per_day": limits.intents_per_day,
        "max_intents_per_hour": limits.intents_per_hour,
        "max_cost_per_day_usd": limits.cost_per_day.map(Money::as_usd),
        "action_on_breach": limits.on_breach,
    })
}
