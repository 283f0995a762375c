//! The oracle is tested too: what is broken is reported as the right promise.

use std::time::Duration;

use axme_core::chain::Hash;
use axme_core::id::Revision;
use axme_core::lease::Lease;
use axme_core::time::Mono;

use super::database::{Database, Item, Row};
use super::oracle::Oracle;
use super::orders::{self, Body, Logged, kill_id, one};

/// What the oracle says after it has seen these things.
fn broken_by(see: impl FnOnce(&mut Oracle)) -> Vec<&'static str> {
    let mut oracle = Oracle::new();
    see(&mut oracle);
    oracle.violations.iter().map(|violation| violation.promise).collect()
}

fn row(key: u64, sender: usize) -> Row {
    let (is_handover, is_budgeted) = (false, false);
    Row { item: Item { key, sender, receiver: 2, is_handover, is_budgeted }, cursor: key * 2 }
}

#[test]
fn a_row_and_a_check_after_a_kill_are_told_apart() {
    let kill = |oracle: &mut Oracle| oracle.kill_returned(&[0], Revision(5));
    let none: [&str; 0] = [];
    assert_eq!(broken_by(|o| (kill(o), o.row_committed(&row(1, 0), 0)).1), ["K1i"]);
    assert_eq!(broken_by(|o| (kill(o), o.checked(&[0], false)).1), ["K1e"]);
    assert_eq!(broken_by(|o| (kill(o), o.checked(&[0], true)).1), none);
    assert_eq!(broken_by(|o| (kill(o), o.row_committed(&row(1, 1), 0)).1), none, "another agent");
    let everyone = |o: &mut Oracle| o.kill_returned(&[0, 1, 2], Revision(5));
    assert_eq!(broken_by(|o| (everyone(o), o.row_committed(&row(1, 1), 0)).1), ["K1i"]);
}

#[test]
fn what_the_admitted_set_was_is_compared_at_the_resume() {
    let broken = broken_by(|oracle| {
        let (mut db, wish) = (Database::new(), orders::kill(kill_id(9_001), one(0)));
        oracle.check_log(&db);
        let before = db.state.clone();
        let killed = planned(&db, &wish);
        let logged = db.append(&killed);
        oracle.appended(&before, &db, &logged);
        oracle.kill_returned(&[0], logged.revision);
        oracle.row_committed(&row(1, 0), 0);
        let before = db.state.clone();
        let resumed = planned(&db, &orders::resume(9_002, Some(0), logged.revision));
        let logged = db.append(&resumed);
        oracle.appended(&before, &db, &logged);
    });
    assert_eq!(broken, ["K1i", "K1f"]);
}

#[test]
fn a_lost_entry_is_k4_and_a_resume_of_the_unseen_is_k5() {
    let lost = broken_by(|oracle| {
        let (mut db, wish) = (Database::new(), orders::another_account(9_003));
        oracle.check_log(&db);
        let body = planned(&db, &wish);
        let logged = db.append(&body);
        oracle.check_log(&db);
        oracle.check_log(&Database::new());
        oracle.acknowledged(&Database::new(), &logged);
        let elsewhere = Logged { revision: Revision(1), hash: Hash::START, body };
        oracle.acknowledged(&db, &elsewhere);
    });
    assert_eq!(lost, ["K4"]);
    let unseen = broken_by(|oracle| {
        let (mut db, wish) = (Database::new(), orders::kill(kill_id(9_001), one(0)));
        oracle.check_log(&db);
        let body = planned(&db, &wish);
        let killed = db.append(&body);
        oracle.asked(9_002, Revision(4));
        let resumed = planned(&db, &orders::resume(9_002, Some(0), killed.revision));
        let before = db.state.clone();
        let logged = db.append(&resumed);
        oracle.appended(&before, &db, &logged);
    });
    assert_eq!(unseen, ["K5"]);
}

#[test]
fn the_others_have_their_names_too() {
    let lease = Lease::DEFAULT;
    assert_eq!(broken_by(|o| o.sockets_open(Revision(5), vec![Revision(4)])), ["K2"]);
    assert_eq!(broken_by(|o| o.took(lease, Duration::from_millis(900))), ["K3"]);
    assert_eq!(broken_by(|o| o.admitted(false)), ["K6"]);
    assert_eq!(broken_by(|o| o.row_committed(&row(1, 0), 25)), ["K8"]);
    assert_eq!(broken_by(|o| o.everywhere(Revision(5), vec![Revision(4)])), ["Everywhere"]);
    let now = Mono::from_nanos(5_000_000_000);
    assert_eq!(broken_by(|o| o.served(now, lease, Revision(4), [])), ["Fresh"]);
    let behind_the_reader = broken_by(|oracle| {
        oracle.row_committed(&row(2, 0), 0);
        oracle.lane_read(2, 4);
        oracle.row_committed(&row(1, 0), 0);
    });
    assert_eq!(behind_the_reader, ["Cursor"]);
}

fn planned(db: &Database, order: &axme_core::command::Order) -> std::rc::Rc<Body> {
    let planned = axme_core::plan::plan(&db.state, order).unwrap();
    let axme_core::plan::Plan::Append(entry) = planned else { panic!("nothing to append") };
    Body::of(*entry)
}
