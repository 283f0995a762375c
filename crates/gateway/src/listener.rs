//! Listening: bounded connections, slow heads refused, a clean end.

mod head_timer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::http::Peer;
use head_timer::{HeadTimer, Phase};

/// Connections beyond the bound that only operators and owners may use.
const CONNECTIONS_RESERVED: usize = 64;
/// How long a connection may rest between two requests.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// Largest head of a request in bytes.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long to wait after accepting has failed, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One listener and everything that comes in through it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) router: Router,
    pub(crate) connections_max: usize,
    /// Only operators and owners are served here.
    pub(crate) operators_only: bool,
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
        let peer = Peer { address: from.ip(), cut: CancellationToken::new(), reserved };
        let router = self.router.clone();
        let stop = self.stop.clone();
        // Small frames go out at once; a peer that cannot take the option is served all the same.
        let _ = stream.set_nodelay(true);
        self.tasks.spawn(async move {
            serve_connection(stream, peer, router, stop).await;
            drop(place);
        });
    }
}

async fn serve_connection(stream: TcpStream, peer: Peer, router: Router, stop: CancellationToken) {
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
