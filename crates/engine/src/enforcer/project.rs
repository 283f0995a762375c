//! The cells as a projection of the control state: kept entry by entry, equal to a fresh one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axme_core::address::Address;
use axme_core::change::{Change, Entry, HeldTarget};
use axme_core::hold::RunState;
use axme_core::id::{AddressId, KeyId, KillId, WorkspaceId};
use axme_core::state::{Agent, State};

use super::{Cell, Enforcer, KeyCell};

impl Enforcer {
    /// Projects a whole state, as it was loaded.
    pub fn project_all(&self, state: &State) {
        // Made large at once: growing step by step copies what is there each time.
        self.cells.pin().reserve(state.agents().len());
        self.keys.pin().reserve(state.keys().len());
        for workspace in state.workspaces() {
            let imposed = workspace.holds.run_state();
            self.imposed.pin().insert(workspace.workspace_id, imposed);
        }
        state.agents().for_each(|agent| self.project_agent(state, agent));
        state.keys().for_each(|key| self.project_key(state, key.key_id));
        self.applied.store(state.revision().0, Ordering::SeqCst);
    }

    /// Projects a state in the place of another, and answers the agents that are stopped in it.
    /// What only the other knew is a stranger now, and its keys do not work.
    pub fn replace(&self, state: &State) -> Vec<Arc<Cell>> {
        for key in self.keys.pin().values() {
            if state.key(key.key_id).is_none() {
                key.revoke();
                self.streams.end_of_key(key.key_id);
            }
        }
        self.imposed.pin().clear();
        self.terms.pin().clear();
        for cell in self.cells.pin().values() {
            let known = cell.address_id().and_then(|id| state.agent(id));
            if known.is_none() {
                cell.set_live(false);
                self.set_run_state(cell, state.workspace_state(cell.workspace_id));
            }
        }
        self.project_all(state);
        let cells = self.cells.pin();
        cells.values().filter(|cell| cell.run_state() != RunState::Active).map(Arc::clone).collect()
    }

    /// Projects one entry that `state` has just applied, and answers the agents that it stopped.
    pub fn project(&self, state: &State, entry: &Entry) -> Vec<Arc<Cell>> {
        let mut stopped = Vec::new();
        for change in &entry.changes {
            self.project_change(state, entry, change, &mut stopped);
        }
        self.applied.store(state.revision().0, Ordering::SeqCst);
        stopped
    }

    /// Takes back an order that never came into the log.
    pub fn cancel_order(&self, state: &State, kill: KillId) {
        for cell in self.forget_order(kill) {
            let agent = cell.address_id().and_then(|id| state.agent(id));
            let logged = match agent {
                Some(agent) => state.run_state(agent),
                None => state.workspace_state(cell.workspace_id),
            };
            self.set_run_state(&cell, logged);
        }
    }

    /// The agents that a hold on `target` stops, as they are known now.
    pub fn cells_of(&self, state: &State, target: HeldTarget) -> Vec<Arc<Cell>> {
        match target {
            HeldTarget::Agent { address_id } => {
                let agent = state.agent(address_id);
                agent.map(|agent| self.ensure_cell(state, agent)).into_iter().collect()
            }
            HeldTarget::Workspace { workspace_id } => self.cells_in(workspace_id),
        }
    }

    fn project_change(
        &self,
        state: &State,
        entry: &Entry,
        change: &Change,
        stopped: &mut Vec<Arc<Cell>>,
    ) {
        match change {
            Change::OrganizationPut { .. }
            | Change::WorkspacePut { .. }
            | Change::DashboardTokenIssued { .. }
            | Change::SessionOpened { .. }
            | Change::SessionEnded { .. } => {}
            Change::AddressRegistered { address_id, .. }
            | Change::AccountPut { address_id, .. }
            | Change::AccountDeleted { address_id, .. } => self.project_address(state, *address_id),
            Change::KeyPut { key } => self.project_key(state, key.key_id),
            Change::KeyRevoked { key_id } => self.project_key(state, *key_id),
            Change::HoldAdded { target, hold } => {
                let target = state.standing_target(entry, *target);
                self.forget_order(hold.kill_id);
                self.project_target(state, target);
                stopped.extend(self.cells_of(state, target));
            }
            Change::HoldsLifted { target, .. } => {
                self.project_target(state, state.standing_target(entry, *target));
            }
            Change::PolicyPut { address_id, .. } => self.project_policies(state, *address_id),
        }
    }

    fn project_target(&self, state: &State, target: HeldTarget) {
        match target {
            HeldTarget::Agent { address_id } => self.project_address(state, address_id),
            HeldTarget::Workspace { workspace_id } => {
                let imposed = state.workspace_state(workspace_id);
                self.imposed.pin().insert(workspace_id, imposed);
                for cell in self.cells_in(workspace_id) {
                    let agent = cell.address_id().and_then(|id| state.agent(id));
                    let logged = agent.map_or(imposed, |agent| state.run_state(agent));
                    self.set_run_state(&cell, logged);
                }
            }
        }
    }

    fn project_address(&self, state: &State, address_id: AddressId) {
        if let Some(agent) = state.agent(address_id) {
            self.project_agent(state, agent);
        }
    }

    fn project_agent(&self, state: &State, agent: &Agent) {
        let cell = self.ensure_cell(state, agent);
        cell.identify(agent.address_id, agent.live_account().is_some());
        if !agent.policies.is_empty() {
            self.project_policies(state, agent.address_id);
        }
        self.set_run_state(&cell, state.run_state(agent));
    }

    fn project_key(&self, state: &State, key_id: KeyId) {
        let Some(key) = state.key(key_id) else { return };
        let agent = key.account.and_then(|account| state.agent_of_account(account));
        let cell = agent.map(|agent| self.ensure_cell(state, agent));
        let keys = self.keys.pin();
        let key_cell = keys.get_or_insert_with(key.digest, || Arc::new(KeyCell::new(key, cell)));
        if key.revoked_at.is_some() {
            key_cell.revoke();
            self.streams.end_of_key(key_id);
        }
    }

    fn ensure_cell(&self, state: &State, agent: &Agent) -> Arc<Cell> {
        self.ensure(agent.workspace_id, &agent.address, || state.run_state(agent))
    }

    /// The cell of an address, made if there is none. A new one is born with its run state, so
    /// that there is no moment at which it admits what it should not.
    pub(crate) fn ensure(
        &self,
        workspace: WorkspaceId,
        address: &Address,
        run_state: impl Fn() -> RunState,
    ) -> Arc<Cell> {
        let key = (workspace, address.clone());
        let make = || Arc::new(Cell::new(workspace, address.clone(), run_state()));
        Arc::clone(self.cells.pin().get_or_insert_with(key, make))
    }

    fn cells_in(&self, workspace: WorkspaceId) -> Vec<Arc<Cell>> {
        let cells = self.cells.pin();
        let in_workspace = |cell: &&Arc<Cell>| cell.workspace_id == workspace;
        cells.values().filter(in_workspace).map(Arc::clone).collect()
    }
}
