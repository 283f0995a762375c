//! What the gateway counts of each agent, and how it is asked for.

use std::time::Duration;

use axme_core::audit::Observation;
use axme_core::id::{AddressId, WorkspaceId};
use axme_core::period::hour_start;
use axme_core::time::Timestamp;

/// What the gateway has counted of an agent in some period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Intents that it sent and that were admitted.
    pub admitted: u64,
    /// Requests that were refused because of it.
    pub denied: u64,
}

/// Which traffic to read, and how it is summed.
#[derive(Clone, Debug)]
pub struct TrafficQuery {
    pub workspace_id: WorkspaceId,
    /// Only these agents; all when empty.
    pub agents: Vec<AddressId>,
    /// Periods from the one that begins here on.
    pub since: Timestamp,
    pub per: Per,
}

/// How traffic is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Hour,
    Day,
    /// All of it in one sum, which begins at `since`.
    Query,
}

impl Per {
    /// How long a period is; none when there is only one.
    pub(crate) const fn length(self) -> Option<Duration> {
        match self {
            Self::Hour => Some(Duration::from_secs(60 * 60)),
            Self::Day => Some(Duration::from_secs(24 * 60 * 60)),
            Self::Query => None,
        }
    }

    /// The same in microseconds; longer than all time when there is only one.
    pub(crate) fn length_micros(self) -> i64 {
        let micros = self.length().map(|length| length.as_micros());
        micros.and_then(|micros| i64::try_from(micros).ok()).unwrap_or(i64::MAX)
    }
}

/// The denials that observations tell of, by agent and hour.
pub(crate) fn denials(
    seen: &[Observation],
) -> impl Iterator<Item = ((WorkspaceId, AddressId), Timestamp, Traffic)> {
    seen.iter().filter(|seen| &*seen.action == DENIED).filter_map(|seen| {
        let agent = (seen.scope.workspace()?, seen.address_id?);
        Some((agent, hour_start(seen.at), Traffic { admitted: 0, denied: seen.count }))
    })
}

/// What the audit calls a denial.
const DENIED: &str = "agent.denied";
