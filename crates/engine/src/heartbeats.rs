//! Heartbeats: signs of life in memory, metrics in the ledger.
//!
//! A beat without metrics touches its agent's cell and is written within a second; one with
//! metrics is answered after they are durable, and counted once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axme_core::decide::Action;
use axme_core::health::{Health, HealthThresholds};
use axme_core::id::AddressId;
use axme_core::time::Timestamp;
use axme_store::Ledger;
use axme_store::ledger::{MetricsAdded, NewMetrics, SignsOfLife, Usage};

use crate::caller::Caller;
use crate::clock::Clock;
use crate::control::Control;
use crate::enforcer::{Cell, Enforcer};
use crate::intents::{Denied, IntentError};
use crate::observer::Observer;

/// Agents that a scan looks at before it lets others have the processor.
const SCAN_CHUNK: usize = 4_096;

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    control: Arc<Control>,
    enforcer: Arc<Enforcer>,
    ledger: Arc<dyn Ledger>,
    observer: Arc<Observer>,
    clock: Clock,
    thresholds: HealthThresholds,
    saved: Arc<Mutex<Saved>>,
}

/// Up to when signs of life have been written.
#[derive(Debug, Default)]
struct Saved {
    agents: HashMap<AddressId, Timestamp>,
    keys: HashMap<axme_core::id::KeyId, Timestamp>,
}

impl Heartbeats {
    #[must_use]
    pub fn new(
        control: Arc<Control>,
        enforcer: Arc<Enforcer>,
        ledger: Arc<dyn Ledger>,
        observer: Arc<Observer>,
        clock: Clock,
    ) -> Self {
        let thresholds = HealthThresholds::default();
        Self { control, enforcer, ledger, observer, clock, thresholds, saved: Arc::default() }
    }

    /// Takes a beat of the caller's agent. A stopped agent's beats are taken too: how it is told.
    pub async fn beat(
        &self,
        caller: &Caller,
        metrics: Option<(Usage, Box<str>)>,
    ) -> Result<Arc<Cell>, IntentError> {
        let agent = caller.agent().ok_or(IntentError::NoAgentBound)?;
        self.enforcer
            .decide_alone(&caller.key, Action::Heartbeat, Some(agent))
            .map_err(|denial| Denied::about(denial, Some(agent)))?;
        let now = self.clock.wall();
        agent.touch(now);
        if let (Some((usage, beat_id)), Some(address_id)) = (metrics, agent.address_id()) {
            let workspace_id = agent.workspace_id;
            let metrics = NewMetrics { address_id, workspace_id, beat_id, usage, at: now };
            match self.ledger.add_metrics(metrics).await? {
                MetricsAdded::Added | MetricsAdded::Repeated => {}
            }
        }
        Ok(Arc::clone(agent))
    }

    /// The health of an agent at this moment.
    #[must_use]
    pub fn health(&self, agent: &Cell) -> Health {
        Health::at(self.clock.wall(), agent.last_seen(), agent.run_state(), self.thresholds)
    }

    /// Takes up what was known before a restart.
    pub async fn restore(&self) -> Result<(), axme_store::StoreError> {
        let signs = self.ledger.signs_of_life().await?;
        let agents: HashMap<_, _> = signs.agents.into_iter().collect();
        let keys: HashMap<_, _> = signs.keys.into_iter().collect();
        self.enforcer.each_cell(|cell| {
            if let Some(seen) = cell.address_id().and_then(|id| agents.get(&id)) {
                cell.touch(*seen);
            }
        });
        self.enforcer.each_key(|key| {
            if let Some(used) = keys.get(&key.key_id) {
                key.touch(*used);
            }
        });
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Saved { agents, keys };
        Ok(())
    }

    /// Writes the signs of life that came since the last time.
    pub async fn save(&self) -> Result<(), axme_store::WriteError> {
        let mut signs = SignsOfLife::default();
        {
            let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
            self.enforcer.each_cell(|cell| {
                if let (Some(id), Some(seen)) = (cell.address_id(), cell.last_seen())
                    && saved.agents.get(&id) != Some(&seen)
                {
                    signs.agents.push((id, seen));
                }
            });
            self.enforcer.each_key(|key| {
                if let Some(used) = key.last_used()
                    && saved.keys.get(&key.key_id) != Some(&used)
                {
                    signs.keys.push((key.key_id, used));
                }
            });
        }
        if signs == SignsOfLife::default() {
            return Ok(());
        }
        self.ledger.save_signs_of_life(signs.clone()).await?;
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        saved.agents.extend(signs.agents);
        saved.keys.extend(signs.keys);
        Ok(())
    }

    /// Notes whose health has changed since the last look.
    pub async fn look_for_changes(&self) {
        let mut cells = Vec::new();
        self.enforcer.each_cell(|cell| {
            if cell.is_live() {
                cells.push(Arc::clone(cell));
            }
        });
        let now = self.clock.wall();
        for chunk in cells.chunks(SCAN_CHUNK) {
            for cell in chunk {
                let health = self.health(cell);
                if let (Some(before), Some(id)) = (cell.swap_health(health), cell.address_id())
                    && before != health
                {
                    let scope = self.control.read(|state| {
                        state.workspace(cell.workspace_id).map(|found| found.scope())
                    });
                    if let Some(scope) = scope {
                        self.observer.health_changed(now, (cell, id), scope, (before, health));
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }
}
