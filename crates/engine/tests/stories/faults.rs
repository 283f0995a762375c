//! Kills against a store that hangs, fails and loses answers.

use std::time::Duration;

use axme_core::decide::{Action, Reason};
use axme_core::hold::RunState;
use axme_engine::control::KillOutcome;
use axme_engine::intents::IntentError;
use axme_store::faults::Fault;

use crate::world::{World, cell, idempotency};

fn reason(error: &IntentError) -> Reason {
    let IntentError::Denied(denied) = error else { panic!("{error}") };
    denied.denial.reason
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_that_cannot_be_made_durable_is_enforced_and_committed_later() {
    let world = World::new().await;
    world.store.set_appends(Fault::Hang);
    let outcome = world.kill(&world.campaign).await;
    let KillOutcome::Unconfirmed { kill } = outcome else { panic!("{outcome:?}") };
    assert_eq!(cell(&world.campaign).run_state(), RunState::Killed, "enforced here at once");
    assert_eq!(reason(&world.send(1).await.unwrap_err()), Reason::AgentKilled);
    assert!(!world.is_logged(kill).await);
    world.store.set_appends(Fault::None);
    while !world.is_logged(kill).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Once it is in the log it is a hold like every other: a resume that has seen it lifts it.
    while world.engine.control.read(|state| state.agents().all(|agent| agent.holds.is_empty())) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.resume(&world.campaign).await.unwrap();
    world.send(2).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_whose_answer_was_lost_is_found_in_the_log() {
    let world = World::new().await;
    world.store.set_appends(Fault::Lose);
    let outcome = world.kill(&world.campaign).await;
    let KillOutcome::Unconfirmed { kill } = outcome else { panic!("{outcome:?}") };
    assert!(world.is_logged(kill).await, "it had been committed; only the answer was lost");
    world.store.set_appends(Fault::None);
    let confirmed = world.kill(&world.campaign).await;
    assert!(
        matches!(confirmed, KillOutcome::Confirmed(_)),
        "the next one does not stumble over it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_waited_for_its_batch_is_refused_when_a_kill_came_first() {
    let world = World::new().await;
    world.store.set_admits(Fault::Hang);
    let waiting = world.send(1);
    let killed_meanwhile = async {
        let outcome = world.kill(&world.campaign).await;
        world.store.set_admits(Fault::None);
        outcome
    };
    let (sent, outcome) = tokio::join!(waiting, killed_meanwhile);
    assert!(matches!(outcome, KillOutcome::Confirmed(_)));
    assert_eq!(reason(&sent.unwrap_err()), Reason::AgentKilled);
    let address = cell(&world.campaign).address.clone();
    let tally = world.engine.ledger.tally(world.home(), &address).await.unwrap();
    assert_eq!(tally.sent, 0, "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_returns_only_when_what_was_let_through_has_ended() {
    let world = World::new().await;
    let (sender, receiver) = (cell(&world.campaign), cell(&world.mailer));
    let permit =
        world.engine.enforcer.permit(&world.campaign.key, Action::Send, sender, receiver).unwrap();
    let mut killing = std::pin::pin!(world.kill(&world.campaign));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut killing).await;
    assert!(early.is_err(), "work in flight holds the receipt");
    drop(permit);
    let KillOutcome::Confirmed(killed) = killing.await else { panic!("confirmed") };
    assert_eq!(killed.receipt.replicas.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_the_same_kill() {
    let world = World::new().await;
    let kill = world.kill_of(&world.campaign);
    let first = world.give_kill(&kill, Some(idempotency("k"))).await.unwrap();
    let KillOutcome::Confirmed(first) = first else { panic!("confirmed") };
    let again = world.kill_of(&world.campaign);
    let again = world.give_kill(&again, Some(idempotency("k"))).await.unwrap();
    let KillOutcome::Before(before) = again else { panic!("the same as before") };
    assert_eq!(before.revision, first.logged.revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_kills_at_once_all_return_and_their_agents_stay_stopped() {
    let world = World::new().await;
    let agents = [&world.campaign, &world.mailer];
    let kills = (0..40_usize).map(|n| world.kill(agents.get(n % 2).unwrap()));
    for outcome in futures_util::future::join_all(kills).await {
        let KillOutcome::Confirmed(killed) = outcome else { panic!("confirmed") };
        assert!(
            world.engine.control.read(axme_core::state::State::revision) >= killed.logged.revision
        );
    }
    assert!(agents.iter().all(|agent| cell(agent).run_state() == RunState::Killed));
}
