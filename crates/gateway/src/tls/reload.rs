//! Following the files: certificates are renewed while the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::pem::Pem;
use super::{TlsError, TlsFiles};

/// How often the files are looked at. They are read as a whole: times and lengths of files can stay
/// the same when a certificate is replaced, and two small files cost nothing.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reads the files again and again, and replaces what is served when they have changed.
pub(crate) struct Reload {
    files: TlsFiles,
    /// What the last look found, so that nothing is taken up or told twice.
    last: Result<Pem, TlsError>,
    serving: watch::Sender<Arc<ServerConfig>>,
}

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reload").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What a look at the files has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// What the last one found.
    Same,
    /// A new pair, which new connections get from now on.
    Replaced,
    /// Something else that cannot be used; the old pair goes on.
    Broken(TlsError),
}

impl Reload {
    pub(super) fn begin(
        files: TlsFiles,
    ) -> Result<(Self, watch::Receiver<Arc<ServerConfig>>), TlsError> {
        let pem = Pem::read(&files)?;
        let (serving, config) = watch::channel(pem.config(&files)?);
        Ok((Self { files, last: Ok(pem), serving }, config))
    }

    /// Follows the files until it is stopped.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            // Files may lie where reading takes long.
            let looking = tokio::task::spawn_blocking(move || {
                let look = self.look();
                (self, look)
            });
            let Ok((back, look)) = looking.await else { return };
            self = back;
            let cert = self.files.cert.display();
            match look {
                Look::Same => {}
                Look::Replaced => tracing::info!(%cert, "new connections get the new certificate"),
                Look::Broken(error) => {
                    tracing::error!(%error, "the new certificate cannot be used; the old one stays");
                }
            }
        }
    }

    pub(super) fn look(&mut self) -> Look {
        let found = Pem::read(&self.files);
        if found == self.last {
            return Look::Same;
        }
        let config = match &found {
            Ok(pem) => pem.config(&self.files),
            Err(error) => Err(error.clone()),
        };
        self.last = found;
        match config {
            Ok(config) => {
                self.serving.send_replace(config);
                Look::Replaced
            }
            Err(error) => Look::Broken(error),
        }
    }
}
