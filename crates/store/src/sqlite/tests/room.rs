//! A disk that is full, as far as one process can make it so: a limit on the database's pages.

use std::time::Duration;

use rusqlite::OptionalExtension as _;
use tempfile::TempDir;

use super::{OpenGate, SqliteStore, append, intent, joined, open};
use crate::error::{StoreError, WriteError};
use crate::ledger::Ledger as _;
use crate::sqlite::job::{Size, job};

/// Leaves the writer's connection room for this many pages more.
async fn leave_pages(store: &SqliteStore, pages: u32) {
    let limit = job::<_, StoreError, _>(Size::of(0), move |batch| {
        let connection = batch.connection();
        let used: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        connection
            .query_row(&format!("PRAGMA max_page_count = {}", used + pages), (), |_| Ok(()))
            .optional()?;
        Ok(())
    });
    store.control(limit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_to_be_full_and_the_store_goes_on_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let me = joined(&store).await;
    leave_pages(&store, 20).await;
    let payload = format!("\"{}\"", "x".repeat(16 << 10));
    let mut admitted = Vec::new();
    let refused = loop {
        let new = intent(100 + admitted.len() as u128, &payload);
        let id = new.intent_id;
        match store.admit(new, Box::new(OpenGate)).await {
            Ok(_) => admitted.push(id),
            Err(error) => break error,
        }
        assert!(admitted.len() < 20, "it never became full");
    };
    let WriteError::Store(StoreError::Unavailable(told)) = &refused else { panic!("{refused:?}") };
    assert!(told.contains("the disk is full"), "{told}");

    // The connection was dropped; at most every 250 ms it is opened again, without the limit.
    for _ in 0..100 {
        match append(&store, &me, 1).await {
            Ok(()) => break,
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(other) => panic!("{other:?}"),
        }
    }
    store.admit(intent(1, &payload), Box::new(OpenGate)).await.unwrap();
    for id in &admitted {
        assert!(store.intent(*id).await.unwrap().is_some());
    }
    let lost = intent(100 + admitted.len() as u128, "").intent_id;
    assert!(store.intent(lost).await.unwrap().is_none(), "what was refused is stored");
}
