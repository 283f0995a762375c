//! Where an agent's instances can go on: what was kept of them with its last kill.

use axme_api::mesh::{LastState, LastStateAnswer};
use axme_core::id::{AddressId, KillId, Revision};
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::instances::{FrozenInstance, INSTANCES_LISTED_MAX, Instance};

use super::instances::{shown_object, shown_progress};
use super::{Found, ReadError, kill_record, with_agent};

/// What the instances of an agent said last before it was stopped.
pub(crate) async fn of(
    engine: &Engine,
    caller: &Caller,
    named: &str,
) -> Result<LastStateAnswer, ReadError> {
    let found = with_agent(engine, caller, named, Found::of)?;
    let address_id = found.agent.address_id;
    let mut answer = LastStateAnswer {
        ok: true,
        address_id: address_id.to_string(),
        address: found.agent.address.to_string(),
        frozen: false,
        kill_id: None,
        at: None,
        instances: Vec::new(),
    };
    if let Some((kill, at)) = last_kill(engine, address_id).await? {
        answer.frozen = true;
        answer.kill_id = Some(kill.to_string());
        answer.at = Some(at.to_string());
        answer.instances = frozen_at(engine, kill).await?;
    } else {
        drop(engine.instances.save_of(address_id).await);
        let ledger = &engine.ledger;
        let rows = ledger.instances(address_id, None, INSTANCES_LISTED_MAX).await?;
        answer.instances = rows.into_iter().map(said_last).collect();
    }
    Ok(answer)
}

/// What was kept of instances with a kill.
pub(crate) async fn frozen_at(engine: &Engine, kill: KillId) -> Result<Vec<LastState>, ReadError> {
    let frozen = engine.instances.frozen(kill).await?;
    Ok(frozen.instances.into_iter().map(kept).collect())
}

/// The newest kill of an agent.
async fn last_kill(
    engine: &Engine,
    address_id: AddressId,
) -> Result<Option<(KillId, Timestamp)>, ReadError> {
    let standing = engine.control.read(|state| {
        let newest = state.agent(address_id)?.holds.iter().next_back()?;
        Some((newest.kill_id, newest.at))
    });
    if standing.is_some() {
        return Ok(standing);
    }
    let mut after = Revision::default();
    let mut last = None;
    loop {
        let log = engine.control.log();
        let entries = log.stops_and_resumes(after, Some(address_id)).await?;
        let Some(newest) = entries.last() else { return Ok(last) };
        after = newest.revision;
        let kills =
            entries.iter().filter_map(|logged| kill_record::ordered(logged).zip(Some(logged)));
        let mut kills = kills.map(|((hold, _), logged)| (hold.kill_id, logged.entry.at));
        last = kills.next_back().or(last);
    }
}

fn kept(instance: FrozenInstance) -> LastState {
    LastState {
        instance_id: instance.instance_id.into(),
        region: instance.region.map(String::from),
        metadata: instance.metadata.as_deref().and_then(shown_object),
        progress: instance.progress.map(shown_progress),
        at: instance.last_seen_at.to_string(),
        late: instance.late,
    }
}

fn said_last(instance: Instance) -> LastState {
    LastState {
        instance_id: instance.instance_id.into(),
        region: instance.said.region.map(String::from),
        metadata: instance.said.metadata.as_deref().and_then(shown_object),
        progress: instance.said.progress.map(shown_progress),
        at: instance.last_seen_at.to_string(),
        late: false,
    }
}
