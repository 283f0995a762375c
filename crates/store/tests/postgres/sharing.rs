//! Two replicas at one database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axme_core::id::Revision;
use axme_store::Hint;
use axme_store::control::{ControlLog, Expected, LogHead};
use axme_store::error::AppendError;
use axme_store::ledger::{Admitted, Ledger};
use tokio::task::JoinSet;

use crate::scene::{OpenGate, Replica, address, at, intent, key, workspace};
use crate::server::Server;

const EACH: usize = 300;

pub(crate) async fn two(server: &Server) -> (Arc<Replica>, Arc<Replica>) {
    let schema = server.new_schema();
    // They begin at once: one makes the tables, the other finds them.
    let (a, b) =
        tokio::join!(Replica::join(server, &schema, "a"), Replica::join(server, &schema, "b"));
    (Arc::new(a), Arc::new(b))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_keeps_the_last_cursor_misses_nothing_that_two_writers_admit() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    assert_ne!(a.me.epoch, b.me.epoch);
    let done = Arc::new(AtomicBool::new(false));
    let mut reading = JoinSet::new();
    let (reader, is_done) = (Arc::clone(&b), Arc::clone(&done));
    reading.spawn(async move {
        let (mut read, mut last) = (Vec::new(), 0);
        loop {
            let ending = is_done.load(Ordering::SeqCst);
            let new = reader.queue("mailer", last).await;
            assert!(new.windows(2).all(|pair| pair[0].cursor < pair[1].cursor));
            last = new.last().map_or(last, |intent| intent.cursor);
            let none = new.is_empty();
            read.extend(new.into_iter().map(|intent| intent.intent_id));
            if ending && none {
                return read;
            }
        }
    });
    let mut writing = JoinSet::new();
    for replica in [&a, &b] {
        for _ in 0..EACH {
            let replica = Arc::clone(replica);
            writing.spawn(async move {
                let new = intent("campaign", "mailer");
                replica.store.admit(new, OpenGate::boxed()).await.unwrap()
            });
        }
    }
    let admitted = writing.join_all().await;
    done.store(true, Ordering::SeqCst);
    let read = reading.join_next().await.unwrap().unwrap();
    assert_eq!(admitted.len(), 2 * EACH);
    assert_eq!(read.len(), 2 * EACH, "an intent was passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_appends_at_one_head_one_goes_through() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    let mut head = LogHead::default();
    for round in 1..=20 {
        let expected = Expected::Head(head);
        let (first, second) = tokio::join!(
            a.store.append(a.append_of(expected)),
            b.store.append(b.append_of(expected))
        );
        let next = match (first, second) {
            (Ok(next), Err(AppendError::Conflict)) | (Err(AppendError::Conflict), Ok(next)) => next,
            other => panic!("{other:?}"),
        };
        assert_eq!(next.revision, Revision(round));
        head = next;
    }
    assert_eq!(a.store.load().await.unwrap().head, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_both_all_land() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    let mut kills = JoinSet::new();
    for n in 0..40 {
        let replica = Arc::clone(if n % 2 == 0 { &a } else { &b });
        kills.spawn(async move {
            replica.store.append(replica.append_of(Expected::Any)).await.unwrap().revision
        });
    }
    let mut revisions = kills.join_all().await;
    revisions.sort();
    assert_eq!(revisions, (1..=40).map(Revision).collect::<Vec<_>>());
    // The whole chain is verified when it is loaded.
    assert_eq!(b.store.load().await.unwrap().head.revision, Revision(40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_shows_the_head_that_another_wrote() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    let head = a.store.append(a.append_of(Expected::Any)).await.unwrap();
    let renewed = b.store.renew(b.renewal(LogHead::default())).await.unwrap();
    assert_eq!(renewed.head, head);
    assert_eq!(renewed.at_applied, Some(LogHead::default().hash));
    let seen = a.store.replicas(Revision::default()).await.unwrap();
    let names: Vec<_> = seen.iter().map(|row| &*row.profile.replica_id).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_fires_once() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    for _ in 0..50 {
        let mut new = intent("campaign", "mailer");
        new.deadline_at = Some(at(5));
        a.store.admit(new, OpenGate::boxed()).await.unwrap();
    }
    let (first, second) = tokio::join!(a.store.time_out(at(6), 100), b.store.time_out(at(6), 100));
    let (first, second) = (first.unwrap(), second.unwrap());
    let mut ended: Vec<_> = first.iter().chain(&second).map(|intent| intent.intent_id).collect();
    ended.sort();
    ended.dedup();
    assert_eq!((ended.len(), first.len() + second.len()), (50, 50));
    for intent in first.iter().chain(&second) {
        let events = a.store.events(intent.intent_id, 2).await.unwrap().unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_both_use_at_once_admits_once() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    for round in 0..20 {
        let admit = |replica: &Arc<Replica>| {
            let mut new = intent("campaign", "mailer");
            new.idempotency = Some(key(&format!("k{round}")));
            let store = Arc::clone(&replica.store);
            async move { store.admit(new, OpenGate::boxed()).await.unwrap() }
        };
        let answers = tokio::join!(admit(&a), admit(&b));
        assert!(
            matches!(
                answers,
                (Admitted::New { .. }, Admitted::Before { .. })
                    | (Admitted::Before { .. }, Admitted::New { .. })
            ),
            "{answers:?}"
        );
    }
    let tally = a.store.tally(workspace(), &address("campaign")).await.unwrap();
    assert_eq!(tally.sent, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_writes_the_other_is_told() {
    let server = Server::shared();
    let (a, b) = two(&server).await;
    let mut hints = b.store.hints();
    // Listening begins with a hint that anything may have changed; until then nothing is promised.
    let wanted = [Hint::Log, Hint::Queue(workspace(), address("mailer"))];
    for hint in wanted {
        let heard = async {
            loop {
                if hints.recv().await.unwrap() == hint {
                    return;
                }
            }
        };
        let telling = async {
            loop {
                a.store.append(a.append_of(Expected::Any)).await.unwrap();
                let new = intent("campaign", "mailer");
                a.store.admit(new, OpenGate::boxed()).await.unwrap();
            }
        };
        let told = async {
            tokio::select! {
                () = heard => {}
                () = telling => {}
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    }
}
