//! Listening: bounded connections, slow handshakes and heads refused, a clean end.

mod head_timer;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::edge::Peer;
use crate::tls::Tls;
use head_timer::{HeadTimer, Phase};

/// Connections beyond the bound that only operators and owners may use.
const CONNECTIONS_RESERVED: usize = 64;
/// How long a connection may rest between two requests.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// Largest head of a request in bytes.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long to wait after accepting has failed, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What new connections are served with. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Served(Arc<RwLock<Router>>);

impl Served {
    pub(crate) fn new(router: Router) -> Self {
        Self(Arc::new(RwLock::new(router)))
    }

    /// From now on new connections are served with another router.
    pub(crate) fn replace(&self, router: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = router;
    }

    fn current(&self) -> Router {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One listener and everything that comes in through it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) served: Served,
    pub(crate) connections_max: usize,
    /// Only operators and owners are served here.
    pub(crate) operators_only: bool,
    /// What connections are encrypted with; in the clear without it.
    pub(crate) tls: Option<Tls>,
    /// Ends accepting; open connections finish their request.
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Server {
    /// Accepts until it is stopped.
    pub(crate) async fn run(self) {
        let open = Arc::new(Semaphore::new(self.connections_max));
        let reserved = Arc::new(Semaphore::new(CONNECTIONS_RESERVED));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Beyond the bound a few more get in, in case one of them is the operator.
            let (place, beyond) = match Arc::clone(&open).try_acquire_owned() {
                Ok(place) => (place, false),
                Err(_full) => match Arc::clone(&reserved).try_acquire_owned() {
                    Ok(place) => (place, true),
                    Err(_full) => continue,
                },
            };
            self.serve(stream, from, place, beyond || self.operators_only);
        }
    }

    fn serve(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        place: OwnedSemaphorePermit,
        reserved: bool,
    ) {
        // An IPv4 peer of a listener for both kinds is known by its IPv4 address.
        let peer = Peer {
            address: from.ip().to_canonical(),
            cut: CancellationToken::new(),
            reserved,
            encrypted: self.tls.is_some(),
        };
        let router = self.served.current();
        let (tls, stop) = (self.tls.clone(), self.stop.clone());
        // Small frames go out at once; a peer that cannot take the option is served all the same.
        let _ = stream.set_nodelay(true);
        self.tasks.spawn(async move {
            // The place is taken before the handshake: whoever dawdles there takes up one too.
            match tls {
                None => serve_connection(stream, peer, router, stop).await,
                Some(tls) => serve_encrypted(&tls, stream, peer, router, stop).await,
            }
            drop(place);
        });
    }
}

async fn serve_encrypted(
    tls: &Tls,
    stream: TcpStream,
    peer: Peer,
    router: Router,
    stop: CancellationToken,
) {
    let shaken = tokio::select! {
        shaken = tls.accept(stream) => shaken,
        () = stop.cancelled() => return,
    };
    match shaken {
        Ok(stream) => serve_connection(stream, peer, router, stop).await,
        Err(error) => tracing::debug!(%error, peer = %peer.address, "no TLS handshake"),
    }
}

async fn serve_connection<S>(stream: S, peer: Peer, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let phase = Phase::default();
    let io = TokioIo::new(HeadTimer::new(stream, phase.clone()));
    let cut = peer.cut.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        phase.head_is_read();
        request.extensions_mut().insert(peer.clone());
        let (router, phase) = (router.clone(), phase.clone());
        async move {
            let answered = router.oneshot(request.map(Body::new)).await;
            phase.answered();
            answered
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            // Peers break off all the time: nothing to say about it.
            _ = connection.as_mut() => return,
            () = cut.cancelled() => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

#[cfg(test)]
mod tests;
