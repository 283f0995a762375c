//! Gates whose answers a story knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axme_core::decide::{Admission, Denial, End, Reason};
use axme_core::id::Revision;
use axme_core::policy::CostLimits;

use crate::error::WriteError;
use crate::gate::{Gate, Pass};

/// The revision that they decide on.
pub(super) const DECIDED_ON: Revision = Revision(7);

/// A gate whose answer is known.
#[derive(Debug)]
pub(super) struct FixedGate(pub(super) Result<Admission, Denial>);

impl Gate for FixedGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        self.0.map(|admission| Pass::new(DECIDED_ON, admission, Box::new(())))
    }
}

pub(super) fn open_gate() -> Box<dyn Gate> {
    Box::new(FixedGate(Ok(Admission::Flows)))
}

/// An open gate for a sender with limits.
#[derive(Debug)]
pub(super) struct LimitedGate(pub(super) Arc<CostLimits>);

impl Gate for LimitedGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        let pass = Pass::new(DECIDED_ON, Admission::Flows, Box::new(()));
        Ok(pass.limited(Some(Arc::clone(&self.0))))
    }
}

pub(super) const DENIAL: Denial = Denial { reason: Reason::AgentKilled, end: End::Sender };

pub(super) fn shut_gate() -> Box<dyn Gate> {
    Box::new(FixedGate(Err(DENIAL)))
}

/// Whether a write was answered with the denial of a shut gate.
pub(super) fn is_denied<T>(answer: &Result<T, WriteError>) -> bool {
    matches!(answer, Err(WriteError::Denied(denial)) if *denial == DENIAL)
}

/// Tells when its item is not in flight any more.
#[derive(Debug)]
pub(super) struct WatchedGate(pub(super) Arc<AtomicBool>);

struct InFlight(Arc<AtomicBool>);

impl Gate for WatchedGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        let in_flight = Box::new(InFlight(Arc::clone(&self.0)));
        Ok(Pass::new(DECIDED_ON, Admission::Flows, in_flight))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Counts the items that were decided again.
#[derive(Debug)]
pub(super) struct CountingGate(pub(super) Arc<AtomicUsize>);

impl Gate for CountingGate {
    fn decide_again(&self) -> Result<Pass, Denial> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Pass::new(DECIDED_ON, Admission::Flows, Box::new(())))
    }
}
