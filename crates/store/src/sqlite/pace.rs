//! How long a transaction has been running.

use std::time::{Duration, Instant};

/// Measures a stretch of work. Only the sizes of batches follow from it, nothing that is promised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch may stand still while the machine sleeps: its work does too"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
