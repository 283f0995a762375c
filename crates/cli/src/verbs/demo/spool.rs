//! The mail spool: one line an e-mail in one file, so that anybody can count it.

use crate::failure::Failure;
use axme_api::JsonObject;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) struct Spool {
    pub(super) path: PathBuf,
    file: Mutex<File>,
    lines: AtomicU64,
}

impl Spool {
    pub(super) fn create(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("sent.tsv");
        let make = || {
            std::fs::create_dir_all(folder)?;
            OpenOptions::new().append(true).create_new(true).open(&path)
        };
        let file = make().map_err(|error| unusable(&path, &error))?;
        Ok(Self { path, file: Mutex::new(file), lines: AtomicU64::new(0) })
    }

    /// Sends an e-mail: number, receiver, subject and intent as one line.
    pub(super) fn write(&self, intent_id: &str, email: &JsonObject) -> Result<(), Failure> {
        let text = |name| email.get(name).and_then(Value::as_str).unwrap_or("-");
        let number = email.get("n").and_then(Value::as_u64).unwrap_or(0);
        let line = format!("{number}\t{}\t{}\t{intent_id}\n", text("to"), text("subject"));
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(|error| unusable(&self.path, &error))?;
        self.lines.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Lines written so far.
    pub(super) fn lines(&self) -> u64 {
        self.lines.load(Ordering::SeqCst)
    }

    /// The numbers of all e-mails that went out, read back from the disk.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, Failure> {
        let file = File::open(&self.path).map_err(|error| unusable(&self.path, &error))?;
        let mut numbers = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|error| unusable(&self.path, &error))?;
            let number = line.split('\t').next().and_then(|number| number.parse().ok());
            numbers.push(number.unwrap_or(0));
        }
        Ok(numbers)
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format_args!("cannot use the mail spool {}", path.display()), error, "")
}
