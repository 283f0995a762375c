//! How much an agent may send, and how much it may cost.
//!
//! Intents are counted by the gateway when they are admitted, under the agent that sends them. The
//! cost is what agents report with their heartbeats: it is known after the fact, so that a limit
//! on it stops what comes next and is never called hard.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::period::{DAY, HOUR, day_start, hour_start};
use crate::time::Timestamp;

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(u64);

/// Millionths in a dollar.
const PER_USD: f64 = 1e6;

impl Money {
    /// The largest amount that can be set: a billion dollars. A whole number as a float, too.
    pub const MAX: Self = Self(1_000_000_000_000_000);

    /// An amount of dollars, rounded to a millionth. None when it is no number, below zero or above
    /// [`Self::MAX`].
    #[must_use]
    pub fn from_usd(usd: f64) -> Option<Self> {
        (0.0..=Self::MAX.as_usd()).contains(&usd).then(|| Self::at_most(usd))
    }

    /// What was reported, as far as it can be told: between nothing and [`Self::MAX`].
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits; what is no number becomes nothing"
    )]
    pub fn at_most(usd: f64) -> Self {
        Self((usd * PER_USD).round() as u64).min(Self::MAX)
    }

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most 1e15, which a float holds exactly")]
    pub fn as_usd(self) -> f64 {
        self.0 as f64 / PER_USD
    }
}

/// What happens to an intent that goes beyond a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBreach {
    /// It is refused.
    #[default]
    Block,
    /// It is admitted, and the breach recorded.
    Alert,
    /// It is admitted, and waits until an operator releases it.
    RequireApproval,
}

impl OnBreach {
    pub const ALL: [Self; 3] = [Self::Block, Self::Alert, Self::RequireApproval];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Alert => "alert",
            Self::RequireApproval => "require_approval",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// A cost policy: limits, each of which may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents_per_day: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents_per_hour: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_day: Option<Money>,
    pub on_breach: OnBreach,
}

/// What an agent has used in the current hour and day, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Intents that the gateway admitted.
    pub intents_this_hour: u64,
    pub intents_today: u64,
    /// As reported.
    pub cost_today: Money,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    IntentsPerHour,
    IntentsPerDay,
    CostPerDay,
}

impl Dimension {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IntentsPerHour => "intents_per_hour",
            Self::IntentsPerDay => "intents_per_day",
            Self::CostPerDay => "cost_usd_per_day",
        }
    }

    /// When the period that holds `at` ends, and counting begins anew.
    #[must_use]
    pub fn resets_at(self, at: Timestamp) -> Timestamp {
        let (start, length): (_, Duration) = match self {
            Self::IntentsPerHour => (hour_start(at), HOUR),
            Self::IntentsPerDay | Self::CostPerDay => (day_start(at), DAY),
        };
        start.plus(length)
    }
}

/// A limit that one more intent would go beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    pub dimension: Dimension,
    /// Intents, or millionths of a dollar.
    pub used: u64,
    pub limit: u64,
}

impl CostLimits {
    /// The limit that one more intent would go beyond; of several the one that lasts longest.
    #[must_use]
    pub fn breach(&self, used: &Used) -> Option<Breach> {
        let reached = |dimension, limit: Option<u64>, used| {
            let limit = limit.filter(|limit| used >= *limit)?;
            Some(Breach { dimension, used, limit })
        };
        let cost = self.cost_per_day.map(|Money(micros)| micros);
        reached(Dimension::IntentsPerDay, self.intents_per_day, used.intents_today)
            .or_else(|| reached(Dimension::CostPerDay, cost, used.cost_today.0))
            .or_else(|| {
                reached(Dimension::IntentsPerHour, self.intents_per_hour, used.intents_this_hour)
            })
    }

    /// Whether nothing is limited.
    #[must_use]
    pub const fn is_unlimited(&self) -> bool {
        self.intents_per_day.is_none()
            && self.intents_per_hour.is_none()
            && self.cost_per_day.is_none()
    }
}

impl Breach {
    /// What was used, and the limit, as JSON tells them: whole intents, or dollars.
    #[must_use]
    pub fn amounts(&self) -> (Value, Value) {
        let told = |amount: u64| match self.dimension {
            Dimension::CostPerDay => Value::from(Money(amount).as_usd()),
            Dimension::IntentsPerHour | Dimension::IntentsPerDay => Value::from(amount),
        };
        (told(self.used), told(self.limit))
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dimension, used, limit } = *self;
        match dimension {
            Dimension::IntentsPerHour => write!(f, "{used} of {limit} intents in this hour"),
            Dimension::IntentsPerDay => write!(f, "{used} of {limit} intents today"),
            Dimension::CostPerDay => {
                let (used, limit) = (Money(used).as_usd(), Money(limit).as_usd());
                write!(f, "{used:.2} of {limit:.2} US dollars today")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(hour: u64, day: u64, usd: f64) -> Used {
        Used { intents_this_hour: hour, intents_today: day, cost_today: Money::at_most(usd) }
    }

    #[test]
    fn the_last_intent_that_fits_is_admitted_and_the_next_is_not() {
        let limits = CostLimits { intents_per_hour: Some(10), ..CostLimits::default() };
        assert_eq!(limits.breach(&used(9, 9, 0.0)), None);
        let breach = limits.breach(&used(10, 10, 0.0)).unwrap();
        assert_eq!((breach.used, breach.limit), (10, 10));
    }

    #[test]
    fn a_limit_of_zero_stops_everything() {
        let limits = CostLimits { intents_per_day: Some(0), ..CostLimits::default() };
        assert_eq!(limits.breach(&used(0, 0, 0.0)).unwrap().dimension, Dimension::IntentsPerDay);
    }

    #[test]
    fn cost_stops_what_comes_after_it_was_reached() {
        let limits = CostLimits { cost_per_day: Money::from_usd(20.0), ..CostLimits::default() };
        assert_eq!(limits.breach(&used(1, 1, 19.999_999)), None);
        let breach = limits.breach(&used(1, 1, 20.5)).unwrap();
        assert_eq!(breach.amounts(), (20.5.into(), 20.0.into()));
        assert_eq!(breach.to_string(), "20.50 of 20.00 US dollars today");
    }

    #[test]
    fn of_several_the_one_that_lasts_longest_is_told() {
        let limits = CostLimits {
            intents_per_hour: Some(1),
            intents_per_day: Some(1),
            ..CostLimits::default()
        };
        assert_eq!(limits.breach(&used(1, 1, 0.0)).unwrap().dimension, Dimension::IntentsPerDay);
    }

    #[test]
    fn periods_end_on_the_hour_and_at_midnight() {
        let now: Timestamp = "2026-03-01T23:17:12Z".parse().unwrap();
        let midnight = "2026-03-02T00:00:00.000000Z";
        assert_eq!(Dimension::IntentsPerHour.resets_at(now).to_string(), midnight);
        assert_eq!(Dimension::CostPerDay.resets_at(now).to_string(), midnight);
    }

    #[test]
    fn amounts_that_are_none_are_refused() {
        assert_eq!(Money::from_usd(f64::NAN), None);
        assert_eq!(Money::from_usd(-0.01), None);
        assert_eq!(Money::from_usd(f64::INFINITY), None);
        assert_eq!(Money::from_usd(1e9), Some(Money::MAX));
        assert_eq!(Money::from_usd(0.1).unwrap().as_usd().to_string(), "0.1");
        assert_eq!(Money::at_most(f64::NAN), Money::default());
    }
}
