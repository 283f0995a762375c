//! How values stand in columns: ids as 16 bytes, times as microseconds, numbers as they are.

use axme_core::address::Address;
use axme_core::chain::Hash;
use axme_core::id::{OrgId, Revision, WorkspaceId};
use axme_core::intent::Status;
use axme_core::role::Scope;
use axme_core::time::Timestamp;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Result, Row};

/// A number as SQLite keeps it. Beyond 2^63 it stays at 2^63 - 1, which nothing counts up to.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of rows as SQLite takes it.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The columns that hold our own types.
pub(super) trait Columns {
    fn id(&self, column: usize) -> Result<[u8; 16]>;
    fn optional_id(&self, column: usize) -> Result<Option<[u8; 16]>>;
    fn number(&self, column: usize) -> Result<u64>;
    fn revision(&self, column: usize) -> Result<Revision>;
    fn time(&self, column: usize) -> Result<Timestamp>;
    fn optional_time(&self, column: usize) -> Result<Option<Timestamp>>;
    fn hash(&self, column: usize) -> Result<Hash>;
    fn status(&self, column: usize) -> Result<Status>;
    fn address(&self, column: usize) -> Result<Address>;
    fn text(&self, column: usize) -> Result<Box<str>>;
    fn optional_text(&self, column: usize) -> Result<Option<Box<str>>>;
    /// A scope from two columns: organization and workspace.
    fn scope(&self, column: usize) -> Result<Scope>;
}

impl Columns for Row<'_> {
    fn id(&self, column: usize) -> Result<[u8; 16]> {
        self.get(column)
    }

    fn optional_id(&self, column: usize) -> Result<Option<[u8; 16]>> {
        self.get(column)
    }

    fn number(&self, column: usize) -> Result<u64> {
        let number: i64 = self.get(column)?;
        u64::try_from(number)
            .map_err(|_negative| rusqlite::Error::IntegralValueOutOfRange(column, number))
    }

    fn revision(&self, column: usize) -> Result<Revision> {
        self.number(column).map(Revision)
    }

    fn time(&self, column: usize) -> Result<Timestamp> {
        self.get(column).map(Timestamp::from_micros)
    }

    fn optional_time(&self, column: usize) -> Result<Option<Timestamp>> {
        let micros: Option<i64> = self.get(column)?;
        Ok(micros.map(Timestamp::from_micros))
    }

    fn hash(&self, column: usize) -> Result<Hash> {
        self.get(column).map(Hash)
    }

    fn status(&self, column: usize) -> Result<Status> {
        let text = self.get_ref(column)?.as_str().map_err(|error| bad(column, error))?;
        Status::parse(text).ok_or_else(|| bad(column, FromSqlError::InvalidType))
    }

    fn address(&self, column: usize) -> Result<Address> {
        let text = self.get_ref(column)?.as_str().map_err(|error| bad(column, error))?;
        // The lenient grammar holds every address; which of them are taken is decided elsewhere.
        Address::parse_lenient(text).map_err(|error| bad(column, FromSqlError::other(error)))
    }

    fn text(&self, column: usize) -> Result<Box<str>> {
        let text = self.get_ref(column)?.as_str().map_err(|error| bad(column, error))?;
        Ok(text.into())
    }

    fn optional_text(&self, column: usize) -> Result<Option<Box<str>>> {
        let text = self.get_ref(column)?.as_str_or_null().map_err(|error| bad(column, error))?;
        Ok(text.map(Into::into))
    }

    fn scope(&self, column: usize) -> Result<Scope> {
        let org = self.optional_id(column)?.map(OrgId::from_bytes);
        let workspace = self.optional_id(column + 1)?.map(WorkspaceId::from_bytes);
        match (org, workspace) {
            (None, None) => Ok(Scope::Installation),
            (Some(org), None) => Ok(Scope::Organization { org }),
            (Some(org), Some(workspace)) => Ok(Scope::Workspace { org, workspace }),
            (None, Some(_)) => Err(bad(column, FromSqlError::InvalidType)),
        }
    }
}

fn bad(column: usize, error: FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
