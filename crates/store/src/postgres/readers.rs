//! A few sessions that only read, lent to one caller at a time.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::control::Trouble;
use crate::error::StoreError;
use crate::postgres::connect::{Connector, Purpose};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// Sessions that read at once.
const READERS_MAX: usize = 4;
/// How long a caller waits for one of them.
const TURN_WITHIN: Duration = Duration::from_secs(2);
/// How long one reading may take.
const READING_WITHIN: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    connector: Arc<Connector>,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<Session>>>,
}

/// A session that is lent.
#[derive(Debug)]
pub(super) struct Reader<'r> {
    readers: &'r Readers,
    session: Arc<Session>,
    _turn: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) fn new(connector: &Arc<Connector>) -> Self {
        Self {
            connector: Arc::clone(connector),
            turns: Arc::new(Semaphore::new(READERS_MAX)),
            idle: Mutex::default(),
        }
    }

    /// A session to read with.
    pub(super) async fn lend(&self) -> Result<Reader<'_>, Failure> {
        let turn = tokio::time::timeout(TURN_WITHIN, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = match turn {
            Ok(Ok(turn)) => turn,
            Ok(Err(_closed)) => return Err(crate::postgres::closed()),
            Err(_late) => {
                return Err(Failure::Unreached(Trouble::busy("too many queries are waiting")));
            }
        };
        let idle = std::iter::from_fn(|| self.idle().pop()).find(|session| !session.is_closed());
        let session = match idle {
            Some(session) => session,
            None => Arc::new(self.connector.open("-", Purpose::Read, None).await?),
        };
        Ok(Reader { readers: self, session, _turn: turn })
    }

    /// Lends nothing more, and lets go of what is not lent.
    pub(super) fn close(&self) {
        self.turns.close();
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// Waits for a reading with this session, but not for ever.
    pub(super) async fn within<T>(
        &self,
        reading: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(READING_WITHIN, reading).await {
            Ok(read) => Ok(read?),
            Err(_late) => {
                self.cut();
                Err(Failure::Unreached(Trouble::unreachable("a query has no answer")).into())
            }
        }
    }
}

impl Deref for Reader<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if !self.session.is_closed() && !self.readers.turns.is_closed() {
            self.readers.idle().push(Arc::clone(&self.session));
        }
    }
}
