//! The SQLite engine does what every engine must do.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axme_store::conformance::{self, Broken, Site, Subject};
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

/// A new folder for every store; the last one opened is the one that is opened again.
struct Folders {
    all: TempDir,
    open: Mutex<Vec<PathBuf>>,
}

impl Folders {
    fn subject(&self, folder: &Path) -> Result<Subject, Broken> {
        let store = SqliteStore::open(folder, SqliteOptions::default())
            .map_err(|error| Broken(error.to_string()))?;
        let store = Arc::new(store);
        Ok(Subject { log: Arc::<SqliteStore>::clone(&store), ledger: store })
    }
}

#[async_trait]
impl Site for Folders {
    async fn open(&self) -> Result<Subject, Broken> {
        let folder = {
            let mut open = self.open.lock().unwrap();
            let folder = self.all.path().join(open.len().to_string());
            open.push(folder.clone());
            folder
        };
        self.subject(&folder)
    }

    async fn reopen(&self, subject: Subject) -> Result<Subject, Broken> {
        // Dropping the last handle waits for the writer and lets go of the lock.
        drop(subject);
        let folder = self.open.lock().unwrap().last().cloned().unwrap();
        self.subject(&folder)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_does_what_every_engine_must() {
    let folders = Folders { all: TempDir::new().unwrap(), open: Mutex::default() };
    let site: Arc<dyn Site> = Arc::new(folders);
    let broken = conformance::run_all(&site).await;
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(conformance::cases().len() >= 40);
}
