//! How much a workspace admits at the moment, as this replica counts it.
//!
//! A window of seconds for each workspace, counted without a lock: an admission adds to the slot of
//! its second, and a slot that holds an older second begins again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axme_core::id::WorkspaceId;
use axme_core::time::Mono;

/// Seconds that a window holds: a minute, and some for those that are still counted.
const SLOTS_COUNT: usize = 64;
/// Seconds over which a rate is a mean.
pub const RATE_SECONDS: u64 = 10;
/// The seconds that a figure of the last minute adds up.
const MINUTE_SECONDS: u64 = 60;

/// See the module.
#[derive(Debug, Default)]
pub struct Rates {
    workspaces: papaya::HashMap<WorkspaceId, Arc<Window>>,
}

impl Rates {
    /// Counts an intent that was admitted.
    pub fn admitted(&self, workspace: WorkspaceId, now: Mono) {
        let workspaces = self.workspaces.pin();
        workspaces.get_or_insert_with(workspace, Arc::default).count(second_of(now));
    }

    /// Intents admitted a second, in the mean over the last [`RATE_SECONDS`] whole seconds.
    #[must_use]
    pub fn per_second(&self, workspace: WorkspaceId, now: Mono) -> f64 {
        let counted = self.sum(workspace, now, RATE_SECONDS);
        #[expect(clippy::cast_precision_loss, reason = "counts of seconds are far below 2^53")]
        let mean = counted as f64 / RATE_SECONDS as f64;
        mean
    }

    /// Intents admitted in the last sixty whole seconds.
    #[must_use]
    pub fn in_last_minute(&self, workspace: WorkspaceId, now: Mono) -> u64 {
        self.sum(workspace, now, MINUTE_SECONDS)
    }

    fn sum(&self, workspace: WorkspaceId, now: Mono, seconds: u64) -> u64 {
        let workspaces = self.workspaces.pin();
        workspaces.get(&workspace).map_or(0, |window| window.sum(second_of(now), seconds))
    }
}

/// One workspace. Each slot holds a second in its upper half and a count in its lower one.
#[derive(Debug)]
struct Window([AtomicU64; SLOTS_COUNT]);

impl Default for Window {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Window {
    fn count(&self, second: u32) {
        let place = usize::try_from(second).unwrap_or_default() % SLOTS_COUNT;
        let Some(slot) = self.0.get(place) else { return };
        let add = |held: u64| {
            let (of, count) = unpack(held);
            Some(if of == second { pack(second, count.saturating_add(1)) } else { pack(second, 1) })
        };
        // The closure always answers, so that this never fails.
        let _counted = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// What was counted in the whole seconds before `now`.
    fn sum(&self, now: u32, seconds: u64) -> u64 {
        let first = u64::from(now).saturating_sub(seconds);
        let slots = self.0.iter().map(|slot| unpack(slot.load(Ordering::Relaxed)));
        slots
            .filter(|(second, _)| (first..u64::from(now)).contains(&u64::from(*second)))
            .map(|(_, count)| u64::from(count))
            .sum()
    }
}

fn pack(second: u32, count: u32) -> u64 {
    (u64::from(second) << 32) | u64::from(count)
}

fn unpack(slot: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (half(slot >> 32), half(slot))
}

/// The whole second of a moment. Counted in 32 bits: a machine runs for a hundred years with it.
fn second_of(moment: Mono) -> u32 {
    u32::try_from(moment.as_nanos() / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_nanos(seconds * 1_000_000_000 + 1)
    }

    #[test]
    fn a_rate_is_the_mean_of_whole_seconds() {
        let (rates, here) = (Rates::default(), WorkspaceId::from_bytes([1; 16]));
        for second in 100..110 {
            for _ in 0..41 {
                rates.admitted(here, at(second));
            }
        }
        assert!((rates.per_second(here, at(110)) - 41.0).abs() < 1e-9);
        assert!((rates.per_second(here, at(115)) - 20.5).abs() < 1e-9);
        assert!(rates.per_second(here, at(120)).abs() < 1e-9);
        assert_eq!(rates.in_last_minute(here, at(120)), 410);
        assert_eq!(rates.in_last_minute(here, at(161)), 369, "a second has left the minute");
        let elsewhere = WorkspaceId::from_bytes([2; 16]);
        assert_eq!(rates.in_last_minute(elsewhere, at(110)), 0);
    }

    #[test]
    fn a_second_that_comes_round_again_begins_anew() {
        let (rates, here) = (Rates::default(), WorkspaceId::from_bytes([1; 16]));
        rates.admitted(here, at(5));
        rates.admitted(here, at(5 + SLOTS_COUNT as u64));
        assert_eq!(rates.in_last_minute(here, at(6 + SLOTS_COUNT as u64)), 1);
        rates.admitted(here, at(0));
        assert_eq!(rates.in_last_minute(here, at(1)), 1, "also in the first second of all");
    }
}
