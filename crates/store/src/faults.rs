//! A store that fails when it is told to. For tests of whatever stands on a store.

mod control;
mod instances;
mod ledger;

use std::sync::Arc;

use tokio::sync::watch;

use crate::control::ControlLog;
use crate::error::StoreError;
use crate::ledger::Ledger;

/// What happens to calls of one kind from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// They go through.
    #[default]
    None,
    /// They do not reach the store before another fault is set, and then do what it says.
    Hang,
    /// They do not reach the store, and are answered [`StoreError::Unavailable`].
    Refuse,
    /// They reach the store, and are answered [`StoreError::OutcomeUnknown`] whatever it says.
    Lose,
}

/// Wraps a store. Every call goes through but appends and admits, which fail as they are told.
#[derive(Debug)]
pub struct Faulty {
    log: Arc<dyn ControlLog>,
    ledger: Arc<dyn Ledger>,
    appends: watch::Sender<Fault>,
    admits: watch::Sender<Fault>,
}

impl Faulty {
    #[must_use]
    pub fn new<S: ControlLog + Ledger + 'static>(store: &Arc<S>) -> Self {
        let log: Arc<dyn ControlLog> = Arc::<S>::clone(store);
        let ledger: Arc<dyn Ledger> = Arc::<S>::clone(store);
        Self {
            log,
            ledger,
            appends: watch::Sender::new(Fault::None),
            admits: watch::Sender::new(Fault::None),
        }
    }

    /// Says what happens to appends from now on, to those that hang too.
    pub fn set_appends(&self, fault: Fault) {
        self.appends.send_replace(fault);
    }

    /// Says what happens to admits from now on, to those that hang too.
    pub fn set_admits(&self, fault: Fault) {
        self.admits.send_replace(fault);
    }
}

/// Makes a call that fails as it is told.
async fn call<T, E: From<StoreError>>(
    fault: &watch::Sender<Fault>,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut told = fault.subscribe();
    // The sender is ours, so that there is always an answer.
    let fault =
        told.wait_for(|fault| *fault != Fault::Hang).await.map_or(Fault::None, |fault| *fault);
    match fault {
        Fault::None | Fault::Hang => call.await,
        Fault::Refuse => Err(StoreError::Unavailable("it was told to refuse".to_owned()).into()),
        Fault::Lose => {
            drop(call.await);
            Err(StoreError::OutcomeUnknown("it was told to lose the answer".to_owned()).into())
        }
    }
}
