//! What every engine must do, told as stories. An engine's tests run all of [`cases`]; so can a
//! command, against a live database that holds nothing else.
//!
//! Nothing here panics: a story that does not hold says what broke it. Orders are judged by
//! positions and counts, never by time.

mod appending;
mod audit;
mod control_first;
mod delivering;
mod ending;
mod epochs;
mod gates;
mod instances;
mod intents;
mod limits;
mod lists;
mod loading;
mod patching;
mod requeueing;
mod retaining;
mod stage;
mod usage;
mod waiting;

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::control::ControlLog;
use crate::error::{AppendError, StoreError, WriteError};
use crate::ledger::Ledger;
use stage::Stage;

/// One store, seen through both of its traits.
#[derive(Clone, Debug)]
pub struct Subject {
    pub log: Arc<dyn ControlLog>,
    pub ledger: Arc<dyn Ledger>,
}

/// Where stores come from.
#[async_trait]
pub trait Site: Send + Sync {
    /// A store that holds nothing.
    async fn open(&self) -> Result<Subject, Broken>;

    /// Ends a store's process, as far as it can be, and opens what it left.
    async fn reopen(&self, subject: Subject) -> Result<Subject, Broken>;
}

/// A story that did not hold.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// One story.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    tell: fn(Stage) -> Telling,
}

type Telling = Pin<Box<dyn Future<Output = Result<(), Broken>> + Send>>;

impl Case {
    /// Tells the story on a new store.
    pub async fn run(&self, site: &Arc<dyn Site>) -> Result<(), Broken> {
        (self.tell)(Stage::open(site).await?).await
    }
}

/// Runs every case, and answers those that did not hold.
pub async fn run_all(site: &Arc<dyn Site>) -> Vec<(&'static str, Broken)> {
    let mut broken = Vec::new();
    for case in cases() {
        if let Err(error) = case.run(site).await {
            broken.push((case.name, error));
        }
    }
    broken
}

/// Every story.
#[must_use]
pub fn cases() -> Vec<Case> {
    let parts: [&[Case]; 16] = [
        appending::CASES,
        loading::CASES,
        epochs::CASES,
        control_first::CASES,
        intents::CASES,
        delivering::CASES,
        ending::CASES,
        patching::CASES,
        requeueing::CASES,
        lists::CASES,
        usage::CASES,
        limits::CASES,
        waiting::CASES,
        instances::CASES,
        retaining::CASES,
        audit::CASES,
    ];
    parts.concat()
}

/// The cases of a module, by the names of its functions.
macro_rules! stories {
    ($($story:ident),+ $(,)?) => {
        pub(super) const CASES: &[crate::conformance::Case] = &[$(crate::conformance::Case {
            name: stringify!($story),
            tell: |stage| Box::pin($story(stage)),
        }),+];
    };
}
use stories;

/// Ends a story that does not hold, and says why.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(crate::conformance::Broken(format!($($why)+)));
        }
    };
}
use ensure;

/// Ends a story in which two things differ.
macro_rules! ensure_eq {
    ($found:expr, $wanted:expr, $($what:tt)+) => {
        let (found, wanted) = (&$found, &$wanted);
        crate::conformance::ensure!(
            found == wanted,
            "{}: found {found:?}, not {wanted:?}",
            format!($($what)+)
        );
    };
}
use ensure_eq;

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<WriteError> for Broken {
    fn from(error: WriteError) -> Self {
        Self(error.to_string())
    }
}

impl From<AppendError> for Broken {
    fn from(error: AppendError) -> Self {
        Self(error.to_string())
    }
}
