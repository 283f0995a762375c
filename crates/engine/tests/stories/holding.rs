//! What a stop holds, and what flows again.

use axme_core::decide::Reason;
use axme_core::refusal::Refusal;
use axme_core::state::State;
use axme_engine::control::{Carried, ControlError, KillOutcome};
use axme_engine::intents::IntentError;

use crate::world::{World, cursor_of_last, delivered};

#[tokio::test(flavor = "multi_thread")]
async fn intents_flow_to_a_listening_receiver_in_order() {
    let world = World::new().await;
    for n in 0..10 {
        world.send(n).await.unwrap();
    }
    let (numbers, since) = delivered(&mut world.listen(0).unwrap()).await;
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    world.send(10).await.unwrap();
    let (numbers, _) = delivered(&mut world.listen(since).unwrap()).await;
    assert_eq!(numbers, [10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_stream_wakes_when_something_comes() {
    let world = World::new().await;
    let mut stream = world.listen(0).unwrap();
    let (delivered, sent) = tokio::join!(delivered(&mut stream), world.send(7));
    sent.unwrap();
    assert_eq!(delivered.0, [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_sender_had_queued_is_held_and_flows_in_order_after_its_resume() {
    let world = World::new().await;
    for n in 0..5 {
        world.send(n).await.unwrap();
    }
    world.kill(&world.campaign).await;
    let mut stream = world.listen(0).unwrap();
    let resumed = async {
        tokio::task::yield_now().await;
        world.resume(&world.campaign).await.unwrap()
    };
    let ((numbers, _), carried) = tokio::join!(delivered(&mut stream), resumed);
    assert!(matches!(carried, Carried::Entry { before: false, .. }));
    assert_eq!(numbers, [0, 1, 2, 3, 4], "held while killed, then each once and in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_resume_sets_free_flows_also_when_its_replica_ended_too_early() {
    let world = World::new().await;
    for n in 0..5 {
        world.send(n).await.unwrap();
    }
    world.kill(&world.campaign).await;
    let passed_over = world.send_as(&world.mailer, 9).await;
    let last = cursor_of_last(&world).await;
    assert!(passed_over.is_ok());
    // The resume is in the log; nobody requeues, as if whoever took it had died there.
    let seen = world.engine.control.read(State::revision);
    world.resume_seeing(&world.campaign, seen).await.unwrap();
    let world = world.restart().await;
    let (numbers, _) = delivered(&mut world.listen(last).unwrap()).await;
    assert_eq!(numbers, [0, 1, 2, 3, 4], "each once and in order, after what was passed on before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_receivers_stream_ends_with_nothing_more_said_and_none_opens() {
    let world = World::new().await;
    let mut stream = world.listen(0).unwrap();
    let killed = async {
        let KillOutcome::Confirmed(killed) = world.kill(&world.mailer).await else {
            panic!("confirmed")
        };
        killed
    };
    let ended = async {
        let rest = delivered(&mut stream).await;
        drop(stream);
        rest
    };
    let (killed, (numbers, _)) = tokio::join!(killed, ended);
    assert!(numbers.is_empty());
    assert_eq!(killed.receipt.streams_closed, 1);
    assert_eq!(killed.receipt.bytes_after_order, 0);
    let Err(IntentError::Denied(denied)) = world.listen(0) else {
        panic!("a stopped agent listens")
    };
    assert_eq!(denied.denial.reason, Reason::AgentKilled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_peer_does_not_read_is_cut() {
    let world = World::new().await;
    let stream = world.listen(0).unwrap();
    let reader = async {
        // Nobody polls the stream; it goes when its connection is cut.
        world.cut_connection().cancelled().await;
        drop(stream);
    };
    let (outcome, ()) = tokio::join!(world.kill(&world.mailer), reader);
    let KillOutcome::Confirmed(killed) = outcome else { panic!("confirmed") };
    assert_eq!(killed.receipt.connections_cut, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_that_has_not_seen_the_newest_kill_is_refused() {
    let world = World::new().await;
    world.kill(&world.campaign).await;
    let seen = world.engine.control.read(State::revision);
    world.kill(&world.campaign).await;
    let refused = world.resume_seeing(&world.campaign, seen).await.unwrap_err();
    assert!(matches!(refused, ControlError::Refused(Refusal::KilledAgain { .. })));
    assert!(world.send(1).await.is_err());
}
