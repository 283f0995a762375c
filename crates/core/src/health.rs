//! Health: what heartbeats say about an agent, from time passed in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hold::RunState;
use crate::time::Timestamp;

/// How long after its last sign of life an agent still counts as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthThresholds {
    pub healthy_for: Duration,
    pub degraded_until: Duration,
}

impl Default for HealthThresholds {
    /// 90 s and 300 s, as published for heartbeats of 30 s.
    fn default() -> Self {
        Self { healthy_for: Duration::from_secs(90), degraded_until: Duration::from_secs(300) }
    }
}

/// What an agent's heartbeats say; a stop overrides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Healthy,
    Degraded,
    Unreachable,
    /// Never seen.
    Unknown,
    Killed,
    Paused,
    Quarantined,
}

impl Health {
    pub const ALL: [Self; 7] = [
        Self::Healthy,
        Self::Degraded,
        Self::Unreachable,
        Self::Unknown,
        Self::Killed,
        Self::Paused,
        Self::Quarantined,
    ];

    /// The health at `now` of an agent that was last seen at `last_seen`.
    #[must_use]
    pub fn at(
        now: Timestamp,
        last_seen: Option<Timestamp>,
        run_state: RunState,
        thresholds: HealthThresholds,
    ) -> Self {
        match run_state {
            RunState::Killed => return Self::Killed,
            RunState::Quarantined => return Self::Quarantined,
            RunState::Paused => return Self::Paused,
            RunState::Active => {}
        }
        let Some(last_seen) = last_seen else { return Self::Unknown };
        let silent_for = now.since(last_seen);
        if silent_for < thresholds.healthy_for {
            Self::Healthy
        } else if silent_for <= thresholds.degraded_until {
            Self::Degraded
        } else {
            Self::Unreachable
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Killed => "killed",
            Self::Paused => "paused",
            Self::Quarantined => "quarantined",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_the_age_of_the_last_beat() {
        let last = Timestamp::from_micros(0);
        let at = |seconds: u64| {
            let now = last.plus(Duration::from_secs(seconds));
            Health::at(now, Some(last), RunState::Active, HealthThresholds::default())
        };
        assert_eq!([at(0), at(89)], [Health::Healthy; 2]);
        assert_eq!([at(90), at(300)], [Health::Degraded; 2]);
        assert_eq!(at(301), Health::Unreachable);
    }

    #[test]
    fn a_stop_overrides_beats_and_silence_from_the_start_is_unknown() {
        let now = Timestamp::from_micros(1);
        let thresholds = HealthThresholds::default();
        assert_eq!(Health::at(now, None, RunState::Active, thresholds), Health::Unknown);
        assert_eq!(Health::at(now, Some(now), RunState::Killed, thresholds), Health::Killed);
    }
}
