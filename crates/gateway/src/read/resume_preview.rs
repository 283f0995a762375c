//! Why an agent is stopped, and what will flow when it is resumed.

use axme_api::mesh::{CountSource, HeldIntents, HoldInForce, HoldTarget, ResumePreviewAnswer};
use axme_core::hold::{Hold, Holds};
use axme_core::state::{Agent, State};
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::ledger::Waiting;

use super::instances::sources;
use super::{Found, ReadError, unless_stale, with_agent};

/// See the module.
pub(crate) async fn of(
    engine: &Engine,
    caller: &Caller,
    named: &str,
) -> Result<ResumePreviewAnswer, ReadError> {
    let with_imposed = |state: &State, agent: &Agent| {
        let workspace = state.workspace(agent.workspace_id);
        let imposed = workspace.map(|found| found.holds.clone()).unwrap_or_default();
        (Found::of(state, agent), imposed)
    };
    let (found, imposed) = with_agent(engine, caller, named, with_imposed)?;
    let agent = &found.agent;
    let waiting = engine.ledger.waiting(agent.workspace_id, &agent.address);
    let waiting = unless_stale(engine, waiting).await?;
    let now = engine.clock.wall();
    Ok(ResumePreviewAnswer {
        ok: true,
        address_id: agent.address_id.to_string(),
        address: agent.address.to_string(),
        display_name: agent.display_name().to_owned(),
        run_state: found.standing(engine).1.as_str().to_owned(),
        revision: found.revision.0,
        holds: in_force(&imposed, &agent.holds),
        stays_stopped: !imposed.is_empty(),
        held: held(waiting, now),
        sources: sources([("held", CountSource::Ledger)]),
    })
}

/// All holds, oldest first.
fn in_force(imposed: &Holds, own: &Holds) -> Vec<HoldInForce> {
    let imposed = imposed.iter().map(|hold| (hold, HoldTarget::Workspace));
    let own = own.iter().map(|hold| (hold, HoldTarget::Agent));
    let mut holds: Vec<(&Hold, HoldTarget)> = imposed.chain(own).collect();
    holds.sort_by_key(|(hold, _)| hold.revision);
    holds.into_iter().map(|(hold, on)| shown(hold, on)).collect()
}

fn shown(hold: &Hold, on: HoldTarget) -> HoldInForce {
    HoldInForce {
        kill_id: hold.kill_id.to_string(),
        on,
        mode: hold.mode.as_str().to_owned(),
        by: hold.by.name.to_string(),
        rule: hold.by.rule.as_deref().map(str::to_owned),
        reason: hold.reason.as_deref().map(str::to_owned),
        at: hold.at.to_string(),
        revision: hold.revision.0,
    }
}

fn held(waiting: Waiting, now: Timestamp) -> HeldIntents {
    HeldIntents {
        total: waiting.total(),
        to_it: waiting.to_it,
        from_it: waiting.from_it,
        oldest_at: waiting.oldest_at.map(|at| at.to_string()),
        oldest_age_seconds: waiting.oldest_at.map(|at| now.since(at).as_secs()),
    }
}
