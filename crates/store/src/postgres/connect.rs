//! Opening a session: its settings, and whether the server behind it can be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Connection, Notification, Socket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::{Durability, Trouble};
use crate::postgres::failure::Failure;
use crate::postgres::options::PgOptions;
use crate::postgres::session::{Session, unreached};
use crate::postgres::trouble::Troubles;
use crate::postgres::{closed, inspect, migrate, pooler};

/// How long opening a session may take, with all its hosts.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Appends, joining, and what is small and must not wait.
    Control,
    Renew,
    /// Closing epochs: gives up after 100 ms, and ends the sessions that it waited for.
    Close,
    Bulk,
    Read,
    /// Telling hints, which need not be durable.
    Tell,
    Listen,
}

/// Opens sessions at one server and keeps what is known of it.
pub(super) struct Connector {
    pub(super) options: PgOptions,
    pub(super) troubles: Arc<Troubles>,
    durability: AtomicU8,
    /// Whether no pooler stands between that lends sessions.
    direct: Mutex<bool>,
    /// Whether the tables were found or made.
    prepared: Mutex<bool>,
    drivers: TaskTracker,
    ended: CancellationToken,
}

/// A connection with nothing set yet.
struct Raw {
    client: Client,
    warnings: Arc<AtomicU64>,
    driver: tokio::task::AbortHandle,
}

impl Connector {
    pub(super) fn new(options: PgOptions) -> Self {
        Self {
            options,
            troubles: Arc::default(),
            durability: AtomicU8::new(0),
            direct: Mutex::new(false),
            prepared: Mutex::new(false),
            drivers: TaskTracker::new(),
            ended: CancellationToken::new(),
        }
    }

    /// How durable a commit is, as the server said when it was last asked.
    pub(super) fn durability(&self) -> Durability {
        if self.durability.load(Ordering::Acquire) == 0 {
            Durability::Single
        } else {
            Durability::Replicated
        }
    }

    /// A new session. `name` follows the schema in its application name.
    pub(super) async fn open(
        &self,
        name: &str,
        purpose: Purpose,
        notifications: Option<mpsc::Sender<Notification>>,
    ) -> Result<Session, Failure> {
        let opening = self.attempt(name, purpose, notifications);
        let opened = tokio::time::timeout(CONNECT_WITHIN, opening)
            .await
            .unwrap_or_else(|_late| Err(Failure::Unreached(Trouble::unreachable("no answer"))));
        if let Err(failure) = &opened {
            self.troubles.note(failure);
        }
        opened
    }

    /// Asks again how durable a commit is.
    pub(super) async fn ask_durability(&self, session: &Session) -> Result<(), Failure> {
        let durability = inspect::durability(session).await?;
        self.durability.store(u8::from(durability == Durability::Replicated), Ordering::Release);
        Ok(())
    }

    /// Ends every connection, after a while also those that wait for an answer.
    pub(super) async fn end(&self, within: Duration) {
        self.drivers.close();
        if tokio::time::timeout(within, self.drivers.wait()).await.is_err() {
            self.ended.cancel();
            self.drivers.wait().await;
        }
    }

    async fn attempt(
        &self,
        name: &str,
        purpose: Purpose,
        notifications: Option<mpsc::Sender<Notification>>,
    ) -> Result<Session, Failure> {
        if self.drivers.is_closed() {
            return Err(closed());
        }
        self.require_direct().await?;
        let Raw { client, warnings, driver } = self.connect(name, notifications).await?;
        let session = Session::new(client, Arc::clone(&self.troubles), warnings, driver);
        // Sent one after the other without waiting in between: a far server costs its way only
        // a few times.
        let settings = settings(&self.options.schema, purpose);
        tokio::try_join!(
            session.script(&settings),
            inspect::require_safe(&session, self.options.allow_unsafe),
            self.ask_durability(&session),
        )?;
        self.prepare(&session).await?;
        session.approve();
        Ok(session)
    }

    /// Finds out, once in the life of the store, that its sessions are its own. Before anything
    /// else: what is set or prepared in a session that is lent reaches others.
    async fn require_direct(&self) -> Result<(), Failure> {
        let mut direct = self.direct.lock().await;
        if !*direct {
            let given_up = self.connect(CHECK, None).await?;
            let asking = self.connect(CHECK, None).await?;
            pooler::refuse(&given_up.client, &asking.client).await?;
            *direct = true;
        }
        Ok(())
    }

    /// Finds or makes the tables, once in the life of the store.
    async fn prepare(&self, session: &Session) -> Result<(), Failure> {
        let mut prepared = self.prepared.lock().await;
        if *prepared {
            return Ok(());
        }
        migrate::migrate(session, &self.options.schema).await?;
        *prepared = true;
        Ok(())
    }

    async fn connect(
        &self,
        name: &str,
        notifications: Option<mpsc::Sender<Notification>>,
    ) -> Result<Raw, Failure> {
        let mut config = self.options.config.clone();
        config.application_name(application(&self.options.schema, name));
        let connecting = config.connect(self.options.tls.clone());
        let (client, connection) = connecting.await.map_err(|error| refused(name, &error))?;
        let warnings = Arc::new(AtomicU64::new(0));
        let driving = drive(connection, Arc::clone(&warnings), notifications);
        let ended = self.ended.clone();
        let driver = self.drivers.spawn(async move {
            tokio::select! {
                () = driving => {}
                () = ended.cancelled() => {}
            }
        });
        Ok(Raw { client, warnings, driver: driver.abort_handle() })
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The name of sessions that look for a pooler.
const CHECK: &str = "check";

/// The name by which the server, and whoever closes an epoch, knows a session.
pub(super) fn application(schema: &str, name: &str) -> String {
    format!("axme/{schema}/{name}")
}

/// Carries a connection until it ends. Notices are read before the answer that they belong to is
/// given to its caller.
async fn drive<T>(
    mut connection: Connection<Socket, T>,
    warnings: Arc<AtomicU64>,
    notifications: Option<mpsc::Sender<Notification>>,
) where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        let message = std::future::poll_fn(|context| connection.poll_message(context)).await;
        match message {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                let code = notice.code();
                if *code == SqlState::WARNING || *code == SqlState::ADMIN_SHUTDOWN {
                    warnings.fetch_add(1, Ordering::AcqRel);
                }
                tracing::debug!(code = code.code(), "PostgreSQL says: {}", notice.message());
            }
            Some(Ok(AsyncMessage::Notification(notification))) => {
                // Whoever listens and is too slow loses hints; dropping the channel tells it.
                if let Some(listener) = &notifications
                    && listener.try_send(notification).is_err()
                {
                    return;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(%error, "a connection to PostgreSQL has ended");
                return;
            }
            None => return,
        }
    }
}

fn settings(schema: &str, purpose: Purpose) -> String {
    let (commit, statement_ms, lock_ms) = match purpose {
        Purpose::Tell => ("off", 2_000, 0),
        Purpose::Close => ("on", 5_000, 100),
        Purpose::Renew => ("on", 2_000, 0),
        Purpose::Control | Purpose::Bulk | Purpose::Listen => ("on", 5_000, 0),
        Purpose::Read => ("on", 10_000, 0),
    };
    // Plans are made once for all values, and never scan a table whole that was empty then.
    format!(
        "SET search_path = \"{schema}\"; SET synchronous_commit = {commit}; \
         SET statement_timeout = {statement_ms}; SET lock_timeout = {lock_ms}; \
         SET idle_in_transaction_session_timeout = 1000; SET client_encoding = 'UTF8'; \
         SET default_transaction_isolation = 'read committed'; \
         SET default_transaction_read_only = off; \
         SET jit = off; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
    )
}

/// What the failing of a connection attempt means.
fn refused(name: &str, error: &tokio_postgres::Error) -> Failure {
    let cause = std::error::Error::source(error);
    let denied = cause
        .and_then(|cause| cause.downcast_ref::<std::io::Error>())
        .is_some_and(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied);
    if denied && error.as_db_error().is_none() {
        return Failure::Unreached(Trouble::read_only("no server of the URL takes writes"));
    }
    let told = cause.map(ToString::to_string).unwrap_or_default();
    if error.as_db_error().is_none() && told.contains("password") {
        let message = format!("PostgreSQL asks for a password ({told}); give one in the URL");
        return Failure::Unreached(Trouble { code: "store_credentials", message });
    }
    // A server that shuts down says so otherwise, and nobody ends a session of this name that is
    // ours alone: it was lent to another one that looks for a pooler.
    if name == CHECK && error.code() == Some(&SqlState::ADMIN_SHUTDOWN) {
        return Failure::Unreached(Trouble::pooler());
    }
    if is_about_tls(error) {
        let message = format!(
            "PostgreSQL cannot be reached over TLS as the URL wants it ({told}); check sslmode, \
             sslrootcert, the host's name and the server's certificate"
        );
        return Failure::Unreached(Trouble { code: "store_tls", message });
    }
    unreached(error)
}

/// Whether the two sides do not agree on TLS; a connection that breaks meanwhile is another matter.
fn is_about_tls(error: &tokio_postgres::Error) -> bool {
    // Its kind is not told otherwise.
    if error.to_string() != "error performing TLS handshake" {
        return false;
    }
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    cause.is_none_or(|cause: &std::io::Error| cause.kind() == std::io::ErrorKind::InvalidData)
}
