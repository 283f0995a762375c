//! Rows of the control log, whichever engine read them: verified from one to the next, and folded.

use std::fmt;

use axme_core::chain::{Hash, Head, Link};
use axme_core::change::Entry;
use axme_core::id::Revision;

use crate::control::{Loaded, LogEntry, LogHead};

/// An entry as its row holds it.
pub(crate) struct LogRow {
    pub(crate) revision: Revision,
    pub(crate) hash: Hash,
    pub(crate) body_hash: Hash,
    pub(crate) body: Vec<u8>,
}

impl LogRow {
    pub(crate) fn entry(&self) -> Result<LogEntry, Damaged> {
        let Self { revision, hash, body_hash, .. } = *self;
        Ok(LogEntry { revision, hash, body_hash, entry: self.decode()? })
    }

    fn decode(&self) -> Result<Entry, Damaged> {
        Entry::decode(&self.body).map_err(|error| Damaged::at(self.revision, error))
    }

    /// The head that this row makes of the one before it.
    fn follow(&self, at: LogHead) -> Result<LogHead, Damaged> {
        let Self { revision, hash, body_hash, ref body } = *self;
        let link = Link { position: revision.0, hash, body_hash, body: Some(body) };
        let before = Head { position: at.revision.0, hash: at.hash };
        let head = before.verify(&link).map_err(|fault| Damaged::at(revision, fault))?;
        Ok(LogHead { revision: Revision(head.position), hash: head.hash })
    }
}

/// The fold of what was read so far, on its way to a head.
pub(crate) struct Fold {
    so_far: Loaded,
    head: LogHead,
}

impl Fold {
    /// Begins at a snapshot, or at the first entry.
    pub(crate) fn to(head: LogHead, snapshot: Option<Loaded>) -> Self {
        Self { so_far: snapshot.unwrap_or_default(), head }
    }

    /// After which revision rows are wanted; none when it has reached the head.
    pub(crate) fn wants_after(&self) -> Option<Revision> {
        let at = self.so_far.head.revision;
        (at < self.head.revision).then_some(at)
    }

    /// Folds the rows that come next.
    pub(crate) fn take(&mut self, rows: &[LogRow]) -> Result<(), Damaged> {
        let Loaded { state, head } = &mut self.so_far;
        if rows.is_empty() {
            return Err(Damaged::at(head.revision.next(), "it is missing"));
        }
        for row in rows {
            *head = row.follow(*head)?;
            state.apply(row.revision, &row.decode()?);
        }
        Ok(())
    }

    /// The state at the head.
    pub(crate) fn finish(self) -> Result<Loaded, Damaged> {
        if self.so_far.head == self.head {
            Ok(self.so_far)
        } else {
            let at = self.so_far.head.revision;
            Err(Damaged::at(at, "its hash is not that of the head"))
        }
    }
}

/// What is wrong with the log, and where.
#[derive(Debug)]
pub(crate) struct Damaged {
    revision: Revision,
    what: String,
}

impl Damaged {
    pub(crate) fn at(revision: Revision, what: impl fmt::Display) -> Self {
        Self { revision, what: what.to_string() }
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, what } = self;
        write!(f, "the control log cannot be read at revision {revision}: {what}")
    }
}
