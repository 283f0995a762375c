//! Resuming an agent.

use std::sync::Arc;

use axme_api::mesh::ResumeAnswer;
use axme_core::command::{Command, Resume};
use axme_core::id::{AddressId, Revision};
use axme_core::state::State as ControlState;
use axme_engine::chance::Chance;
use axme_engine::control::Carried;
use axme_engine::enforcer::{Cell, Topic};
use axme_engine::{Caller, Engine};
use axme_store::control::{IdempotencyKey, LogEntry};

use super::{OrderError, target};
use crate::read::{Found, control_event_id, history, last_state, with_agent};

/// A resume as its caller wants it.
#[derive(Clone, Debug)]
pub(crate) struct ResumeOrder<'a> {
    /// Id, address or name of the agent.
    pub(crate) agent: &'a str,
    /// The revision that the caller saw; what is applied now when it names none.
    pub(crate) seen: Option<u64>,
    pub(crate) reason: Option<Box<str>>,
    pub(crate) idempotency: Option<IdempotencyKey>,
}

/// Lifts the holds that the caller has seen.
pub(crate) async fn resume(
    engine: &Engine,
    caller: &Caller,
    order: ResumeOrder<'_>,
) -> Result<ResumeAnswer, OrderError> {
    let seen = seen(engine, order.seen).await?;
    let at = engine.clock.wall();
    let target = target(engine, caller, order.agent, None)?;
    let resume = Resume { target, seen, reason: order.reason };
    let command = caller.order(Chance.command(at), at, Command::Resume(resume));
    match engine.control.carry_out(command, order.idempotency).await? {
        Carried::Entry { entry, before } => {
            let resumed = resumed(engine, &entry).await?;
            if !before && let Some(cell) = resumed.cell {
                engine.requeue(entry.revision);
                engine.enforcer.wake(&Topic::Queue(cell.key()));
            }
            Ok(resumed.answer)
        }
        Carried::Nothing => unchanged(engine, caller, order.agent),
    }
}

/// The revision up to which holds are lifted: what the operator saw, else what is applied now.
async fn seen(engine: &Engine, named: Option<u64>) -> Result<Revision, OrderError> {
    let control = &engine.control;
    let applied = || control.read(ControlState::revision);
    let Some(revision) = named.map(Revision) else { return Ok(applied()) };
    if revision > applied() {
        // Seen at another replica, perhaps.
        control.fold(None).await?;
    }
    let newest = applied();
    if revision > newest {
        return Err(OrderError::NotSeen { newest });
    }
    Ok(revision)
}

/// A resume that is in the log.
struct Resumed {
    answer: ResumeAnswer,
    cell: Option<Arc<Cell>>,
}

async fn resumed(engine: &Engine, logged: &LogEntry) -> Result<Resumed, OrderError> {
    let not_a_resume = || OrderError::Unexpected;
    let (address_id, seen) = lifted_up_to(logged).ok_or_else(not_a_resume)?;
    let found = engine.control.read(|state| {
        let agent = state.agent(address_id)?;
        Some(Found::of(state, agent))
    });
    let found = found.ok_or_else(not_a_resume)?;
    // The resume has happened: an answer without its list is better than none.
    let lifted = history::kills_before(engine, address_id, logged.revision, seen).await;
    let lifted = lifted.unwrap_or_else(|error| {
        tracing::warn!(%error, agent = %address_id, "could not list the kills that a resume ended");
        Vec::new()
    });
    let instances = match lifted.last() {
        Some(kill) => last_state::frozen_at(engine, *kill).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let (health, run_state) = found.standing(engine);
    let answer = ResumeAnswer {
        ok: true,
        status: run_state.as_str().to_owned(),
        health_status: health.as_str().to_owned(),
        address_id: address_id.to_string(),
        address: found.agent.address.to_string(),
        revision: logged.revision.0,
        event_id: control_event_id(logged.revision),
        resumed_at: logged.entry.at.to_string(),
        resumed_by: logged.entry.actor.name.to_string(),
        lifted: lifted.into_iter().map(|kill| kill.to_string()).collect(),
        already: false,
        instances,
    };
    let cell = engine.enforcer.cell(found.agent.workspace_id, &found.agent.address);
    Ok(Resumed { answer, cell })
}

/// The answer when no hold was in force.
fn unchanged(engine: &Engine, caller: &Caller, named: &str) -> Result<ResumeAnswer, OrderError> {
    let found = with_agent(engine, caller, named, Found::of)?;
    let (health, run_state) = found.standing(engine);
    Ok(ResumeAnswer {
        ok: true,
        status: run_state.as_str().to_owned(),
        health_status: health.as_str().to_owned(),
        address_id: found.agent.address_id.to_string(),
        address: found.agent.address.to_string(),
        revision: found.revision.0,
        event_id: control_event_id(found.revision),
        resumed_at: engine.clock.wall().to_string(),
        resumed_by: caller.key.name.to_string(),
        lifted: Vec::new(),
        already: true,
        instances: Vec::new(),
    })
}

fn lifted_up_to(logged: &LogEntry) -> Option<(AddressId, Revision)> {
    logged.entry.changes.iter().find_map(|change| {
        let (target, seen, _lifter) = change.lifted_holds()?;
        Some((target.agent()?, seen))
    })
}
