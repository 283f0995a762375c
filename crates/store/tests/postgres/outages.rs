//! A server that is not there, goes, or must not be used.

use std::sync::Arc;
use std::time::Duration;

use axme_core::id::Revision;
use axme_store::control::{ControlLog, Durability, Expected, LogHead};
use axme_store::error::{StoreError, WriteError};
use axme_store::ledger::Ledger;
use axme_store::postgres::{PgOptions, PgStore};

use crate::scene::{OpenGate, Replica, address, at, intent, profile, workspace};
use crate::server::Server;

/// Tries until it works: a server that comes back takes its time.
async fn join_in_the_end(store: &PgStore, name: &str) -> axme_core::id::Epoch {
    let joining = async {
        loop {
            match store.join(&profile(name), at(0)).await {
                Ok(epoch) => return epoch,
                Err(_not_yet) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), joining).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_waits_for_its_server_and_survives_its_end() {
    let server = Server::new();
    let store = server.open("axme");
    let loaded = store.load().await;
    assert!(matches!(loaded, Err(StoreError::Unavailable(_))), "{loaded:?}");
    assert_eq!(store.trouble().unwrap().code, "store_unreachable");

    server.start();
    join_in_the_end(&store, "replica").await;
    assert_eq!(store.trouble(), None);
    let replica = Replica::join_at(store, "replica").await;
    let head = replica.store.append(replica.append_of(Expected::Any)).await.unwrap();
    replica.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();

    server.stop();
    let refused = replica.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(replica.store.load().await.is_err());
    server.start();
    join_in_the_end(&replica.store, "replica").await;
    assert_eq!(replica.store.load().await.unwrap().head, head);
    replica.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
    let tally = replica.store.tally(workspace(), &address("campaign")).await.unwrap();
    assert_eq!(tally.sent, 2);
    replica.store.shut_down().await;
    let loaded = replica.store.load().await;
    assert!(matches!(loaded, Err(StoreError::Unavailable(_))), "{loaded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_ended_are_opened_again() {
    let server = Server::shared();
    let schema = server.new_schema();
    let replica = Replica::join(&server, &schema, "replica").await;
    let killer = server.connect(&schema).await;
    for _ in 0..5 {
        replica.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
        replica.store.renew(replica.renewal(LogHead::default())).await.unwrap();
        let sql = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
                   WHERE application_name LIKE 'axme/' || $1 || '/%'";
        let ended: i64 = killer.query_one(sql, &[&schema]).await.unwrap().get(0);
        assert!(ended > 0);
        // The ends of the connections arrive as news; that of the renewals is waited for here.
        let replicas = async {
            while replica.store.replicas(Revision::default()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), replicas).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused() {
    let server = Server::shared();
    let options = PgOptions::parse(&server.url(&server.new_schema())).unwrap();
    let trouble = PgStore::connect_once(options).await.err().unwrap();
    assert_eq!(trouble.code, "store_unsafe");
    assert!(trouble.message.contains("fsync"), "{}", trouble.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_told_from_one_that_is_newer() {
    let server = Server::shared();
    let schema = server.new_schema();
    let url = server.url(&schema).replace("/postgres?", "/nowhere?");
    let trouble = PgStore::connect_once(PgOptions::parse(&url).unwrap()).await.err().unwrap();
    assert_eq!(trouble.code, "store_missing");

    let store = PgStore::connect_once(server.options(&schema)).await.unwrap();
    assert!(store.is_shared());
    store.shut_down().await;
    let client = server.connect(&schema).await;
    // A later version may still be read by this one ...
    client.execute("INSERT INTO schema_version VALUES (100, 1)", &[]).await.unwrap();
    PgStore::connect_once(server.options(&schema)).await.unwrap();
    // ... until it says otherwise.
    client.execute("INSERT INTO schema_version VALUES (101, 101)", &[]).await.unwrap();
    let trouble = PgStore::connect_once(server.options(&schema)).await.err().unwrap();
    assert_eq!(trouble.code, "store_schema_newer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_may_not_have_been_replicated_has_an_unknown_outcome() {
    let server = Server::new();
    server.start();
    let replica = Replica::join(&server, "axme", "replica").await;
    assert_eq!(replica.store.durability(), Durability::Single);
    replica.store.admit(intent("campaign", "mailer"), OpenGate::boxed()).await.unwrap();
    let operator = server.connect("axme").await;
    // Every commit waits for a standby that nobody has set up.
    operator.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", &[]).await.unwrap();
    operator.execute("SELECT pg_reload_conf()", &[]).await.unwrap();
    let waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let store = Arc::clone(&replica.store);
    let gate = OpenGate::default();
    let admitting = async {
        // The setting comes into force when it does; what goes through before waits for nobody.
        loop {
            let admitted = store.admit(intent("campaign", "mailer"), Box::new(gate.clone())).await;
            if let Err(error) = admitted {
                return error;
            }
        }
    };
    let cancelling = async {
        loop {
            if let Some(row) = operator.query_opt(waits, &[]).await.unwrap() {
                let process: i32 = row.get(0);
                let cancel = "SELECT pg_cancel_backend($1)";
                operator.execute(cancel, &[&process]).await.unwrap();
                return;
            }
        }
    };
    let (lost, ()) = tokio::join!(admitting, cancelling);
    assert!(
        matches!(&lost, WriteError::Store(StoreError::OutcomeUnknown(why)) if why.contains("warned")),
        "{lost:?}"
    );
    assert_eq!(gate.in_flight(), 1);

    operator.batch_execute("SET synchronous_commit = local").await.unwrap();
    operator.execute("ALTER SYSTEM RESET synchronous_standby_names", &[]).await.unwrap();
    operator.execute("SELECT pg_reload_conf()", &[]).await.unwrap();
    join_in_the_end(&replica.store, "replica").await;
    assert_eq!(gate.in_flight(), 0);
    replica.store.shut_down().await;
}
