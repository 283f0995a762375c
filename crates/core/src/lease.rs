//! Leases: how long a replica may trust its view of the control log, and who waits for whom.
//!
//! * [`Lease`] is the one duration from which all others follow.
//! * [`View`] tells until when a replica's view is proven fresh. Without proof it admits nothing.
//! * [`Silence`] remembers since when an epoch has not renewed, as one observer saw it.
//! * [`RollCall`] is what a control change waits for: every epoch, enforced or fenced.
//!
//! No wall clock and no clock of the store decides: every moment here is a reading of the
//! observer's own [`Mono`](crate::time::Mono).

mod roll_call;
mod silence;
mod view;

use std::time::Duration;

pub use roll_call::{Awaited, Next, Outcome, RollCall};
pub use silence::Silence;
pub use view::View;

/// How long a replica is trusted without having renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease(Duration);

impl Lease {
    /// With it the worst kill stays under one second.
    pub const DEFAULT: Self = Self(Duration::from_millis(700));
    /// Shorter than this a replica would be fenced by the ordinary pauses of a machine.
    pub const MIN: Duration = Duration::from_millis(100);
    /// Longer than this a kill would not be worth its name.
    pub const MAX: Duration = Duration::from_secs(60);

    /// None unless `length` is between [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub fn new(length: Duration) -> Option<Self> {
        (Self::MIN..=Self::MAX).contains(&length).then_some(Self(length))
    }

    /// How long a coordinator waits before it closes an epoch.
    #[must_use]
    pub const fn length(self) -> Duration {
        self.0
    }

    /// The longer of two: whoever waits for several replicas waits for the longest lease.
    #[must_use]
    pub fn longer(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// Several leases in a row.
    #[must_use]
    pub const fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// How long a replica serves after it has sent a renewal: less than the coordinator waits, by
    /// 2.5 % for the clock rate of each side.
    #[must_use]
    pub fn trusted(self) -> Duration {
        self.0 * 95 / 100
    }

    /// How often a replica renews.
    #[must_use]
    pub fn renew_every(self) -> Duration {
        self.0 / 4
    }
}

impl Default for Lease {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_stops_before_its_coordinator_stops_waiting() {
        let lease = Lease::DEFAULT;
        assert!(lease.trusted() < lease.length());
        assert!(lease.renew_every() * 3 < lease.trusted(), "two renewals may be lost");
        assert_eq!(Lease::new(Duration::from_millis(50)), None);
        assert_eq!(Lease::new(Duration::from_millis(700)), Some(lease));
    }
}
