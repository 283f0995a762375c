//! What replicas do together.

use std::time::Duration;

use axme_core::hold::RunState;
use axme_core::lease::Lease;
use axme_engine::control::{ControlError, ReplicaState};

use crate::shared_log::SharedLog;
use crate::world::Replica;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_returns_when_every_replica_enforces_it() {
    let log = SharedLog::new();
    let (one, two) = (Replica::start(&log, "one").await, Replica::start(&log, "two").await);
    one.register("mailer").await;
    assert_eq!(two.run_state("mailer"), RunState::Active, "known there when the call returns");
    let killed = one.kill("mailer").await;
    assert_eq!(two.run_state("mailer"), RunState::Killed);
    let states: Vec<_> =
        killed.receipt.replicas.iter().map(|r| (&*r.replica_id, r.state)).collect();
    assert_eq!(states, [("one", ReplicaState::Enforced), ("two", ReplicaState::Enforced)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_hears_no_hint_finds_the_kill_with_its_next_renewal() {
    let log = SharedLog::new();
    let one = Replica::start(&log, "one").await;
    let deaf = Replica::start_with(log.deaf_line(), "deaf", Lease::DEFAULT).await;
    one.register("mailer").await;
    let killed = one.kill("mailer").await;
    assert!(killed.receipt.replicas.iter().all(|r| r.state == ReplicaState::Enforced));
    assert_eq!(deaf.run_state("mailer"), RunState::Killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_cut_off_fences_itself_and_the_kill_does_not_wait_for_ever() {
    let log = SharedLog::new();
    let (one, two) = (Replica::start(&log, "one").await, Replica::start(&log, "two").await);
    one.register("mailer").await;
    two.line.cut(true);
    let killed = one.kill("mailer").await;
    let of_two = killed.receipt.replicas.iter().find(|r| r.replica_id == "two").unwrap();
    assert_eq!(of_two.state, ReplicaState::Fenced);
    assert!(!two.engine.enforcer.is_fresh(), "its lease was over before the kill returned");
    assert!(two.engine.control.stale_since().is_some());
    let refused = two.try_kill("mailer").await;
    assert!(matches!(refused, Err(ControlError::Fenced)), "{refused:?}");
    // Connected again it begins a new epoch, and knows the kill before it serves.
    let before = two.engine.control.me();
    two.line.cut(false);
    two.engine.control.fresh_within(Duration::from_secs(30)).await.unwrap();
    assert_eq!(two.run_state("mailer"), RunState::Killed);
    assert!(two.engine.control.me().epoch > before.epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_that_a_failover_has_lost_are_put_back() {
    let log = SharedLog::new();
    let one = Replica::start(&log, "one").await;
    one.register("mailer").await;
    one.register("buyer").await;
    one.kill("mailer").await;
    one.kill("buyer").await;
    log.lose(1);
    one.until(|one| {
        log.actions().last().is_some_and(|last| last == "holds.restored")
            && one.engine.enforcer.is_fresh()
    })
    .await;
    assert_eq!(one.run_state("buyer"), RunState::Killed);
    // It stands in the log again, for replicas that never knew of it.
    let two = Replica::start(&log, "two").await;
    assert_eq!(two.run_state("buyer"), RunState::Killed);
    let seen = two.revision();
    two.resume("buyer", seen).await.unwrap();
    assert_eq!(two.run_state("buyer"), RunState::Active);
    assert_eq!(two.run_state("mailer"), RunState::Killed, "the other one was never lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_is_used_again_after_a_failover_is_noticed() {
    let log = SharedLog::new();
    let (one, two) = (Replica::start(&log, "one").await, Replica::start(&log, "two").await);
    one.register("mailer").await;
    one.register("buyer").await;
    two.line.cut(true);
    one.line.cut(true);
    // Both know the registration of the buyer; the log loses it, and the revision is given anew.
    log.lose(1);
    two.line.cut(false);
    two.register("planner").await;
    one.line.cut(false);
    let known = |replica: &Replica, name: &str| {
        replica.engine.control.read(|state| {
            let address = state.address_in(replica.home(), name).unwrap();
            state.agents().any(|agent| agent.address == address)
        })
    };
    one.until(|one| known(one, "planner") && one.engine.enforcer.is_fresh()).await;
    assert_eq!(one.revision(), two.revision());
    assert!(!known(&one, "buyer"), "one log, not two");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_waits_for_the_longest_lease() {
    let log = SharedLog::new();
    let short = Lease::new(Duration::from_millis(200)).unwrap();
    let one = Replica::start_with(log.line(), "one", short).await;
    let far = Replica::start_with(log.line(), "far", Lease::DEFAULT).await;
    one.register("mailer").await;
    far.line.cut(true);
    let killed = one.kill("mailer").await;
    assert!(!far.engine.enforcer.is_fresh(), "it trusted itself for longer than the other waits");
    assert_eq!(killed.receipt.bound_ms, 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_leaves_is_not_waited_for() {
    let log = SharedLog::new();
    let (one, two) = (Replica::start(&log, "one").await, Replica::start(&log, "two").await);
    one.register("mailer").await;
    two.engine.stop().await;
    let killed = one.kill("mailer").await;
    let names: Vec<_> = killed.receipt.replicas.iter().map(|r| r.replica_id.as_str()).collect();
    assert_eq!(names, ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_one_id_are_two() {
    let log = SharedLog::new();
    let (one, twin) = (Replica::start(&log, "same").await, Replica::start(&log, "same").await);
    one.register("mailer").await;
    let killed = twin.kill("mailer").await;
    assert_eq!(killed.receipt.replicas.len(), 2);
    assert_eq!(one.run_state("mailer"), RunState::Killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_cannot_read_an_entry_admits_nothing_and_says_why() {
    let log = SharedLog::new();
    let one = Replica::start(&log, "one").await;
    one.register("mailer").await;
    assert_eq!(one.engine.control.trouble(), None);
    log.be_unreadable(true);
    one.engine.control.fold(None).await.unwrap_err();
    // Told again and again: a hint may be lost, and a renewal that shows nothing new makes it fresh.
    one.until(|one| {
        one.nudge();
        !one.engine.enforcer.is_fresh()
    })
    .await;
    let trouble = one.engine.control.trouble().unwrap();
    assert_eq!((trouble.code, &*trouble.message), ("log_unreadable", "use a newer axme"));
    log.be_unreadable(false);
    one.until(|one| {
        one.nudge();
        one.engine.control.trouble().is_none() && one.engine.enforcer.is_fresh()
    })
    .await;
}
