//! One open transaction, and what belongs to it in memory.

use std::collections::HashMap;

use axme_core::address::Address;
use axme_core::id::{Epoch, WorkspaceId};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Result, params};

use crate::gate::Pass;
use crate::ledger::{CURSOR_STEP, Traffic};
use crate::lifecycle::Meter;
use crate::sqlite::columns::{Columns as _, int};
use crate::sqlite::standing::Step;
use crate::sqlite::traffic;

/// See the module.
pub(super) struct Batch<'c> {
    connection: &'c Connection,
    /// The epoch that the rows carry.
    pub(super) epoch: Epoch,
    /// The last cursor given in each lane of the batch; each lane is written once.
    lanes: HashMap<(WorkspaceId, Address), u64>,
    /// What senders have sent; its sums are written once.
    pub(super) meter: Meter,
    passes: Vec<Pass>,
    steps: Vec<Step>,
}

/// What outlives the transaction.
pub(super) struct Remains {
    /// Dropped once the outcome is known, and before any answer is given.
    pub(super) passes: Vec<Pass>,
    pub(super) steps: Vec<Step>,
}

impl<'c> Batch<'c> {
    pub(super) fn new(connection: &'c Connection, epoch: Epoch) -> Self {
        Self {
            connection,
            epoch,
            lanes: HashMap::new(),
            meter: Meter::default(),
            passes: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(super) const fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// A statement of the connection's cache.
    pub(super) fn statement(&self, sql: &str) -> Result<CachedStatement<'c>> {
        self.connection.prepare_cached(sql)
    }

    /// Keeps an item in flight until the outcome of the commit is known.
    pub(super) fn keep(&mut self, pass: Pass) {
        self.passes.push(pass);
    }

    /// Notes what the process follows once the transaction has committed.
    pub(super) fn then(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The next delivery cursor of an address. What an undone item took is left out.
    pub(super) fn next_cursor(
        &mut self,
        workspace: WorkspaceId,
        receiver: &Address,
    ) -> Result<u64> {
        let lane = (workspace, receiver.clone());
        let last = match self.lanes.get(&lane) {
            Some(last) => *last,
            None => self.stored_cursor(workspace, receiver)?,
        };
        let next = last + CURSOR_STEP;
        self.lanes.insert(lane, next);
        Ok(next)
    }

    /// Writes what the batch kept in memory.
    pub(super) fn flush(&mut self) -> Result<()> {
        for (sender, hour, admitted) in self.meter.added() {
            let counted = Traffic { admitted, denied: 0 };
            traffic::add(self, sender, hour, counted)?;
        }
        if self.lanes.is_empty() {
            return Ok(());
        }
        let mut put = self.statement(
            "INSERT INTO lane (workspace_id, address, n) VALUES (?1, ?2, ?3)
             ON CONFLICT (workspace_id, address) DO UPDATE SET n = excluded.n",
        )?;
        for ((workspace, address), last) in self.lanes.drain() {
            put.execute(params![workspace.as_bytes(), address.as_str(), int(last)])?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Remains {
        Remains { passes: self.passes, steps: self.steps }
    }

    fn stored_cursor(&self, workspace: WorkspaceId, receiver: &Address) -> Result<u64> {
        let mut get =
            self.statement("SELECT n FROM lane WHERE workspace_id = ?1 AND address = ?2")?;
        let found =
            get.query_row(params![workspace.as_bytes(), receiver.as_str()], |row| row.number(0));
        Ok(found.optional()?.unwrap_or(0))
    }
}
