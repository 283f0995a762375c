//! What agents have sent, as one batch goes on: the ground on which limits are judged.

use std::collections::{BTreeMap, HashMap};

use axme_core::id::{AddressId, WorkspaceId};
use axme_core::period::{day_start, hour_start};
use axme_core::policy::{Breach, CostLimits, Money, OnBreach, Used};
use axme_core::time::Timestamp;

use crate::error::WriteError;
use crate::ledger::NewIntent;

/// An agent that sends.
pub(crate) type Sender = (WorkspaceId, AddressId);

/// What the store holds of a sender's day: what was admitted in each hour, and the reported cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredDay {
    pub(crate) hours: Vec<(Timestamp, u64)>,
    pub(crate) cost: Money,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// What the batch admits, by sender and hour.
    added: BTreeMap<(Sender, Timestamp), u64>,
    stored: HashMap<(Sender, Timestamp), StoredDay>,
}

/// What becomes of an intent under the limits of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The limit that it goes beyond, and is admitted all the same.
    pub(crate) breach: Option<Breach>,
    /// Whether it waits until an operator releases it.
    pub(crate) waits: bool,
}

impl Meter {
    /// The day that has to be learned before an intent can be judged; none when nothing is limited.
    pub(crate) fn lacks(
        &self,
        new: &NewIntent,
        limits: Option<&CostLimits>,
    ) -> Option<(Sender, Timestamp)> {
        limits.filter(|limits| !limits.is_unlimited())?;
        let day = (sender_of(new)?, day_start(new.created_at));
        (!self.stored.contains_key(&day)).then_some(day)
    }

    pub(crate) fn learn(&mut self, (sender, day): (Sender, Timestamp), stored: StoredDay) {
        self.stored.insert((sender, day), stored);
    }

    /// Judges an intent, whose day has been learned if it is limited.
    pub(crate) fn judge(
        &self,
        new: &NewIntent,
        limits: Option<&CostLimits>,
    ) -> Result<Judged, WriteError> {
        let (Some(limits), Some(sender)) = (limits, sender_of(new)) else {
            return Ok(Judged::default());
        };
        match (limits.breach(&self.used(sender, new.created_at)), limits.on_breach) {
            (None, _) => Ok(Judged::default()),
            (Some(breach), OnBreach::Block) => Err(WriteError::OverLimit(breach)),
            (breach, OnBreach::Alert) => Ok(Judged { breach, waits: false }),
            (breach, OnBreach::RequireApproval) => Ok(Judged { breach, waits: true }),
        }
    }

    /// Counts an intent that the batch admits.
    pub(crate) fn add(&mut self, new: &NewIntent) {
        if let Some(sender) = sender_of(new) {
            *self.added.entry((sender, hour_start(new.created_at))).or_default() += 1;
        }
    }

    /// What the batch has admitted, in the order of the rows that hold it.
    pub(crate) fn added(&self) -> impl Iterator<Item = (Sender, Timestamp, u64)> {
        self.added.iter().map(|((sender, hour), count)| (*sender, *hour, *count))
    }

    fn used(&self, sender: Sender, at: Timestamp) -> Used {
        let (day, hour) = (day_start(at), hour_start(at));
        let stored = self.stored.get(&(sender, day));
        let hours = || stored.into_iter().flat_map(|stored| stored.hours.iter().copied());
        let added = || {
            let of_day = (sender, day)..=(sender, last_hour(day));
            self.added.range(of_day).map(|((_, hour), count)| (*hour, *count))
        };
        let all = || hours().chain(added());
        Used {
            intents_this_hour: all().filter(|(of, _)| *of == hour).map(|(_, count)| count).sum(),
            intents_today: all().map(|(_, count)| count).sum(),
            cost_today: stored.map(|stored| stored.cost).unwrap_or_default(),
        }
    }
}

fn sender_of(new: &NewIntent) -> Option<Sender> {
    new.sender_id.map(|sender| (new.workspace_id, sender))
}

/// The last full hour of a day.
fn last_hour(day: Timestamp) -> Timestamp {
    day.plus(std::time::Duration::from_secs(23 * 60 * 60))
}
