//! How a workspace stands at this moment: the figures of the sentence on top of every page.

use std::collections::HashSet;
use std::time::Duration;

use axme_api::mesh::{CountSource, NeedsPerson, OverviewAnswer, ReplicaCounts, StoppedAgents};
use axme_core::health::Health;
use axme_core::hold::{Hold, RunState};
use axme_core::id::{AddressId, KillId, WorkspaceId};
use axme_core::state::State;
use axme_core::time::Timestamp;
use axme_engine::control::Standing;
use axme_engine::enforcer::Cell;
use axme_engine::{Caller, Engine};

use super::agents::is_listed;
use super::instances::sources;
use super::wording::grouped;
use super::{Place, ReadError, asked_workspace, unless_stale};

/// Stopped agents whose instances are looked at, so that the sentence stays quick.
const KILLS_LOOKED_AT_MAX: usize = 1_000;
/// How long instances have to stop before somebody has to look after them.
const INSTANCES_STOP_WITHIN: Duration = Duration::from_secs(10);

/// See the module.
pub(crate) async fn of(
    engine: &Engine,
    caller: &Caller,
    place: Place<'_>,
) -> Result<OverviewAnswer, ReadError> {
    let workspace = asked_workspace(engine, caller, place)?;
    let now = engine.clock.wall();
    let mut count = Count::default();
    engine.enforcer.each_cell(|cell| count.add(engine, workspace, cell));
    let (not_stopped, at_least) = not_stopped(engine, &count.stopped_agents, now).await?;
    let needs = NeedsPerson {
        agents: count.unreachable + not_stopped,
        unreachable: count.unreachable,
        not_stopped,
        at_least,
    };
    let admitted = engine.rates.per_second(workspace, engine.clock.mono());
    let replicas = replicas(engine).await?;
    Ok(OverviewAnswer {
        ok: true,
        workspace_id: workspace.to_string(),
        at: now.to_string(),
        sentence: sentence(count.stopped.total, needs, count.running, admitted, replicas),
        agents: count.agents,
        stopped: count.stopped,
        running: count.running,
        unknown: count.unknown,
        needs,
        admitted_per_second: admitted,
        replicas,
        sources: sources([
            ("agents", CountSource::Gateway),
            ("stopped", CountSource::Gateway),
            ("running", CountSource::Gateway),
            ("needs", CountSource::Gateway),
            ("admitted_per_second", CountSource::Gateway),
            ("replicas", CountSource::Ledger),
        ]),
    })
}

/// Agents of a workspace, counted without the control state.
#[derive(Debug, Default)]
struct Count {
    agents: u64,
    stopped: StoppedAgents,
    running: u64,
    unknown: u64,
    unreachable: u64,
    stopped_agents: Vec<AddressId>,
}

impl Count {
    fn add(&mut self, engine: &Engine, workspace: WorkspaceId, cell: &Cell) {
        let Some(address_id) = cell.address_id() else { return };
        let run_state = cell.run_state();
        if cell.workspace_id != workspace || !is_listed(cell.is_live(), run_state) {
            return;
        }
        self.agents += 1;
        match engine.heartbeats.health(cell) {
            Health::Healthy | Health::Degraded => self.running += 1,
            Health::Unreachable => self.unreachable += 1,
            Health::Unknown => self.unknown += 1,
            Health::Killed | Health::Paused | Health::Quarantined => {}
        }
        match run_state {
            RunState::Active => return,
            RunState::Killed => self.stopped.killed += 1,
            RunState::Paused => self.stopped.paused += 1,
            RunState::Quarantined => self.stopped.quarantined += 1,
        }
        self.stopped.total += 1;
        self.stopped_agents.push(address_id);
    }
}

/// How many of these agents have instances that did not stop for their newest kill, and whether
/// there are more agents than were looked at.
async fn not_stopped(
    engine: &Engine,
    stopped: &[AddressId],
    now: Timestamp,
) -> Result<(u64, bool), ReadError> {
    let looked_at = stopped.iter().take(KILLS_LOOKED_AT_MAX);
    let kills: Vec<KillId> = engine.control.read(|state| {
        let old_enough = |hold: &&Hold| hold.at.plus(INSTANCES_STOP_WITHIN) <= now;
        let newest = looked_at.filter_map(|agent| newest_hold(state, *agent).filter(old_enough));
        newest.map(|hold| hold.kill_id).collect()
    });
    let left = unless_stale(engine, engine.ledger.unstopped(&kills)).await?;
    let left: HashSet<KillId> = left.into_iter().map(|(kill, _)| kill).collect();
    let agents = kills.iter().filter(|kill| left.contains(kill)).count();
    Ok((agents as u64, stopped.len() > KILLS_LOOKED_AT_MAX))
}

/// The newest hold on an agent, else on its workspace.
fn newest_hold(state: &State, agent: AddressId) -> Option<&Hold> {
    let agent = state.agent(agent)?;
    let imposed = || state.workspace(agent.workspace_id)?.holds.iter().next_back();
    agent.holds.iter().next_back().or_else(imposed)
}

/// The replicas by their ids: one that has come back counts once. None while the store is gone.
async fn replicas(engine: &Engine) -> Result<Option<ReplicaCounts>, ReadError> {
    let roster = async { engine.control.roster().await.map(Some) };
    let roster = unless_stale(engine, roster).await?;
    Ok(roster.map(|roster| {
        let ids = roster.replicas.iter().map(|(row, standing)| (&row.profile.replica_id, standing));
        let fresh: HashSet<_> = ids
            .clone()
            .filter(|(_, standing)| **standing == Standing::Fresh)
            .map(|(id, _)| id)
            .collect();
        let all: HashSet<_> = ids.map(|(id, _)| id).collect();
        ReplicaCounts { fresh: fresh.len() as u64, total: all.len() as u64 }
    }))
}

/// Such as `3 agents stopped, 2 need you, 194 running; admitted 41/s; replicas 3 of 3 fresh`.
fn sentence(
    stopped: u64,
    needs: NeedsPerson,
    running: u64,
    admitted: f64,
    replicas: Option<ReplicaCounts>,
) -> String {
    let stopped = match stopped {
        0 => "no agent stopped".to_owned(),
        1 => "1 agent stopped".to_owned(),
        many => format!("{} agents stopped", grouped(many)),
    };
    let needs = match needs.agents {
        0 => "none needs you".to_owned(),
        1 => "1 needs you".to_owned(),
        many => format!("{} need you", grouped(many)),
    };
    let replicas = match replicas {
        Some(ReplicaCounts { fresh, total }) => format!("replicas {fresh} of {total} fresh"),
        None => "replicas unknown".to_owned(),
    };
    let running = grouped(running);
    format!("{stopped}, {needs}, {running} running; admitted {}/s; {replicas}", rate(admitted))
}

/// A rate as people read it: whole from ten on.
fn rate(per_second: f64) -> String {
    if per_second >= 10.0 || per_second == 0.0 {
        format!("{per_second:.0}")
    } else {
        format!("{per_second:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_is_stopped_and_who_needs_somebody() {
        let needs = |agents| NeedsPerson { agents, ..NeedsPerson::default() };
        let fresh = Some(ReplicaCounts { fresh: 3, total: 3 });
        assert_eq!(
            sentence(3, needs(2), 194, 41.2, fresh),
            "3 agents stopped, 2 need you, 194 running; admitted 41/s; replicas 3 of 3 fresh"
        );
        assert_eq!(
            sentence(1, needs(1), 9_998, 0.3, None),
            "1 agent stopped, 1 needs you, 9,998 running; admitted 0.3/s; replicas unknown"
        );
        assert_eq!(
            sentence(0, needs(0), 0, 0.0, Some(ReplicaCounts { fresh: 2, total: 3 })),
            "no agent stopped, none needs you, 0 running; admitted 0/s; replicas 2 of 3 fresh"
        );
    }
}
