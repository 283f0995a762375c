//! What happened to the agent of an incident, in its order.

use axme_api::mesh::{IncidentEntry, IncidentPhase, MeshEvent};
use axme_core::time::Timestamp;
use axme_engine::Engine;

use super::Told;
use crate::read::ReadError;
use crate::read::events;

/// Everything that is told of agents but what was refused, which is counted.
const ACTIONS: [&str; 9] = [
    "agent.registered",
    "agent.deleted",
    "agent.killed",
    "agent.paused",
    "agent.quarantined",
    "agent.resumed",
    "agent.health_changed",
    "agent.policy",
    "policy.",
];

/// The kill that an incident is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends<'a> {
    pub(super) kill: &'a str,
    pub(super) killed_at: Timestamp,
}

/// What happened, oldest first, and whether there was more.
pub(super) async fn read(
    engine: &Engine,
    told: &Told,
    ends: Ends<'_>,
) -> Result<(Vec<IncidentEntry>, bool), ReadError> {
    let (rows, more) = told.rows(engine, &ACTIONS, told.since).await?;
    let mut events = events::of_rows(engine, &rows);
    events.reverse();
    let entry = |(at, event): (Timestamp, MeshEvent)| IncidentEntry {
        phase: phase(told, ends, at, &event),
        event,
    };
    Ok((events.into_iter().map(entry).collect(), more))
}

fn phase(told: &Told, ends: Ends<'_>, at: Timestamp, event: &MeshEvent) -> IncidentPhase {
    if event.event_id == ends.kill {
        IncidentPhase::Kill
    } else if at < ends.killed_at {
        IncidentPhase::Before
    } else if event.event_type == "agent.resumed" && at == told.until {
        IncidentPhase::Resume
    } else {
        IncidentPhase::During
    }
}
