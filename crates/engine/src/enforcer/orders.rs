//! Stops that were ordered here, from the moment of sending until they are in the log, and the
//! draining of what they stop.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axme_core::decide::{Denial, Reason};
use axme_core::hold::RunState;
use axme_core::id::KillId;

use super::streams::Slot;
use super::{Cell, Enforcer};

/// Orders that wait for their commit at most.
const ORDERS_PENDING_MAX: usize = 10_000;
/// How long an ended stream has to close by itself before its connection is cut.
const STREAM_GRACE: Duration = Duration::from_millis(50);
/// How often a drain looks again when nobody wakes it.
const DRAIN_TICK: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(super) struct Orders {
    pending: BTreeMap<KillId, Pending>,
}

#[derive(Debug)]
struct Pending {
    run_state: RunState,
    cells: Vec<Arc<Cell>>,
}

/// A stop under way: what has to drain before it is enforced here.
#[derive(Debug)]
pub struct Progress {
    cells: Vec<Arc<Cell>>,
    slots: Vec<Arc<Slot>>,
}

/// What a stop closed on this replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopReport {
    pub streams_closed: u64,
    pub connections_cut: u64,
    /// Bytes of streams that were handed to connections after the order.
    pub bytes_after_order: u64,
}

impl Enforcer {
    /// Denies these agents from now on, before the order is durable.
    pub fn order_stop(
        &self,
        kill: KillId,
        run_state: RunState,
        cells: Vec<Arc<Cell>>,
    ) -> Result<Progress, Denial> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.pending.len() >= ORDERS_PENDING_MAX {
            return Err(Denial::of_gateway(Reason::AgentBusy));
        }
        for cell in &cells {
            cell.word.set(cell.run_state().max(run_state));
        }
        orders.pending.insert(kill, Pending { run_state, cells: cells.clone() });
        drop(orders);
        Ok(self.progress(cells))
    }

    /// Forgets an order: it is in the log now, or was refused. The caller projects the cells again.
    pub(super) fn forget_order(&self, kill: KillId) -> Vec<Arc<Cell>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.pending.remove(&kill).map(|order| order.cells).unwrap_or_default()
    }

    /// Sets a cell's run state from the log's, or stricter where an order is not in the log yet.
    pub(super) fn set_run_state(&self, cell: &Arc<Cell>, logged: RunState) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let of_cell = |order: &&Pending| order.cells.iter().any(|held| Arc::ptr_eq(held, cell));
        let ordered = orders.pending.values().filter(of_cell).map(|order| order.run_state).max();
        let run_state = logged.max(ordered.unwrap_or_default());
        if cell.run_state() != run_state {
            cell.word.set(run_state);
        }
    }

    /// Ends the streams of agents that have been stopped, and tells what has to drain.
    pub(crate) fn progress(&self, cells: Vec<Arc<Cell>>) -> Progress {
        let slots = cells.iter().flat_map(|cell| self.streams.end_of_agent(&cell.key())).collect();
        Progress { cells, slots }
    }

    /// Waits until the work that was let through before a stop has ended and its streams are
    /// closed. A stream whose peer does not read loses its connection: a stop waits for no peer.
    pub async fn drain(&self, progress: &Progress) -> StopReport {
        let mut cut = 0;
        let mut grace = std::pin::pin!(tokio::time::sleep(STREAM_GRACE));
        let mut grace_is_over = false;
        loop {
            let mut woken = std::pin::pin!(self.drained.notified());
            woken.as_mut().enable();
            if progress.is_drained() {
                break;
            }
            if grace_is_over {
                cut += progress.cut_open();
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(DRAIN_TICK) => {}
                () = &mut grace, if !grace_is_over => grace_is_over = true,
            }
        }
        progress.report(cut)
    }

    pub(super) fn note_drained(&self, cell: &Cell) {
        if cell.run_state() != RunState::Active && cell.word.in_flight() == 0 {
            self.drained.notify_waiters();
        }
    }
}

impl Progress {
    /// What was closed, if nothing is left to wait for.
    pub(crate) fn report_if_drained(&self) -> Option<StopReport> {
        self.is_drained().then(|| self.report(0))
    }

    fn report(&self, connections_cut: u64) -> StopReport {
        StopReport {
            streams_closed: self.slots.len() as u64,
            connections_cut,
            bytes_after_order: self.slots.iter().map(|slot| slot.bytes_after_ending()).sum(),
        }
    }

    fn is_drained(&self) -> bool {
        self.cells.iter().all(|cell| cell.word.in_flight() == 0)
            && self.slots.iter().all(|slot| slot.is_closed())
    }

    /// Cuts the connections of streams that are open still; counts each only the first time.
    fn cut_open(&self) -> u64 {
        let open = self.slots.iter().filter(|slot| !slot.is_closed());
        open.map(|slot| u64::from(slot.cut())).sum()
    }
}
