//! A distance: a TCP proxy that keeps every byte back for a while, each way.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

const PART_BYTES: usize = 64 << 10;

/// Runs in a thread of its own until it is dropped.
pub struct Proxy {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Proxy {
    /// In front of a port of this machine.
    pub fn start(to: u16, delay: Duration) -> anyhow::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (listens, listening) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                listens.send(listener.local_addr()?.port())?;
                tokio::select! {
                    ended = accept(listener, to, delay) => ended,
                    _ = stopped => Ok(()),
                }
            })
        });
        let port = listening.recv()?;
        Ok(Self { port, stop: Some(stop), thread: Some(thread) })
    }

    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, to: u16, delay: Duration) -> anyhow::Result<()> {
    loop {
        let (near, _) = listener.accept().await?;
        tokio::spawn(carry(near, to, delay));
    }
}

async fn carry(near: TcpStream, to: u16, delay: Duration) -> anyhow::Result<()> {
    // Opening a connection is a round trip too.
    tokio::time::sleep(delay * 2).await;
    let far = TcpStream::connect(("127.0.0.1", to)).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::join!(pass(from_near, to_far, delay), pass(from_far, to_near, delay));
    Ok(())
}

/// One direction: what is read now is written `delay` later, and what comes meanwhile is not kept
/// up by it.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (send, mut sent) = tokio::sync::mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut part = vec![0; PART_BYTES];
        while let Ok(length @ 1..) = from.read(&mut part).await {
            if send.send((Instant::now() + delay, part[..length].to_vec())).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, part)) = sent.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&part).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
