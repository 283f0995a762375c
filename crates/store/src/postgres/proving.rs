//! The conformance suite at an operator's own server: every story in a schema of its own, which is
//! removed again. Nothing else in the database is touched.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::conformance::{Broken, Site, Subject};
use crate::control::Trouble;
use crate::postgres::{PgOptions, PgStore};

/// Where the suite gets its stores at a PostgreSQL server.
#[derive(Debug)]
pub struct ProvingGround {
    options: PgOptions,
    /// Begins the names of its schemas.
    prefix: String,
    made: Mutex<Vec<String>>,
}

impl ProvingGround {
    /// At the server of `options`; `run` tells its schemas from those of other runs and consists
    /// of a-z, 0-9 and _, eight at most.
    #[must_use]
    pub fn new(options: PgOptions, run: &str) -> Self {
        Self { options, prefix: format!("axme_proof_{run}"), made: Mutex::default() }
    }

    /// Whether the server can be used at all, and what is wrong when it cannot.
    pub async fn check(&self) -> Result<(), Trouble> {
        let schema = self.schema();
        let store = PgStore::connect_once(self.options.in_schema(&schema)).await?;
        store.shut_down().await;
        Ok(())
    }

    /// Removes every schema that the stories were told in.
    pub async fn clear(&self) -> Result<(), Broken> {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for schema in made {
            PgStore::drop_schema(self.options.in_schema(&schema)).await?;
        }
        Ok(())
    }

    fn schema(&self) -> String {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let schema = format!("{}_{}", self.prefix, made.len());
        made.push(schema.clone());
        schema
    }

    fn subject(&self, schema: &str) -> Subject {
        let store = Arc::new(PgStore::open(self.options.in_schema(schema)));
        Subject { log: Arc::<PgStore>::clone(&store), ledger: store }
    }
}

#[async_trait]
impl Site for ProvingGround {
    async fn open(&self) -> Result<Subject, Broken> {
        let schema = self.schema();
        Ok(self.subject(&schema))
    }

    async fn reopen(&self, subject: Subject) -> Result<Subject, Broken> {
        drop(subject);
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        let last = made.ok_or_else(|| Broken("no store was opened".to_owned()))?;
        Ok(self.subject(&last))
    }
}
