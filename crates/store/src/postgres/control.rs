//! The control log's trait, over the engine's parts.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axme_core::id::{AddressId, CommandId, Epoch, Revision};
use axme_core::time::Timestamp;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::control::{
    Answered, Append, ControlLog, Durability, IdempotencyKey, Loaded, LogEntry, LogHead, Renewal,
    Renewed, ReplicaEpoch, ReplicaProfile, ReplicaRow, StopAccount, Trouble,
};
use crate::error::{AppendError, StoreError, WriteError};
use crate::hint::Hint;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;
use crate::postgres::work::job;
use crate::postgres::{PgStore, append, epochs, idempotency, load, renew, snapshot};

/// A control statement that has no answer by then has an unknown outcome.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long reading what others have appended may take.
const TAIL_WITHIN: Duration = Duration::from_secs(10);
/// How long closing epochs may take, with the sessions that have to be ended for it.
const CLOSE_WITHIN: Duration = Duration::from_secs(4);
/// How often it is asked again how durable a commit is.
const DURABILITY_EVERY: Duration = Duration::from_secs(60);

#[async_trait]
impl ControlLog for PgStore {
    async fn join(&self, replica: &ReplicaProfile, at: Timestamp) -> Result<Epoch, StoreError> {
        let _one = self.joining.lock().await;
        self.settle(at).await?;
        // Opened before others begin to wait for this epoch.
        let (session, renew, close) =
            tokio::join!(self.control.session(), self.renew.session(), self.close.session());
        let (session, _, _) = (session?, renew?, close?);
        let epoch = answered(&session, epochs::join(&session, replica, at)).await?;
        let replica_id = replica.replica_id.clone();
        self.standing.begin(ReplicaEpoch { replica_id, epoch });
        self.open_for_kills(session, epoch);
        self.hints.say(Hint::Reported);
        Ok(epoch)
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        let reader = self.reader().await?;
        // A long log takes its time; each of its pages has the server's limit.
        Ok(load::load(&reader).await?)
    }

    async fn tail(&self, after: Revision) -> Result<Vec<LogEntry>, StoreError> {
        let session = self.follow.session().await?;
        match tokio::time::timeout(TAIL_WITHIN, load::tail(&session, after)).await {
            Ok(read) => Ok(read?),
            Err(_late) => {
                session.cut();
                Err(of_reading(late().into()))
            }
        }
    }

    async fn stops_and_resumes(
        &self,
        after: Revision,
        agent: Option<AddressId>,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let reader = self.reader().await?;
        reader.within(load::stops_and_resumes(&reader, after, agent)).await
    }

    async fn append(&self, append: Append) -> Result<LogHead, AppendError> {
        if self.standing.is_lost(&append.by) {
            return Err(StoreError::Fenced.into());
        }
        let session = self.append.session_of(Some(append.by.epoch)).await?;
        let appending = append::append(&session, &append);
        let appended = match tokio::time::timeout(ANSWER_WITHIN, appending).await {
            Ok(appended) => appended,
            Err(_late) => Err(late().into()),
        };
        if matches!(appended, Err(AppendError::Store(StoreError::OutcomeUnknown(_)))) {
            session.cut();
        }
        if appended.is_ok() {
            self.hints.say(Hint::Log);
        }
        appended
    }

    async fn find(&self, command: CommandId) -> Result<Option<LogEntry>, StoreError> {
        let session = self.control.session().await?;
        answered(&session, load::find(&session, command)).await.map_err(of_reading)
    }

    async fn find_answered(&self, key: &IdempotencyKey) -> Result<Option<Answered>, StoreError> {
        let session = self.control.session().await?;
        answered(&session, idempotency::find(&session, key)).await.map_err(of_reading)
    }

    async fn renew(&self, renewal: Renewal) -> Result<Renewed, StoreError> {
        let _one = self.renewing.lock().await;
        self.standing.renew(&renewal)?.refused();
        let session = self.renew.session().await?;
        let renewing = self.standing.renew(&renewal)?;
        let sent = renew::renew(&session, &renewal, renewing.previous);
        match answered(&session, sent).await {
            Ok(renewed) => {
                if renewing.done(&renewal) {
                    self.hints.say(Hint::Reported);
                }
                self.ask_durability_at_times();
                Ok(renewed)
            }
            Err(error) => {
                // Otherwise the epoch is over as soon as `renewing` is dropped.
                if error.had_no_effect() {
                    renewing.refused();
                }
                Err(error)
            }
        }
    }

    async fn replicas(&self, including: Revision) -> Result<Vec<ReplicaRow>, StoreError> {
        let session = self.control.session().await?;
        let read = answered(&session, epochs::replicas(&session)).await.map_err(of_reading)?;
        let (head, rows) = read;
        if head < including {
            // A server that was deposed, or has not got there yet: the next session asks anew.
            session.cut();
            let text = format!("this server has revision {head} only, and not {including}");
            return Err(StoreError::Unavailable(text));
        }
        Ok(rows)
    }

    async fn accounts(
        &self,
        revision: Revision,
    ) -> Result<Vec<(ReplicaEpoch, StopAccount)>, StoreError> {
        let session = self.control.session().await?;
        answered(&session, epochs::accounts(&session, revision)).await.map_err(of_reading)
    }

    async fn close(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError> {
        let session = self.close.session().await?;
        let closing = epochs::close(&session, self.connector.options.schema(), epochs, at);
        match tokio::time::timeout(CLOSE_WITHIN, closing).await {
            Ok(closed) => closed?,
            Err(_late) => {
                session.cut();
                return Err(late().into());
            }
        }
        self.hints.say(Hint::Reported);
        Ok(())
    }

    async fn retire(&self, epochs: &[ReplicaEpoch], at: Timestamp) -> Result<(), StoreError> {
        let session = self.control.session().await?;
        answered(&session, epochs::retire(&session, epochs, at)).await?;
        self.hints.say(Hint::Reported);
        Ok(())
    }

    async fn save_snapshot(&self, loaded: Loaded) -> Result<(), StoreError> {
        let Loaded { state, head } = loaded;
        let encoding = tokio::task::spawn_blocking(move || serde_json::to_vec(&state));
        let body = match encoding.await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => return Err(StoreError::Unusable(format!("no snapshot: {error}"))),
            Err(error) => return Err(StoreError::Unavailable(format!("no snapshot: {error}"))),
        };
        let mut parts = 0;
        for part in body.chunks(snapshot::PART_BYTES) {
            let (number, part, revision) = (parts, part.to_vec(), head.revision);
            parts += 1;
            job!(&self.jobs, |session, me| [number, part, revision]
                snapshot::keep_part(session, me, *revision, *number, part))
            .map_err(WriteError::of_store)?;
        }
        job!(&self.jobs, |session, me| [head, parts]
            snapshot::complete(session, me, *head, *parts))
        .map_err(WriteError::of_store)?;
        let newest = head.revision;
        while job!(&self.jobs, |session, _me| [newest] snapshot::remove_parts(session, *newest))
            .map_err(WriteError::of_store)?
        {}
        Ok(())
    }

    fn durability(&self) -> Durability {
        self.connector.durability()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn hints(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.connector.troubles.last()
    }
}

impl PgStore {
    /// Closes and retires the epoch before the next one begins: whatever became of its writes, none
    /// is under way after that.
    async fn settle(&self, at: Timestamp) -> Result<(), StoreError> {
        if let Some(last) = self.standing.last() {
            let last = [last];
            self.close(&last, at).await?;
            self.retire(&last, at).await?;
        }
        self.standing.settle();
        Ok(())
    }

    /// Opens in time what the first kill of an epoch needs, ordered here or elsewhere: far from the
    /// server that takes longer than a kill has.
    fn open_for_kills(&self, control: Arc<Session>, epoch: Epoch) {
        let (append, follow) = (Arc::clone(&self.append), Arc::clone(&self.follow));
        self.tasks.spawn(async move {
            let opened = tokio::try_join!(
                async { append::prepare(&*append.session_of(Some(epoch)).await?).await },
                async { load::prepare(&*follow.session().await?).await },
                epochs::prepare(&control),
            );
            if let Err(failure) = opened {
                tracing::debug!(?failure, "what a kill needs is opened with the first one");
            }
        });
    }

    fn ask_durability_at_times(&self) {
        {
            let mut asked = self.durability_asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.elapsed() < DURABILITY_EVERY {
                return;
            }
            *asked = Instant::now();
        }
        let (connector, session) = (Arc::clone(&self.connector), self.renew_session());
        self.tasks.spawn(async move {
            if let Some(session) = session
                && let Err(failure) = connector.ask_durability(&session).await
            {
                tracing::debug!(?failure, "durability is asked for another time");
            }
        });
    }

    fn renew_session(&self) -> Option<Arc<Session>> {
        self.renew.held()
    }
}

/// Waits for an answer, but not for ever.
pub(super) async fn answered<T>(
    session: &Session,
    asking: impl Future<Output = Result<T, Failure>> + Send,
) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_WITHIN, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => {
            if matches!(failure, Failure::Lost(_)) {
                session.cut();
            }
            Err(failure.into())
        }
        Err(_late) => {
            session.cut();
            Err(late().into())
        }
    }
}

/// A reading changes nothing, so that its outcome is of no consequence.
fn of_reading(error: StoreError) -> StoreError {
    match error {
        StoreError::OutcomeUnknown(what) => StoreError::Unavailable(what),
        known @ (StoreError::Unavailable(_)
        | StoreError::Full(_)
        | StoreError::Fenced
        | StoreError::Unusable(_)) => known,
    }
}

fn late() -> Failure {
    Failure::Lost("PostgreSQL did not answer in time".to_owned())
}
