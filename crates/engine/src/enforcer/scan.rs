//! Looking at every agent and key at once, for what is written and noticed in the background.

use std::sync::Arc;

use axme_core::health::{Health, HealthThresholds};
use axme_core::time::Timestamp;

use super::{Cell, Enforcer, KeyCell};

/// Agents and keys with a moment each.
pub(crate) type Moments = (Vec<(Arc<Cell>, Timestamp)>, Vec<(Arc<KeyCell>, Timestamp)>);

impl Enforcer {
    /// The agents and keys whose last sign of life is not written yet.
    pub(crate) fn unsaved(&self) -> Moments {
        let (mut cells, mut keys) = (Vec::new(), Vec::new());
        self.each_cell(|cell| cells.extend(cell.unsaved().map(|seen| (Arc::clone(cell), seen))));
        self.each_key(|key| keys.extend(key.unsaved().map(|used| (Arc::clone(key), used))));
        (cells, keys)
    }

    /// The agents whose health is another than at the last look: before and now.
    pub(crate) fn changed_health(
        &self,
        now: Timestamp,
        thresholds: HealthThresholds,
    ) -> Vec<(Arc<Cell>, Health, Health)> {
        let mut changed = Vec::new();
        self.each_cell(|cell| {
            if !cell.is_live() {
                return;
            }
            let health = Health::at(now, cell.last_seen(), cell.run_state(), thresholds);
            if let Some(before) = cell.swap_health(health).filter(|before| *before != health) {
                changed.push((Arc::clone(cell), before, health));
            }
        });
        changed
    }
}
