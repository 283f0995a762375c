//! The cells are a projection of the log: kept entry by entry, they equal a fresh projection.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "the orders that are drawn are a few of many")]

#[path = "../../core/tests/support/orders.rs"]
mod orders;

use std::collections::BTreeMap;
use std::sync::Arc;

use axme_core::address::Address;
use axme_core::hold::RunState;
use axme_core::key::KeyStatus;
use axme_core::plan::{Plan, plan};
use axme_core::state::State;
use axme_core::time::Timestamp;
use axme_engine::clock::Clock;
use axme_engine::enforcer::Enforcer;
use orders::Orders;

const LOGS: u64 = 10_000;
const ORDERS_A_LOG: usize = 12;

/// What the hot path would decide by.
#[derive(Debug, PartialEq)]
struct Seen {
    agents: BTreeMap<Address, (RunState, bool)>,
    keys: BTreeMap<String, (KeyStatus, Option<Address>)>,
}

fn seen(enforcer: &Arc<Enforcer>) -> Seen {
    let (mut agents, mut keys) = (BTreeMap::new(), BTreeMap::new());
    enforcer.each_cell(|cell| {
        agents.insert(cell.address.clone(), (cell.run_state(), cell.is_live()));
    });
    enforcer.each_key(|key| {
        let acts_as = key.agent.as_ref().map(|agent| agent.address.clone());
        keys.insert(key.key_id.to_string(), (key.status(Timestamp::default()), acts_as));
    });
    Seen { agents, keys }
}

#[test]
fn cells_equal_the_fold_after_ten_thousand_random_logs() {
    for seed in 0..LOGS {
        let mut orders = Orders::from_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let enforcer = Enforcer::new(Clock::manual(Timestamp::default()));
        let mut state = State::default();
        let mut order = orders.bootstrap();
        for _ in 0..ORDERS_A_LOG {
            if let Ok(Plan::Append(entry)) = plan(&state, &order) {
                state.apply(state.revision().next(), &entry);
                enforcer.project(&state, &entry);
            }
            order = orders.any(state.revision());
        }
        let fresh = Enforcer::new(Clock::manual(Timestamp::default()));
        fresh.project_all(&state);
        assert_eq!(seen(&enforcer), seen(&fresh), "seed {seed}");
        assert_eq!(enforcer.applied(), state.revision());
    }
}
