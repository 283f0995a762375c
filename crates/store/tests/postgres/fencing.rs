//! Closing the epoch of a replica whose write is held up.

use std::slice;
use std::sync::Arc;

use axme_core::id::{Epoch, Revision};
use axme_store::control::{ControlLog, Expected, LogHead};
use axme_store::error::{AppendError, StoreError, WriteError};
use axme_store::ledger::Ledger;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::scene::{OpenGate, Replica, address, at, intent, workspace};
use crate::server::Server;

/// Holds up whatever gives a cursor in a queue that has one, until the client goes. A batch comes
/// there after it has locked its epoch.
async fn hold_up(server: &Server, schema: &str) -> Client {
    let holder = server.connect(schema).await;
    holder.batch_execute("BEGIN; SELECT n FROM lane FOR UPDATE").await.unwrap();
    holder
}

/// An admission under way.
fn admit(replica: &Replica, gate: &OpenGate) -> JoinHandle<Result<(), WriteError>> {
    let (store, gate) = (Arc::clone(&replica.store), Box::new(gate.clone()));
    #[expect(clippy::disallowed_methods, reason = "the story waits for it")]
    tokio::spawn(async move {
        store.admit(intent("campaign", "mailer"), gate).await.map(|_admitted| ())
    })
}

/// Waits until a session of this epoch waits for a lock, and answers its process.
async fn held_up(watcher: &Client, schema: &str, epoch: Epoch) -> i32 {
    let sql = "SELECT pid FROM pg_stat_activity
               WHERE application_name = $1 AND wait_event_type = 'Lock'";
    let name = format!("axme/{schema}/{epoch}");
    loop {
        if let Some(row) = watcher.query_opt(sql, &[&name]).await.unwrap() {
            return row.get(0);
        }
    }
}

async fn sent(replica: &Replica) -> u64 {
    replica.store.tally(workspace(), &address("campaign")).await.unwrap().sent
}

#[tokio::test(flavor = "multi_thread")]
async fn the_batch_of_a_closed_epoch_is_refused_when_it_comes_late() {
    let server = Server::shared();
    let schema = server.new_schema();
    let frozen = Replica::join(&server, &schema, "frozen").await;
    let other = Replica::join(&server, &schema, "other").await;
    frozen.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
    other.store.close(slice::from_ref(&frozen.me), at(5)).await.unwrap();
    let refused = frozen.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await;
    assert!(matches!(refused, Err(WriteError::Store(StoreError::Fenced))), "{refused:?}");
    let renewed = frozen.store.renew(frozen.renewal(LogHead::default())).await;
    assert!(matches!(renewed, Err(StoreError::Fenced)), "{renewed:?}");
    assert_eq!(sent(&other).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_a_batch_that_is_held_up_and_nothing_of_it_stays() {
    let server = Server::shared();
    let schema = server.new_schema();
    let frozen = Replica::join(&server, &schema, "frozen").await;
    let other = Replica::join(&server, &schema, "other").await;
    other.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
    let holder = hold_up(&server, &schema).await;
    let watcher = server.connect(&schema).await;
    let gate = OpenGate::default();
    let admitting = admit(&frozen, &gate);
    held_up(&watcher, &schema, frozen.me.epoch).await;

    other.store.close(slice::from_ref(&frozen.me), at(5)).await.unwrap();
    let lost = admitting.await.unwrap();
    assert!(matches!(lost, Err(WriteError::Store(StoreError::OutcomeUnknown(_)))), "{lost:?}");
    // Nobody may say that it is over before the epoch is known to be closed.
    assert_eq!(gate.in_flight(), 1);
    let refused = frozen.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await;
    assert!(matches!(refused, Err(WriteError::Store(StoreError::Fenced))), "{refused:?}");
    drop(holder);

    let anew = frozen.join_anew().await;
    assert_eq!(gate.in_flight(), 0);
    assert_eq!(sent(&other).await, 1);
    anew.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
    assert_eq!(sent(&other).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_an_append_that_waits_for_the_head() {
    let server = Server::shared();
    let schema = server.new_schema();
    let frozen = Replica::join(&server, &schema, "frozen").await;
    let other = Replica::join(&server, &schema, "other").await;
    let holder = server.connect(&schema).await;
    holder.batch_execute("BEGIN; SELECT hash FROM control_head FOR UPDATE").await.unwrap();
    let watcher = server.connect(&schema).await;
    let (store, append) = (Arc::clone(&frozen.store), frozen.append_of(Expected::Any));
    let command = append.entry.command_id;
    #[expect(clippy::disallowed_methods, reason = "the story waits for it")]
    let appending = tokio::spawn(async move { store.append(append).await });
    held_up(&watcher, &schema, frozen.me.epoch).await;

    other.store.close(slice::from_ref(&frozen.me), at(5)).await.unwrap();
    let lost = appending.await.unwrap();
    let unknown = matches!(&lost, Err(AppendError::Store(StoreError::OutcomeUnknown(_))));
    assert!(unknown, "{lost:?}");
    drop(holder);
    assert_eq!(other.store.find(command).await.unwrap(), None);
    let refused = frozen.store.append(frozen.append_of(Expected::Any)).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Fenced))), "{refused:?}");
    let head = other.store.append(other.append_of(Expected::Any)).await.unwrap();
    assert_eq!(head.revision, Revision(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_an_answer_ends_the_epoch_and_joining_settles_it() {
    let server = Server::shared();
    let schema = server.new_schema();
    let replica = Replica::join(&server, &schema, "replica").await;
    replica.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
    let holder = hold_up(&server, &schema).await;
    let watcher = server.connect(&schema).await;
    let gate = OpenGate::default();
    let admitting = admit(&replica, &gate);
    let process = held_up(&watcher, &schema, replica.me.epoch).await;
    let process = Pid::from_raw(process).unwrap();
    kill_process(process, Signal::STOP).unwrap();

    let lost = admitting.await.unwrap();
    assert!(matches!(lost, Err(WriteError::Store(StoreError::OutcomeUnknown(_)))), "{lost:?}");
    let renewed = replica.store.renew(replica.renewal(LogHead::default())).await;
    assert!(matches!(renewed, Err(StoreError::Fenced)), "{renewed:?}");
    // The stopped process holds the epoch's row: as long as it may commit, nothing is settled.
    let joined = replica.store.join(&crate::scene::profile("replica"), at(6)).await;
    assert!(joined.is_err(), "{joined:?}");
    assert_eq!(gate.in_flight(), 1);

    drop(holder);
    kill_process(process, Signal::CONT).unwrap();
    let anew = replica.join_anew().await;
    assert_eq!(gate.in_flight(), 0);
    // It was ended, or it had committed before; now nothing of it can come any more.
    let stands = sent(&anew).await;
    anew.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
    assert_eq!(sent(&anew).await, stands + 1);
    let seen = anew.store.replicas(Revision::default()).await.unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
}
