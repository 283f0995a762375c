//! One session at the server: what is sent, and what its failing means.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use postgres_types::ToSql;
use tokio::task::AbortHandle;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{Client, Row, Statement};

use crate::control::Trouble;
use crate::postgres::failure::{Answered, Failure};
use crate::postgres::trouble::Troubles;

/// Prepared statements that a session keeps; beyond them all are made anew.
const STATEMENTS_MAX: usize = 256;

/// What stands for the `$n` of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// See the module.
pub(super) struct Session {
    client: Client,
    statements: Mutex<HashMap<Box<str>, Statement>>,
    troubles: Arc<Troubles>,
    /// Counts the warnings that came: a commit may not have been replicated.
    warnings: Arc<AtomicU64>,
    driver: AbortHandle,
    /// Its server was inspected, and can be used.
    fit: AtomicBool,
    /// Its connection was cut, and may not have noticed yet.
    cut: AtomicBool,
}

impl Session {
    pub(super) fn new(
        client: Client,
        troubles: Arc<Troubles>,
        warnings: Arc<AtomicU64>,
        driver: AbortHandle,
    ) -> Self {
        Self {
            client,
            statements: Mutex::default(),
            troubles,
            warnings,
            driver,
            fit: AtomicBool::new(false),
            cut: AtomicBool::new(false),
        }
    }

    /// Whether its connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.cut.load(Ordering::Acquire) || self.client.is_closed()
    }

    /// Its server was inspected, and can be used.
    pub(super) fn approve(&self) {
        self.fit.store(true, Ordering::Release);
        self.troubles.clear(false);
    }

    /// Cuts the connection without waiting for answers.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.driver.abort();
    }

    /// Rows of a statement that changes nothing.
    pub(super) async fn read(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.prepare(sql).await?;
        let rows = self.client.query(&statement, parameters).await;
        self.noted(false, rows.map_err(|error| unreached(&error)))
    }

    /// The one row of a statement that changes nothing, if there is one.
    pub(super) async fn read_one(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        Ok(self.read(sql, parameters).await?.into_iter().next())
    }

    /// Sends a statement that writes, and answers its rows once it is committed.
    pub(super) async fn write(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.prepare(sql).await?;
        let warned_before = self.warnings.load(Ordering::Acquire);
        let rows = self.client.query(&statement, parameters).await;
        self.noted(true, self.committed(rows, warned_before))
    }

    /// Sends a statement that writes, and answers how many rows it touched once it is committed.
    pub(super) async fn write_count(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, Failure> {
        let statement = self.prepare(sql).await?;
        let warned_before = self.warnings.load(Ordering::Acquire);
        let count = self.client.execute(&statement, parameters).await;
        self.noted(true, self.committed(count, warned_before))
    }

    /// Runs a script of statements without parameters. Nothing of it must matter when it is cut.
    pub(super) async fn script(&self, sql: &str) -> Result<(), Failure> {
        let done = self.client.batch_execute(sql).await;
        self.noted(false, done.map_err(|error| unreached(&error)))
    }

    /// Prepares a statement, unless it is prepared already.
    pub(super) async fn prepare(&self, sql: &str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements().get(sql) {
            return Ok(statement.clone());
        }
        let prepared = self.client.prepare(sql).await;
        let statement = self.noted(false, prepared.map_err(|error| unreached(&error)))?;
        let mut statements = self.statements();
        if statements.len() >= STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
        Ok(statement)
    }

    fn statements(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn committed<T>(
        &self,
        sent: Result<T, tokio_postgres::Error>,
        warned_before: u64,
    ) -> Result<T, Failure> {
        // One that came while others waited on this session may be about any of them.
        let warned = self.warnings.load(Ordering::Acquire) != warned_before;
        match sent {
            Ok(_) if warned => Err(Failure::Lost(
                "PostgreSQL warned that the commit might not have been replicated".to_owned(),
            )),
            Ok(done) => Ok(done),
            Err(error) => Err(of_write(&error)),
        }
    }

    fn noted<T>(&self, wrote: bool, result: Result<T, Failure>) -> Result<T, Failure> {
        match &result {
            // Until it is found fit for use, that it answers says nothing.
            Ok(_) if !self.fit.load(Ordering::Acquire) => {}
            Ok(_) => self.troubles.clear(wrote),
            Err(failure) => {
                self.troubles.note(failure);
                if failure.is_read_only() {
                    // Another server may take writes by now: the next session looks for it.
                    self.cut();
                }
            }
        }
        result
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// What the failing of something means that wrote nothing.
pub(super) fn unreached(error: &tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        Some(answer) => answered(answer),
        None => Failure::Unreached(Trouble::unreachable(told(error))),
    }
}

fn of_write(error: &tokio_postgres::Error) -> Failure {
    match error.as_db_error() {
        // An error ends the statement, and nothing of it stays. What ends the session may come
        // after the commit: then nobody knows.
        Some(answer) if is_of_statement(answer) => answered(answer),
        Some(answer) => Failure::Lost(answer.message().to_owned()),
        None => Failure::Lost(told(error)),
    }
}

fn is_of_statement(answer: &DbError) -> bool {
    // The severity is not translated by servers since 9.6; without it nothing is certain.
    answer.parsed_severity() == Some(Severity::Error)
}

fn answered(answer: &DbError) -> Failure {
    Failure::Answered(Box::new(Answered {
        code: answer.code().clone(),
        constraint: answer.constraint().map(ToOwned::to_owned),
        message: answer.message().to_owned(),
    }))
}

/// The error and what caused it, in one line.
fn told(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
