//! True time, which nobody in the model can read, and the clocks of machines.

use std::time::Duration;

use axme_core::time::Mono;

/// True time in microseconds since the world began.
pub(crate) type Micros = u64;

pub(crate) const MILLI: Micros = 1_000;

/// A machine's clock: it drifts, does not step, and stands still while the machine is paused.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    offset_ns: u64,
    /// How much too fast it runs, in millionths.
    drift_ppm: i64,
    stood_still: Micros,
    paused_since: Option<Micros>,
}

impl Clock {
    pub(crate) const fn new(offset_ns: u64, drift_ppm: i64) -> Self {
        Self { offset_ns, drift_ppm, stood_still: 0, paused_since: None }
    }

    pub(crate) fn read(&self, now: Micros) -> Mono {
        let ran_us = self.paused_since.unwrap_or(now) - self.stood_still;
        let ran_ns = i64::try_from(ran_us).unwrap() * 1_000;
        let shown = ran_ns + ran_ns / 1_000_000 * self.drift_ppm;
        Mono::from_nanos(self.offset_ns + u64::try_from(shown).unwrap())
    }

    /// The true time at which the clock will show `duration` more, if it is not paused meanwhile.
    pub(crate) fn true_after(&self, now: Micros, duration: Duration) -> Micros {
        let shown = i64::try_from(duration.as_micros()).unwrap();
        now + u64::try_from(shown * 1_000_000 / (1_000_000 + self.drift_ppm)).unwrap() + 2
    }

    pub(crate) const fn pause(&mut self, now: Micros) {
        if self.paused_since.is_none() {
            self.paused_since = Some(now);
        }
    }

    pub(crate) const fn go_on(&mut self, now: Micros) {
        if let Some(since) = self.paused_since.take() {
            self.stood_still += now - since;
        }
    }

    pub(crate) const fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }
}
