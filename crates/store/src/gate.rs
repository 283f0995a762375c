//! The second decision: an item that waited for its batch is asked about again.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use axme_core::decide::{Admission, Denial};
use axme_core::id::Revision;
use axme_core::policy::CostLimits;

/// Decides a queued item again, directly before its batch is written.
///
/// Only the enforcer makes gates; whoever holds one has been admitted once already.
pub trait Gate: Send + Sync + fmt::Debug {
    /// Registers the item as in flight and checks it, in this order.
    fn decide_again(&self) -> Result<Pass, Denial>;
}

/// The proof that an item was admitted now. Its work counts as in flight until this is dropped,
/// which must not be before the outcome of its write is known.
pub struct Pass {
    /// The revision on which it was decided.
    pub revision: Revision,
    pub admission: Admission,
    /// What its sender may send at most. Judged by the store, which holds the counts.
    pub limits: Option<Arc<CostLimits>>,
    _in_flight: Box<dyn Any + Send>,
}

impl Pass {
    #[must_use]
    pub fn new(revision: Revision, admission: Admission, in_flight: Box<dyn Any + Send>) -> Self {
        Self { revision, admission, limits: None, _in_flight: in_flight }
    }

    /// The same pass under limits.
    #[must_use]
    pub fn limited(self, limits: Option<Arc<CostLimits>>) -> Self {
        Self { limits, ..self }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("revision", &self.revision)
            .field("admission", &self.admission)
            .finish_non_exhaustive()
    }
}
