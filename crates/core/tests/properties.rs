//! Properties of the control log over random orders.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests fail by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "the orders that are drawn are a few of many")]

#[path = "support/orders.rs"]
mod orders;

use std::collections::BTreeMap;

use axme_core::change::{Change, Entry, HeldTarget};
use axme_core::command::Order;
use axme_core::hold::RunState;
use axme_core::id::{AddressId, Revision};
use axme_core::invariants::k5_holds_end_by_resumes_only;
use axme_core::plan::{Plan, plan};
use axme_core::state::State;
use orders::Orders;
use proptest::prelude::*;

const ORDERS_A_LOG: usize = 60;

/// A log of random orders, and every state on the way.
fn random_log(seed: u64) -> (Vec<Entry>, Vec<State>) {
    let mut orders = Orders::from_seed(seed);
    let (mut entries, mut states) = (Vec::new(), vec![State::default()]);
    let mut give = |order: Order, states: &mut Vec<State>| {
        let state = states.last().unwrap();
        assert_eq!(plan(state, &order), plan(state, &order), "planning has no memory");
        if let Ok(Plan::Append(entry)) = plan(state, &order) {
            let mut next = state.clone();
            next.apply(state.revision().next(), &entry);
            entries.push(*entry);
            states.push(next);
        }
    };
    give(orders.bootstrap(), &mut states);
    for _ in 0..ORDERS_A_LOG {
        let head = states.last().unwrap().revision();
        give(orders.any(head), &mut states);
    }
    (entries, states)
}

/// Who is stopped, told from the log alone: a kill stands until a later resume names it.
fn stopped_by_log(entries: &[Entry]) -> BTreeMap<AddressId, RunState> {
    let mut standing: Vec<(Revision, HeldTarget, RunState)> = Vec::new();
    let mut addresses = Vec::new();
    for (revision, entry) in (1..).map(Revision).zip(entries) {
        for change in &entry.changes {
            match change {
                Change::AddressRegistered { address_id, .. } => addresses.push(*address_id),
                Change::HoldAdded { target, hold } => {
                    standing.push((revision, *target, hold.mode.run_state()));
                }
                Change::HoldsLifted { target, seen, .. } => {
                    standing.retain(|(placed, on, _)| on != target || placed > seen);
                }
                _ => {}
            }
        }
    }
    let everywhere = |target: &HeldTarget| matches!(target, HeldTarget::Workspace { .. });
    let state_of = |address_id: AddressId| {
        let own = HeldTarget::Agent { address_id };
        let reaching = standing.iter().filter(|(_, on, _)| *on == own || everywhere(on));
        reaching.map(|(_, _, state)| *state).max().unwrap_or_default()
    };
    addresses.into_iter().map(|address_id| (address_id, state_of(address_id))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_kill_is_never_forgotten(seed: u64) {
        let (entries, states) = random_log(seed);
        let last = states.last().unwrap();
        for (address_id, expected) in stopped_by_log(&entries) {
            let agent = last.agent(address_id).unwrap();
            prop_assert_eq!(last.run_state(agent), expected, "{}", agent.address);
        }
    }

    #[test]
    fn no_hold_ends_but_by_a_resume_that_names_it(seed: u64) {
        let (entries, states) = random_log(seed);
        for (entry, pair) in entries.iter().zip(states.windows(2)) {
            prop_assert_eq!(k5_holds_end_by_resumes_only(&pair[0], entry, &pair[1]), Ok(()));
        }
    }

    #[test]
    fn a_token_opens_one_session_and_no_session_outlives_its_key(seed: u64) {
        let (entries, states) = random_log(seed);
        let mut used = Vec::new();
        for change in entries.iter().flat_map(|entry| &entry.changes) {
            if let Change::SessionOpened { token: Some(token), .. } = change {
                prop_assert!(!used.contains(token), "{} was taken twice", token);
                used.push(*token);
            }
        }
        for session in states.iter().flat_map(State::sessions) {
            prop_assert!(session.expires_at > session.opened_at);
        }
        let last = states.last().unwrap();
        for session in last.sessions() {
            prop_assert!(last.key(session.key).unwrap().revoked_at.is_none());
            prop_assert_eq!(last.session_by_digest(&session.digest), Some(session));
        }
    }

    #[test]
    fn every_replica_folds_the_same_state(seed: u64) {
        let (entries, states) = random_log(seed);
        let mut replica = State::default();
        for (entry, expected) in entries.iter().zip(&states[1..]) {
            let read = Entry::decode(&entry.encode().unwrap()).unwrap();
            prop_assert_eq!(&read, entry, "an entry survives the store");
            replica.apply(replica.revision().next(), &read);
            prop_assert_eq!(&replica, expected);
        }
        let snapshot = serde_json::to_vec(&replica).unwrap();
        prop_assert_eq!(serde_json::from_slice::<State>(&snapshot).unwrap(), replica);
    }
}
