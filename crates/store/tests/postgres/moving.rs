//! Intents that two replicas move at once, and batches whose items get in each other's way.

use std::collections::BTreeSet;
use std::sync::Arc;

use axme_core::id::IntentId;
use axme_core::intent::Status;
use axme_store::error::{StoreError, WriteError};
use axme_store::ledger::{
    Admitted, Fact, HandedOver, Handing, Ledger, Patch, Patched, Recorded, RowsBetween,
};
use tokio::task::JoinSet;

use crate::scene::{OpenGate, Replica, address, at, intent, key, workspace};
use crate::server::Server;
use crate::sharing::two;

const EACH: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_end_an_intent_one_is_told_that_it_had_ended() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    let mut answers = JoinSet::new();
    let ids = admitted(&a, EACH).await;
    for (n, id) in ids.iter().enumerate() {
        let next = if n % 2 == 0 { Status::Completed } else { Status::Failed };
        for replica in [&a, &b] {
            let (replica, fact) = (Arc::clone(replica), fact(*id, next));
            answers.spawn(async move { replica.store.record(fact).await.unwrap() });
        }
    }
    let answers = answers.join_all().await;
    let done = answers.iter().filter(|answer| matches!(answer, Recorded::Done { .. })).count();
    let ended = answers.iter().filter(|answer| matches!(answer, Recorded::Ended(_))).count();
    assert_eq!((done, ended), (EACH, EACH));
    for id in ids {
        assert_eq!(seqs(&b, id).await, [1, 2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_handover_of_two_counts_and_the_first_is_the_event() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    let ids = admitted(&a, EACH).await;
    let mut answers = JoinSet::new();
    for _ in 0..2 {
        for replica in [&a, &b] {
            let (replica, handings) = (Arc::clone(replica), handings(&ids));
            answers.spawn(async move { replica.store.hand_over(handings, at(3)).await.unwrap() });
        }
    }
    let handed: Vec<_> = answers.join_all().await.into_iter().flatten().collect();
    assert_eq!(handed.len(), 4 * EACH);
    for id in ids {
        let mut attempts: Vec<_> = handed
            .iter()
            .map(|handed| match handed {
                HandedOver::Deliver(intent) => intent,
                HandedOver::Exhausted(intent) => panic!("{intent:?}"),
            })
            .filter(|intent| intent.intent_id == id)
            .map(|intent| intent.delivery_attempt)
            .collect();
        attempts.sort_unstable();
        assert_eq!(attempts, [1, 2, 3, 4]);
        assert_eq!(seqs(&a, id).await, [1, 2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_one_batch_follow_each_other() {
    let server = Server::shared();
    let (a, _) = two(&server).await;
    let ids = admitted(&a, 1).await;
    let [id] = ids[..] else { panic!("{ids:?}") };
    let handed = a.store.hand_over(handings(&[id, id]), at(3)).await.unwrap();
    let attempts: Vec<_> = handed
        .iter()
        .map(|handed| match handed {
            HandedOver::Deliver(intent) | HandedOver::Exhausted(intent) => intent.delivery_attempt,
        })
        .collect();
    assert_eq!(attempts, [1, 2]);
    let patch = |expected_generation| Patch {
        intent_id: id,
        merge: r#"{"controls":{"a":1}}"#.into(),
        expected_generation,
        at: at(4),
    };
    let mut answers = JoinSet::new();
    for _ in 0..10 {
        let (a, patch) = (Arc::clone(&a), patch(Some(0)));
        answers.spawn(async move { a.store.patch(patch).await.unwrap() });
    }
    let answers = answers.join_all().await;
    let applied = answers.iter().filter(|answer| matches!(answer, Patched::Applied(_))).count();
    assert_eq!(applied, 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_requeued_while_it_is_handed_over_has_one_cursor_and_nobody_waits_for_ever() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    let ids = admitted(&a, EACH).await;
    let mut moving = JoinSet::new();
    for round in 0..10 {
        let replica = Arc::clone(if round % 2 == 0 { &a } else { &b });
        moving.spawn(async move {
            let sender = address("campaign");
            replica.store.requeue(workspace(), &sender, RowsBetween::after(0), 100).await.unwrap();
        });
        let (replica, some) = (Arc::clone(&b), handings(&ids[round..round + 20]));
        moving.spawn(async move {
            replica.store.hand_over(some, at(3)).await.unwrap();
        });
        let (replica, some) = (Arc::clone(&a), ids[round..round + 20].to_vec());
        moving.spawn(async move { replica.store.take_back(some).await.unwrap() });
        let replica = Arc::clone(&a);
        moving.spawn(async move {
            admitted(&replica, 5).await;
        });
    }
    moving.join_all().await;
    let cursors: BTreeSet<_> =
        a.queue("mailer", 0).await.iter().map(|intent| intent.cursor).collect();
    assert_eq!(cursors.len(), EACH + 50, "two have one cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_for_one_fact_at_every_replica() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    for round in 0..10 {
        let ids = admitted(&a, 2).await;
        let [one, two] = ids[..] else { panic!("{ids:?}") };
        let keyed = |id| Fact {
            idempotency: Some(key(&format!("fact-{round}"))),
            ..fact(id, Status::Completed)
        };
        let (first, second) = tokio::join!(a.store.record(keyed(one)), b.store.record(keyed(one)));
        let before = [first.unwrap(), second.unwrap()]
            .into_iter()
            .filter(|answer| matches!(answer, Recorded::Before { .. }))
            .count();
        assert_eq!(before, 1);
        assert!(matches!(b.store.record(keyed(two)).await, Err(WriteError::KeyReused)));
        let other = |id| Fact {
            idempotency: Some(key(&format!("other-{round}"))),
            ..fact(id, Status::InProgress)
        };
        let ids = admitted(&a, 2).await;
        let [one, two] = ids[..] else { panic!("{ids:?}") };
        let (first, second) = tokio::join!(a.store.record(other(one)), b.store.record(other(two)));
        let reused = [&first, &second]
            .into_iter()
            .filter(|answer| matches!(answer, Err(WriteError::KeyReused)))
            .count();
        assert_eq!(reused, 1, "{first:?} {second:?}");
        let steps = [seqs(&a, one).await.len(), seqs(&a, two).await.len()];
        assert_eq!(steps.iter().sum::<usize>(), 5, "a refused fact was recorded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_with_one_key_one_is_admitted_and_the_others_learn_which() {
    let server = Server::shared();
    let (a, _) = two(&server).await;
    let mut answers = JoinSet::new();
    for _ in 0..30 {
        let mut new = intent("campaign", "mailer");
        new.idempotency = Some(key("k"));
        let a = Arc::clone(&a);
        answers.spawn(async move {
            let id = new.intent_id;
            (id, a.store.admit(new, OpenGate::boxed()).await.unwrap())
        });
    }
    let (mut made, mut told) = (Vec::new(), BTreeSet::new());
    for (id, answer) in answers.join_all().await {
        match answer {
            Admitted::New { .. } => made.push(id),
            Admitted::Before { intent_id } => {
                told.insert(intent_id);
            }
        }
    }
    assert_eq!(made.len(), 1);
    assert_eq!(told.into_iter().collect::<Vec<_>>(), made);
    assert_eq!(a.queue("mailer", 0).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_cannot_be_stored_is_refused_and_its_neighbours_are_not() {
    let server = Server::shared();
    let (a, _) = two(&server).await;
    let mut answers = JoinSet::new();
    for n in 0..20 {
        let mut new = intent("campaign", "mailer");
        match n % 8 {
            0 => new.correlation_id = "a\0b".into(),
            4 => new.idempotency = Some(key(&"k".repeat(4_000))),
            _ => {}
        }
        let a = Arc::clone(&a);
        answers.spawn(async move { (n, a.store.admit(new, OpenGate::boxed()).await) });
    }
    for (n, answer) in answers.join_all().await {
        let refused = matches!(answer, Err(WriteError::Store(StoreError::Unusable(_))));
        assert_eq!(refused, n % 4 == 0, "{answer:?}");
        assert!(refused || answer.is_ok(), "{answer:?}");
    }
    let ids = admitted(&a, 1).await;
    let [id] = ids[..] else { panic!("{ids:?}") };
    let said = Fact { actor: "a\0b".into(), ..fact(id, Status::Completed) };
    assert!(matches!(a.store.record(said).await, Err(WriteError::Store(StoreError::Unusable(_)))));
    assert_eq!(seqs(&a, id).await, [1, 2]);
}

async fn admitted(replica: &Arc<Replica>, count: usize) -> Vec<IntentId> {
    let mut admitting = JoinSet::new();
    for _ in 0..count {
        let (replica, mut new) = (Arc::clone(replica), intent("campaign", "mailer"));
        new.delivery_attempts_max = 100;
        admitting.spawn(async move {
            let id = new.intent_id;
            replica.store.admit(new, OpenGate::boxed()).await.unwrap();
            id
        });
    }
    admitting.join_all().await
}

fn handings(ids: &[IntentId]) -> Vec<Handing> {
    ids.iter().map(|id| Handing { intent_id: *id, gate: OpenGate::boxed() }).collect()
}

fn fact(intent_id: IntentId, next: Status) -> Fact {
    Fact {
        intent_id,
        next,
        actor: "agent://acme/prod/mailer".into(),
        outcome: None,
        late: false,
        at: at(4),
        idempotency: None,
    }
}

/// The sequence numbers of an intent's events.
async fn seqs(replica: &Replica, id: IntentId) -> Vec<u64> {
    let events = replica.store.events(id, 0).await.unwrap().unwrap();
    events.iter().map(|event| event.seq).collect()
}
