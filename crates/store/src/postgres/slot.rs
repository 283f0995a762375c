//! One session that is opened when it is needed, and again after it was lost.

use std::sync::Arc;
use std::time::Duration;

use axme_core::id::Epoch;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::control::Trouble;
use crate::postgres::connect::{Connector, Purpose};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// After an attempt that failed nobody tries again for so long; what was answered holds.
const ATTEMPT_EVERY: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Slot {
    connector: Arc<Connector>,
    purpose: Purpose,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    session: Option<Arc<Session>>,
    /// Whose session it is; none for one that belongs to no epoch.
    epoch: Option<Epoch>,
    failed: Option<(Instant, Trouble)>,
}

impl Slot {
    pub(super) fn new(connector: &Arc<Connector>, purpose: Purpose) -> Self {
        Self { connector: Arc::clone(connector), purpose, held: Mutex::default() }
    }

    /// A session that belongs to no epoch: nobody ends it to close one.
    pub(super) async fn session(&self) -> Result<Arc<Session>, Failure> {
        self.session_of(None).await
    }

    /// A session that carries its epoch in its name, so that whoever closes the epoch finds it.
    pub(super) async fn session_of(&self, epoch: Option<Epoch>) -> Result<Arc<Session>, Failure> {
        let mut held = self.held.lock().await;
        if let Some(session) = &held.session
            && held.epoch == epoch
            && !session.is_closed()
        {
            return Ok(Arc::clone(session));
        }
        held.session = None;
        if let Some((at, trouble)) = &held.failed
            && at.elapsed() < ATTEMPT_EVERY
        {
            return Err(Failure::Unreached(trouble.clone()));
        }
        let name = epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.0.to_string());
        match self.connector.open(&name, self.purpose, None).await {
            Ok(session) => {
                let session = Arc::new(session);
                held.session = Some(Arc::clone(&session));
                held.epoch = epoch;
                held.failed = None;
                Ok(session)
            }
            Err(failure) => {
                let trouble = failure.trouble();
                held.failed = trouble.map(|trouble| (Instant::now(), trouble));
                Err(failure)
            }
        }
    }

    /// The session that is there, if nobody is just opening one.
    pub(super) fn held(&self) -> Option<Arc<Session>> {
        self.held.try_lock().ok()?.session.clone()
    }

    /// Lets go of the session.
    pub(super) async fn empty(&self) {
        self.held.lock().await.session = None;
    }
}
