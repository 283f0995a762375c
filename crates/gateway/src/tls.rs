//! TLS of the listeners: a certificate and its key from PEM files, read again when they change.
//!
//! A connection keeps what it was begun with; only new ones get a new certificate. A new pair that
//! cannot be used changes nothing, and is told once.

mod pem;
mod reload;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) use reload::Reload;

/// How long a handshake may take; the time for the head of a request begins after it.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Where the certificate and its key stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the server's own certificate first, then those that lead to its authority.
    pub cert: PathBuf,
    /// PEM: PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub key: PathBuf,
}

/// What is wrong with one of the two files, for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub(crate) struct TlsError {
    path: PathBuf,
    problem: String,
}

/// What new connections are encrypted with. Cheap to clone; follows the files.
#[derive(Clone)]
pub(crate) struct Tls(watch::Receiver<Arc<ServerConfig>>);

impl Tls {
    /// Reads both files. The second part keeps the first up to date while it runs.
    pub(crate) fn open(files: TlsFiles) -> Result<(Self, Reload), TlsError> {
        let (reload, config) = Reload::begin(files)?;
        Ok((Self(config), reload))
    }

    /// Carries out the handshake of one connection, in bounded time.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.borrow()));
        match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
            Ok(accepted) => accepted,
            Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl TlsError {
    fn new(path: &std::path::Path, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
}

#[cfg(test)]
pub(crate) mod tests;
