//! The first time that the campaign was stopped: what had gone out by then.

use axme_core::time::Mono;
use std::time::Duration;

/// How long nothing may go out before the stop counts as settled. What was handed to the mailer
/// before the kill needs a moment to be written.
const SETTLE: Duration = Duration::from_millis(300);
/// How long the proof lasts that nothing more goes out.
const PROOF: Duration = Duration::from_secs(1);

/// Milliseconds from the order to its answer; for orders that came from outside, what the gateway
/// recorded as the time until every replica enforced.
pub(super) struct Stop {
    pub(super) kill_ms: f64,
    /// E-mails in the spool at the last look while stopped.
    pub(super) sent: u64,
    changed_at: Mono,
    over: bool,
}

/// What is known when nothing goes out any more; it must not change until the resume.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Standstill {
    pub(super) spooled: u64,
    pub(super) admitted: u64,
}

impl std::fmt::Display for Standstill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} e-mails in the spool and {} admitted", self.spooled, self.admitted)
    }
}

impl Stop {
    pub(super) const fn new(kill_ms: f64, spooled: u64, now: Mono) -> Self {
        Self { kill_ms, sent: spooled, changed_at: now, over: false }
    }

    /// Looks at the spool while the campaign is stopped.
    pub(super) fn look(&mut self, spooled: u64, mailer_idle: bool, now: Mono) {
        if spooled != self.sent || !mailer_idle {
            self.sent = spooled;
            self.changed_at = now;
        }
    }

    /// The campaign was resumed: the figure stands.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn is_settled(&self, now: Mono) -> bool {
        now.since(self.changed_at) >= SETTLE
    }

    /// Whether the standstill has lasted long enough to go on.
    pub(super) fn is_proven(began: Mono, now: Mono) -> bool {
        now.since(began) >= PROOF
    }
}
