//! A bound on the requests of one agent at a time, so that one cannot take all of the gateway.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axme_core::decide::{Denial, End, Reason};

use super::Cell;

/// One request of an agent in the works; its place is free again when this is dropped.
#[derive(Debug)]
pub struct RequestSlot(Arc<Cell>);

impl Cell {
    /// Takes one of the agent's `requests_max` places.
    pub fn begin_request(self: &Arc<Self>, requests_max: u32) -> Result<RequestSlot, Denial> {
        if self.requests.fetch_add(1, Ordering::Relaxed) < requests_max {
            return Ok(RequestSlot(Arc::clone(self)));
        }
        self.requests.fetch_sub(1, Ordering::Relaxed);
        Err(Denial { reason: Reason::AgentBusy, end: End::Sender })
    }
}

impl Drop for RequestSlot {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}
