//! Giving an agent a policy, or taking it away.

use axme_core::command::{Command, NewPolicy, SetPolicy};
use axme_engine::chance::Chance;
use axme_engine::control::Carried;
use axme_engine::{Caller, Engine};
use axme_store::control::IdempotencyKey;

use super::OrderError;
use crate::read::with_agent;

/// A policy as its caller wants it.
#[derive(Clone, Debug)]
pub(crate) struct PolicyOrder<'a> {
    /// Id, address or name of the agent.
    pub(crate) agent: &'a str,
    pub(crate) policy: NewPolicy,
    pub(crate) idempotency: Option<IdempotencyKey>,
}

/// Sets a policy on every replica, or takes it away. Answers whether that changed anything.
pub(crate) async fn set_policy(
    engine: &Engine,
    caller: &Caller,
    order: PolicyOrder<'_>,
) -> Result<bool, OrderError> {
    let agent = with_agent(engine, caller, order.agent, |_state, agent| agent.address_id)?;
    let at = engine.clock.wall();
    let set = Command::SetPolicy(SetPolicy { agent, policy: order.policy });
    let command = caller.order(Chance.command(at), at, set);
    let carried = engine.control.carry_out(command, order.idempotency).await?;
    Ok(matches!(carried, Carried::Entry { .. }))
}
