//! The one file that reads the clock.
//!
//! Two readings: the wall clock, which is shown and stored, and a clock that does not stop while
//! the machine sleeps, on which leases and deadlines are judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axme_core::time::{Mono, Timestamp};

/// Where the time comes from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Hands>),
}

#[derive(Debug)]
struct Hands {
    wall_micros: AtomicI64,
    mono_nanos: AtomicU64,
}

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`]; for tests.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        let hands =
            Hands { wall_micros: AtomicI64::new(start.as_micros()), mono_nanos: AtomicU64::new(0) };
        Self(Source::Manual(Arc::new(hands)))
    }

    /// Moves a manual clock on; the machine's own is not ours to move.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hands) = &self.0 {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            hands.wall_micros.fetch_add(micros, Ordering::SeqCst);
            hands.mono_nanos.fetch_add(nanos, Ordering::SeqCst);
        }
    }

    /// The wall clock.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_wall(),
            Source::Manual(hands) => {
                Timestamp::from_micros(hands.wall_micros.load(Ordering::SeqCst))
            }
        }
    }

    /// The clock that neither steps nor sleeps.
    #[must_use]
    pub fn mono(&self) -> Mono {
        match &self.0 {
            Source::System => system_mono(),
            Source::Manual(hands) => Mono::from_nanos(hands.mono_nanos.load(Ordering::SeqCst)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn system_wall() -> Timestamp {
    let since_epoch =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn system_mono() -> Mono {
    // CLOCK_BOOTTIME counts the time that a machine sleeps; elsewhere the nearest clock there is.
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let reading = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(reading.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(reading.tv_nsec).unwrap_or(0);
    Mono::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_runs_and_a_manual_one_waits() {
        let clock = Clock::system();
        assert!(clock.mono() <= clock.mono());
        assert!(clock.wall() > Timestamp::from_micros(0));
        let manual = Clock::manual(Timestamp::from_micros(5));
        manual.advance(Duration::from_secs(2));
        assert_eq!(manual.wall(), Timestamp::from_micros(2_000_005));
        assert_eq!(manual.mono(), Mono::from_nanos(2_000_000_000));
    }
}
