//! How values stand in columns: ids as `uuid`, times as microseconds, numbers as they are.

use axme_core::address::Address;
use axme_core::chain::Hash;
use axme_core::id::{OrgId, Revision, WorkspaceId};
use axme_core::intent::Status;
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use crate::control::IdempotencyKey;
use crate::postgres::failure::Failure;

/// Bytes of sender, endpoint and key together.
const KEY_BYTES_MAX: usize = 2_048;

/// A number as the store keeps it. Beyond 2^63 it stays at 2^63 - 1, which nothing counts up to.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of rows as the store takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Refuses text that the store cannot keep: its text ends at U+0000.
pub(super) fn storable(text: &str) -> Result<(), Failure> {
    if text.contains('\0') {
        let what = "text with the character U+0000 cannot be stored: leave it out";
        return Err(Failure::Unusable(what.to_owned()));
    }
    Ok(())
}

/// Refuses a key that the store cannot keep: it stands whole in an index, whose entries have to fit
/// into a third of a page.
pub(super) fn storable_key(key: &IdempotencyKey) -> Result<(), Failure> {
    let IdempotencyKey { sender, endpoint, key, .. } = key;
    let texts = [sender, endpoint, key];
    if texts.iter().map(|text| text.len()).sum::<usize>() > KEY_BYTES_MAX {
        return Err(Failure::Unusable(format!(
            "an idempotency key, its sender and its endpoint together must be at most \
             {KEY_BYTES_MAX} bytes"
        )));
    }
    texts.into_iter().try_for_each(|text| storable(text))
}

/// The columns that hold our own types.
pub(super) trait Columns {
    /// The value of a column, as the type that it stands as.
    fn plain<'a, T: FromSql<'a>>(&'a self, column: usize) -> Result<T, Failure>;

    /// Text in its place in the row.
    fn text_of(&self, column: usize) -> Result<&str, Failure> {
        self.plain(column)
    }

    fn id(&self, column: usize) -> Result<[u8; 16], Failure> {
        self.plain(column).map(Uuid::into_bytes)
    }

    fn optional_id(&self, column: usize) -> Result<Option<[u8; 16]>, Failure> {
        let id: Option<Uuid> = self.plain(column)?;
        Ok(id.map(Uuid::into_bytes))
    }

    fn number(&self, column: usize) -> Result<u64, Failure> {
        let number: i64 = self.plain(column)?;
        u64::try_from(number)
            .map_err(|_negative| Failure::unreadable(format!("{number} is below zero")))
    }

    fn optional_number(&self, column: usize) -> Result<Option<u64>, Failure> {
        let number: Option<i64> = self.plain(column)?;
        number.map(|_there| self.number(column)).transpose()
    }

    fn revision(&self, column: usize) -> Result<Revision, Failure> {
        self.number(column).map(Revision)
    }

    fn time(&self, column: usize) -> Result<Timestamp, Failure> {
        self.plain(column).map(Timestamp::from_micros)
    }

    fn optional_time(&self, column: usize) -> Result<Option<Timestamp>, Failure> {
        let micros: Option<i64> = self.plain(column)?;
        Ok(micros.map(Timestamp::from_micros))
    }

    fn bytes(&self, column: usize) -> Result<Vec<u8>, Failure> {
        self.plain(column)
    }

    fn hash(&self, column: usize) -> Result<Hash, Failure> {
        let bytes: &[u8] = self.plain(column)?;
        bytes.try_into().map(Hash).map_err(|error| Failure::unreadable(format!("a hash: {error}")))
    }

    fn optional_hash(&self, column: usize) -> Result<Option<Hash>, Failure> {
        let bytes: Option<&[u8]> = self.plain(column)?;
        bytes.map(|_there| self.hash(column)).transpose()
    }

    fn status(&self, column: usize) -> Result<Status, Failure> {
        let text = self.text_of(column)?;
        Status::parse(text).ok_or_else(|| Failure::unreadable(format!("no status: {text:?}")))
    }

    fn address(&self, column: usize) -> Result<Address, Failure> {
        // The lenient grammar holds every address; which of them are taken is decided elsewhere.
        Address::parse_lenient(self.text_of(column)?).map_err(Failure::unreadable)
    }

    fn text(&self, column: usize) -> Result<Box<str>, Failure> {
        self.text_of(column).map(Into::into)
    }

    fn optional_text(&self, column: usize) -> Result<Option<Box<str>>, Failure> {
        let text: Option<&str> = self.plain(column)?;
        Ok(text.map(Into::into))
    }

    /// A scope from two columns: organization and workspace.
    fn scope(&self, column: usize) -> Result<Scope, Failure> {
        let org = self.optional_id(column)?.map(OrgId::from_bytes);
        let workspace = self.optional_id(column + 1)?.map(WorkspaceId::from_bytes);
        match (org, workspace) {
            (None, None) => Ok(Scope::Installation),
            (Some(org), None) => Ok(Scope::Organization { org }),
            (Some(org), Some(workspace)) => Ok(Scope::Workspace { org, workspace }),
            (None, Some(_)) => Err(Failure::unreadable("a workspace without its organization")),
        }
    }
}

impl Columns for Row {
    fn plain<'a, T: FromSql<'a>>(&'a self, column: usize) -> Result<T, Failure> {
        self.try_get(column).map_err(Failure::unreadable)
    }
}
