//! Calendar periods in UTC, over which usage is summed.

use std::time::Duration;

use crate::time::Timestamp;

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A period that ends now and begins at a midnight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    /// Since midnight.
    #[default]
    Day,
    /// Seven days, today among them.
    Week,
    /// Thirty days, today among them.
    Month,
}

impl Period {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// The midnight at which the period that ends at `now` began.
    #[must_use]
    pub fn start(self, now: Timestamp) -> Timestamp {
        let earlier_days = match self {
            Self::Day => 0,
            Self::Week => 6,
            Self::Month => 29,
        };
        day_start(now).minus(DAY * earlier_days)
    }
}

/// The midnight before `at`.
#[must_use]
pub fn day_start(at: Timestamp) -> Timestamp {
    floor(at, DAY)
}

/// The full hour before `at`.
#[must_use]
pub fn hour_start(at: Timestamp) -> Timestamp {
    floor(at, HOUR)
}

fn floor(at: Timestamp, unit: Duration) -> Timestamp {
    let unit = i64::try_from(unit.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().div_euclid(unit) * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_midnight_utc() {
        let now: Timestamp = "2026-03-01T09:17:12Z".parse().unwrap();
        assert_eq!(hour_start(now).to_string(), "2026-03-01T09:00:00.000000Z");
        assert_eq!(Period::Day.start(now).to_string(), "2026-03-01T00:00:00.000000Z");
        assert_eq!(Period::Week.start(now).to_string(), "2026-02-23T00:00:00.000000Z");
        assert_eq!(Period::Month.start(now).to_string(), "2026-01-31T00:00:00.000000Z");
    }
}
