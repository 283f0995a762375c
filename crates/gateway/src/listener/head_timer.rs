//! A bound on how long a client may take to send the head of a request.
//!
//! It runs from the first byte of a head, and from the beginning for the first one; between two
//! requests a connection may rest longer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a head may take.
const HEAD_MAX: Duration = Duration::from_secs(10);

const READING_HEAD: u8 = 0;
const IN_REQUEST: u8 = 1;
const RESTING: u8 = 2;

/// Where a connection stands; shared between its bytes and its requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase(Arc<AtomicU8>);

impl Phase {
    pub(super) fn head_is_read(&self) {
        self.0.store(IN_REQUEST, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.0.store(RESTING, Ordering::Relaxed);
    }
}

/// A stream whose reads fail when a head takes too long.
#[derive(Debug)]
pub(super) struct HeadTimer<S> {
    stream: S,
    phase: Phase,
    deadline: Pin<Box<Sleep>>,
}

impl<S> HeadTimer<S> {
    pub(super) fn new(stream: S, phase: Phase) -> Self {
        Self { stream, phase, deadline: Box::pin(tokio::time::sleep(HEAD_MAX)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimer<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let phase = self.phase.0.load(Ordering::Relaxed);
        if read.is_ready() {
            if phase == RESTING {
                self.phase.0.store(READING_HEAD, Ordering::Relaxed);
                self.deadline.as_mut().reset(Instant::now() + HEAD_MAX);
            }
            return read;
        }
        if phase == READING_HEAD && self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimer<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
