//! The PostgreSQL engine does what every engine must do, and what only several replicas can show.
#![cfg(unix)]
#![expect(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "postgres/fencing.rs"]
mod fencing;
#[path = "postgres/moving.rs"]
mod moving;
#[path = "postgres/outages.rs"]
mod outages;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/server.rs"]
mod server;
#[path = "postgres/sharing.rs"]
mod sharing;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axme_store::conformance::{self, Broken, Site, Subject};
use axme_store::postgres::PgStore;

use server::Server;

/// A new schema for every store; the last one opened is the one that is opened again.
struct Schemas {
    server: Arc<Server>,
    hints: bool,
    last: Mutex<String>,
}

impl Schemas {
    fn subject(&self) -> Subject {
        let schema = self.last.lock().unwrap().clone();
        let mut options = self.server.options(&schema);
        options.hints = self.hints;
        let store = Arc::new(PgStore::open(options));
        Subject { log: Arc::<PgStore>::clone(&store), ledger: store }
    }
}

#[async_trait]
impl Site for Schemas {
    async fn open(&self) -> Result<Subject, Broken> {
        *self.last.lock().unwrap() = self.server.new_schema();
        Ok(self.subject())
    }

    async fn reopen(&self, subject: Subject) -> Result<Subject, Broken> {
        drop(subject);
        Ok(self.subject())
    }
}

async fn conforms(hints: bool) {
    let schemas = Schemas { server: Server::shared(), hints, last: Mutex::default() };
    let site: Arc<dyn Site> = Arc::new(schemas);
    let broken = conformance::run_all(&site).await;
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(conformance::cases().len() >= 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_does_what_every_engine_must() {
    conforms(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_does_it_without_hints_too() {
    conforms(false).await;
}
