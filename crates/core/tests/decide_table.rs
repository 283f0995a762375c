//! `decide` against the table of run states as an operator reads it: written down here by hand,
//! row by row, and not derived from the code.

use axme_core::decide::{Action, Admission, End, Ends, Reason, Standing, decide};
use axme_core::hold::RunState::{self, Active, Killed, Paused, Quarantined};

const FRESH: Standing = Standing { fresh: true, room: true, key_valid: true };

/// What somebody at one end sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Flows,
    Held,
    Review,
    Denied(Reason, End),
}

fn seen(action: Action, sender: RunState, receiver: RunState) -> Seen {
    match decide(FRESH, action, Ends { sender, receiver }) {
        Ok(Admission::Flows | Admission::Late) => Seen::Flows,
        Ok(Admission::Held) => Seen::Held,
        Ok(Admission::ForReview) => Seen::Review,
        Err(denial) => Seen::Denied(denial.reason, denial.end),
    }
}

/// Column "new intents to it", for an active sender.
#[test]
fn new_intents_to_an_agent() {
    let to = |state| seen(Action::Send, Active, state);
    assert_eq!(to(Active), Seen::Flows);
    assert_eq!(to(Paused), Seen::Held);
    assert_eq!(to(Quarantined), Seen::Denied(Reason::AgentQuarantined, End::Receiver));
    assert_eq!(to(Killed), Seen::Denied(Reason::AgentKilled, End::Receiver));
}

/// Column "its own new intents", to an active receiver.
#[test]
fn new_intents_of_an_agent() {
    let of = |state| seen(Action::Send, state, Active);
    assert_eq!(of(Active), Seen::Flows);
    assert_eq!(of(Paused), Seen::Denied(Reason::AgentPaused, End::Sender));
    assert_eq!(of(Quarantined), Seen::Review);
    assert_eq!(of(Killed), Seen::Denied(Reason::AgentKilled, End::Sender));
}

/// Columns "queued intents to it" and "its own queued intents". What is denied here is held.
#[test]
fn queued_intents() {
    let to = |state| seen(Action::Deliver, Active, state) == Seen::Flows;
    assert_eq!([to(Active), to(Paused), to(Quarantined), to(Killed)], [true, false, false, false]);
    let of = |state| seen(Action::Deliver, state, Active) == Seen::Flows;
    assert_eq!([of(Active), of(Paused), of(Quarantined), of(Killed)], [true, true, false, false]);
}

#[test]
fn a_killed_end_wins_whatever_the_other_is() {
    for other in RunState::ALL {
        assert_eq!(
            seen(Action::Send, Killed, other),
            Seen::Denied(Reason::AgentKilled, End::Sender)
        );
        assert!(matches!(seen(Action::Send, other, Killed), Seen::Denied(..)));
        assert!(matches!(seen(Action::Deliver, Killed, other), Seen::Denied(..)));
        assert!(matches!(seen(Action::Deliver, other, Killed), Seen::Denied(..)));
    }
}

#[test]
fn facts_beats_and_reads_are_taken_in_every_state() {
    for state in RunState::ALL {
        let ends = Ends { sender: state, receiver: state };
        let fact = decide(FRESH, Action::RecordFact, ends).unwrap();
        assert_eq!(fact == Admission::Late, state != Active, "late exactly while stopped");
        assert_eq!(decide(FRESH, Action::Heartbeat, ends), Ok(Admission::Flows));
        assert_eq!(decide(FRESH, Action::ReadOwn, ends), Ok(Admission::Flows));
        assert_eq!(decide(FRESH, Action::OpenStream, ends).is_ok(), state == Active);
    }
}

#[test]
fn a_replica_that_cannot_prove_its_view_admits_nothing() {
    let stale = Standing { fresh: false, ..FRESH };
    let ends = Ends { sender: Active, receiver: Active };
    for action in [Action::Send, Action::Deliver, Action::OpenStream, Action::RecordFact] {
        let denial = decide(stale, action, ends).unwrap_err();
        assert_eq!((denial.reason, denial.end), (Reason::GatewayFenced, End::Gateway));
    }
}

#[test]
fn a_full_store_refuses_intents_and_still_takes_facts() {
    let full = Standing { room: false, ..FRESH };
    let ends = Ends { sender: Active, receiver: Active };
    assert_eq!(decide(full, Action::Send, ends).unwrap_err().reason, Reason::StoreFull);
    assert!(decide(full, Action::RecordFact, ends).is_ok());
    assert!(decide(full, Action::Deliver, ends).is_ok());
}

#[test]
fn a_revoked_key_does_nothing_in_any_state() {
    let revoked = Standing { key_valid: false, ..FRESH };
    for action in Action::ALL {
        for state in RunState::ALL {
            let ends = Ends { sender: state, receiver: Active };
            assert_eq!(decide(revoked, action, ends).unwrap_err().reason, Reason::KeyRevoked);
        }
    }
}

#[test]
fn only_denials_that_pass_by_themselves_are_retried() {
    for reason in Reason::ALL {
        let status_retried = reason.status() == 429 || reason.status() >= 500;
        assert_eq!(reason.is_retryable(), status_retried, "{reason:?}");
    }
}
