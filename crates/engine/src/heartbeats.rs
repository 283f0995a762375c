//! Heartbeats: signs of life in memory, metrics in the ledger.
//!
//! A beat without metrics touches its agent's cell and is written within a second; one with
//! metrics is answered after they are durable, and counted once.

use std::sync::Arc;
use std::time::Duration;

use axme_core::decide::Action;
use axme_core::health::{Health, HealthThresholds};
use axme_core::hold::RunState;
use axme_core::id::{AddressId, KillId};
use axme_store::instances::Said;
use axme_store::ledger::{MetricsAdded, NewMetrics, SignsOfLife, Usage};
use axme_store::{Ledger, WriteError};

use crate::caller::Caller;
use crate::clock::Clock;
use crate::control::Control;
use crate::enforcer::{Cell, Enforcer};
use crate::instances::{Heard, Instances, Message, Name};
use crate::intents::{Denied, IntentError};
use crate::observer::Observer;
use crate::sessions::Sessions;

/// How far back the signs of life are read again that other replicas have written: more than
/// their clocks differ, and less than a table.
const OTHERS_WITHIN: Duration = Duration::from_secs(60);

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    control: Arc<Control>,
    enforcer: Arc<Enforcer>,
    ledger: Arc<dyn Ledger>,
    observer: Arc<Observer>,
    instances: Arc<Instances>,
    sessions: Sessions,
    clock: Clock,
    thresholds: HealthThresholds,
}

/// What a beat says.
#[derive(Clone, Debug)]
pub struct Signs {
    /// Of the instance that beats.
    pub name: Name,
    pub said: Said,
    /// Whether it ends in good order.
    pub ending: bool,
    /// What it counted since its last beat, and what this beat has in common with its repetitions.
    pub metrics: Option<(Usage, Box<str>)>,
}

/// A beat that was taken.
#[derive(Clone, Debug)]
pub struct Beaten {
    pub agent: Arc<Cell>,
    /// None when there are too many to keep this one.
    pub instance: Option<Arc<Heard>>,
}

impl Heartbeats {
    #[must_use]
    pub fn new(
        control: Arc<Control>,
        enforcer: Arc<Enforcer>,
        ledger: Arc<dyn Ledger>,
        observer: Arc<Observer>,
        instances: Arc<Instances>,
        sessions: Sessions,
        clock: Clock,
    ) -> Self {
        let thresholds = HealthThresholds::default();
        Self { control, enforcer, ledger, observer, instances, sessions, clock, thresholds }
    }

    /// Takes a beat of the caller's agent. A stopped agent's beats are taken too: how it is told.
    pub async fn beat(&self, caller: &Caller, signs: Signs) -> Result<Beaten, IntentError> {
        let agent = caller.agent().ok_or(IntentError::NoAgentBound)?;
        self.enforcer
            .decide_alone(&caller.key, Action::Heartbeat, Some(agent))
            .map_err(|denial| Denied::about(denial, Some(agent)))?;
        let now = self.clock.wall();
        agent.touch(now);
        let Some(address_id) = agent.address_id() else {
            return Ok(Beaten { agent: Arc::clone(agent), instance: None });
        };
        let Signs { name, said, ending, metrics } = signs;
        let mut reported = 0;
        if let Some((usage, beat_id)) = metrics {
            let workspace_id = agent.workspace_id;
            let metrics = NewMetrics { address_id, workspace_id, beat_id, usage, at: now };
            reported = match self.ledger.add_metrics(metrics).await? {
                MetricsAdded::Added => usage.intents_total,
                MetricsAdded::Repeated => 0,
            };
            agent.note_report(now);
        }
        let kill = self.kill_on(agent, address_id);
        if let Some(kill) = kill.filter(|_| reported > 0 || said != Said::default()) {
            self.instances.said_late(kill, &name, said.clone(), reported).await?;
        }
        let message = Message { name, said, ending, at: now };
        // An instance more than are kept beats all the same: it is how it is told.
        let instance = self.instances.hear(address_id, message).ok();
        Ok(Beaten { agent: Arc::clone(agent), instance })
    }

    /// The newest kill by which an agent is stopped now.
    fn kill_on(&self, agent: &Cell, address_id: AddressId) -> Option<KillId> {
        if agent.run_state() == RunState::Active {
            return None;
        }
        self.control.read(|state| {
            state.agent(address_id)?.holds.iter().next_back().map(|hold| hold.kill_id)
        })
    }

    /// The health of an agent at this moment.
    #[must_use]
    pub fn health(&self, agent: &Cell) -> Health {
        Health::at(self.clock.wall(), agent.last_seen(), agent.run_state(), self.thresholds)
    }

    /// Takes up what was known before a restart.
    pub async fn restore(&self) -> Result<(), axme_store::StoreError> {
        let signs = self.ledger.signs_of_life(None).await?;
        self.take_over(&signs);
        Ok(())
    }

    /// Takes up what other replicas have heard: beats of one agent may come to any of them.
    pub async fn read_others(&self) -> Result<(), axme_store::StoreError> {
        let after = self.clock.wall().minus(OTHERS_WITHIN);
        let signs = self.ledger.signs_of_life(Some(after)).await?;
        self.take_over(&signs);
        Ok(())
    }

    fn take_over(&self, signs: &SignsOfLife) {
        self.sessions.take_over(&signs.sessions);
        for (id, seen) in &signs.agents {
            let place = self.control.read(|state| {
                let agent = state.agent(*id)?;
                Some((agent.workspace_id, agent.address.clone()))
            });
            let cell =
                place.and_then(|(workspace, address)| self.enforcer.cell(workspace, &address));
            if let Some(cell) = cell {
                cell.touch(*seen);
                cell.mark_saved(*seen);
            }
        }
        for (id, used) in &signs.keys {
            let digest = self.control.read(|state| state.key(*id).map(|key| key.digest));
            if let Some(key) = digest.and_then(|digest| self.enforcer.key(&digest)) {
                key.touch(*used);
                key.mark_saved(*used);
            }
        }
    }

    /// Writes the signs of life that came since the last time.
    pub async fn save(&self) -> Result<(), WriteError> {
        let (cells, keys) = self.scan(Enforcer::unsaved).await;
        let sessions = self.sessions.unsaved();
        if cells.is_empty() && keys.is_empty() && sessions.is_empty() {
            return Ok(());
        }
        let of_cell = |(cell, seen): &(Arc<Cell>, _)| cell.address_id().map(|id| (id, *seen));
        let signs = SignsOfLife {
            agents: cells.iter().filter_map(of_cell).collect(),
            keys: keys.iter().map(|(key, used)| (key.key_id, *used)).collect(),
            sessions: sessions.clone(),
        };
        self.ledger.save_signs_of_life(signs).await?;
        cells.iter().for_each(|(cell, seen)| cell.mark_saved(*seen));
        keys.iter().for_each(|(key, used)| key.mark_saved(*used));
        self.sessions.mark_saved(&sessions);
        Ok(())
    }

    /// Notes whose health has changed since the last look.
    pub async fn look_for_changes(&self) {
        let now = self.clock.wall();
        let thresholds = self.thresholds;
        let changed = self.scan(move |enforcer| enforcer.changed_health(now, thresholds)).await;
        for (cell, before, health) in changed {
            let scope = self.control.read(|state| {
                state.workspace(cell.workspace_id).map(|workspace| workspace.scope())
            });
            if let (Some(scope), Some(id)) = (scope, cell.address_id()) {
                self.observer.health_changed(now, (&cell, id), scope, (before, health));
            }
        }
    }

    /// Looks at every agent, which takes a while when there are a million: not on a thread that
    /// serves requests.
    async fn scan<T: Default + Send + 'static>(
        &self,
        look: impl FnOnce(&Enforcer) -> T + Send + 'static,
    ) -> T {
        let enforcer = Arc::clone(&self.enforcer);
        tokio::task::spawn_blocking(move || look(&enforcer)).await.unwrap_or_default()
    }
}
