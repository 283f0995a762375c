//! Files that cannot be used, and rows that were changed behind our back.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{OpenError, append, joined, open};
use crate::control::ControlLog as _;
use crate::error::StoreError;

/// The database file of a store that has written something.
async fn used(folder: &TempDir) -> std::path::PathBuf {
    let store = open(folder.path()).unwrap();
    let me = joined(&store).await;
    for n in 1..=5 {
        append(&store, &me, n).await.unwrap();
    }
    store.save_snapshot(store.load().await.unwrap()).await.unwrap();
    for n in 6..=9 {
        append(&store, &me, n).await.unwrap();
    }
    store.shut_down().await;
    folder.path().join("axme.db")
}

fn change(file: &std::path::Path, sql: &str) {
    assert!(Connection::open(file).unwrap().execute(sql, ()).unwrap() > 0, "{sql}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions() {
    let folder = TempDir::new().unwrap();
    let file = used(&folder).await;
    Connection::open(file).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::SchemaNewer { found: 7, supported: 4, .. }), "{error:?}");
    assert!(error.to_string().contains("schema 7") && error.to_string().contains("schema 4"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("axme.db"), "not a database, whatever its name says".repeat(99))
        .unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("Restore it from a backup"), "{error}");
}

#[tokio::test]
async fn a_page_of_nonsense_is_found_at_the_start() {
    let folder = TempDir::new().unwrap();
    let file = used(&folder).await;
    let mut bytes = fs::read(&file).unwrap();
    for byte in &mut bytes[3 * 4096..4 * 4096] {
        *byte = 0xa5;
    }
    fs::write(&file, bytes).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_was_cut_is_found_at_the_start() {
    let folder = TempDir::new().unwrap();
    let file = used(&folder).await;
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("axme.db");
    Connection::open(&file).unwrap().execute("CREATE TABLE theirs (x)", ()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
    let tables: i64 = Connection::open(&file)
        .unwrap()
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = open(&folder.path().join("file/below")).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("file/below"), "{error}");
}

#[tokio::test]
async fn an_entry_that_was_changed_is_found_when_it_is_loaded() {
    let folder = TempDir::new().unwrap();
    let file = used(&folder).await;
    change(
        &file,
        "UPDATE control_log SET body = CAST(replace(CAST(body AS TEXT), 'killed', 'kilted') AS BLOB) WHERE revision = 8",
    );
    let store = open(folder.path()).unwrap();
    let error = store.load().await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    assert!(error.to_string().contains("revision 8"), "{error}");
}

#[tokio::test]
async fn an_entry_of_a_newer_version_is_not_skipped() {
    let folder = TempDir::new().unwrap();
    let file = used(&folder).await;
    change(
        &file,
        "UPDATE control_log SET body = CAST('{\"format\":9}' AS BLOB) WHERE revision = 9",
    );
    let store = open(folder.path()).unwrap();
    let error = store.tail(axme_core::id::Revision(8)).await.unwrap_err();
    assert!(error.to_string().contains("use a newer axme"), "{error}");
}

#[tokio::test]
async fn an_entry_that_is_missing_is_found_when_it_is_loaded() {
    let folder = TempDir::new().unwrap();
    let file = used(&folder).await;
    change(&file, "DELETE FROM control_log WHERE revision >= 9");
    let store = open(folder.path()).unwrap();
    let error = store.load().await.unwrap_err();
    assert!(error.to_string().contains("revision 9"), "{error}");
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_passed_over() {
    for sql in [
        "UPDATE control_snapshot_part SET body = x'00'",
        "DELETE FROM control_snapshot_part",
        "UPDATE control_snapshot SET format = 99",
        "UPDATE control_snapshot SET hash = zeroblob(32)",
    ] {
        let folder = TempDir::new().unwrap();
        let file = used(&folder).await;
        change(&file, sql);
        let store = open(folder.path()).unwrap();
        let loaded = store.load().await.unwrap();
        assert_eq!(loaded.head.revision.0, 9, "{sql}");
        assert_eq!(loaded.state.revision().0, 9, "{sql}");
    }
}
