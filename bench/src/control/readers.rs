//! Readers of control streams: a connection each, and one thread for all of them.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::client::{Connection, request};
use crate::server::CONTROL_STREAM;

/// No change takes longer to its last reader.
const TOLD_WITHIN: Duration = Duration::from_secs(20);
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// A change that streams tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Killed,
    Resumed,
}

impl Change {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Resumed => "resumed",
        }
    }

    /// The change in what a reader has read.
    fn find(read: &[u8]) -> Option<Self> {
        // A member near the end of its frame.
        const MEMBER: &[u8] = b"\"change\":\"";
        let at = read.windows(MEMBER.len()).rposition(|window| window == MEMBER)? + MEMBER.len();
        let value = &read[at..];
        [Self::Killed, Self::Resumed].into_iter().find(|it| value.starts_with(it.word().as_bytes()))
    }
}

/// See the module. The streams are closed when this is dropped.
pub struct Readers {
    last_read: mpsc::Receiver<(Change, Instant)>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Readers {
    /// Opens the control streams of numbered instances of one agent. Answers once all of them have
    /// read their first frame.
    pub fn open(address: SocketAddr, key: &str, numbers: Range<usize>) -> anyhow::Result<Self> {
        let open = |number| {
            let path = format!("{CONTROL_STREAM}?instance_id=c-{number}");
            request("GET", &path, key, "")
        };
        let requests: Vec<_> = numbers.map(open).collect();
        let (opened, is_opened) = mpsc::sync_channel(1);
        let (last, last_read) = mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                tokio::select! {
                    read = read_all(address, requests, opened, last) => read,
                    _ = ended => Ok(()),
                }
            })
        });
        let mut readers = Self { last_read, end: Some(end), thread: Some(thread) };
        match is_opened.recv_timeout(OPEN_WITHIN) {
            Ok(()) => Ok(readers),
            Err(_) => Err(readers.failure("the streams did not open")),
        }
    }

    /// Waits until every reader has read a change; answers when the last one had.
    pub fn all_read(&mut self, change: Change) -> anyhow::Result<Instant> {
        match self.last_read.recv_timeout(TOLD_WITHIN) {
            Ok((read, at)) if read == change => Ok(at),
            Ok((read, _)) => anyhow::bail!("the streams told {read:?} and not {change:?}"),
            Err(_) => Err(self.failure("not every stream told the change")),
        }
    }

    /// Why the readers have stopped; `otherwise` when they have not.
    fn failure(&mut self, otherwise: &'static str) -> anyhow::Error {
        self.end().err().unwrap_or_else(|| anyhow::Error::msg(otherwise))
    }

    fn end(&mut self) -> anyhow::Result<()> {
        drop(self.end.take());
        let thread = self.thread.take().context("the readers have ended")?;
        thread.join().ok().context("a reader ended in a panic")?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        // Whoever waited for them has been told of their trouble.
        let _ = self.end();
    }
}

/// Reads until a reader fails.
async fn read_all(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    opened: mpsc::SyncSender<()>,
    last: mpsc::SyncSender<(Change, Instant)>,
) -> anyhow::Result<()> {
    let (count, read) = (requests.len(), Arc::<AtomicUsize>::default());
    let mut tasks = JoinSet::new();
    // One after the other: no queue of connections runs over.
    for request in requests {
        let mut connection = Connection::open(address).await?;
        let head = connection.begin(&request).await?;
        anyhow::ensure!(head.status == 200, "a stream answered {}", head.status);
        connection.frame(|_first| ()).await?;
        let (read, last) = (Arc::clone(&read), last.clone());
        tasks.spawn(async move {
            let mut told = Change::Resumed;
            loop {
                let Some(change) = connection.frame(Change::find).await? else { continue };
                anyhow::ensure!(change != told, "a stream told {change:?} twice");
                told = change;
                // All have read the one change before the next one is ordered.
                if (read.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(count) {
                    last.send((change, Instant::now()))?;
                }
            }
        });
    }
    opened.send(())?;
    match tasks.join_next().await {
        Some(ended) => ended?,
        None => Ok(()),
    }
}
