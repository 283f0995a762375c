//! Servers in processes of their own: the gateway, and the bare handlers that it is compared with.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Blocking;

/// Where the bare handler is, and the heartbeats of the gateway.
pub const HEARTBEAT: &str = "/v1/mesh/heartbeat";
/// Where the streams of the bare fan-out are, and the control streams of the gateway.
pub const CONTROL_STREAM: &str = "/v1/mesh/control/stream";
/// What makes the bare fan-out tell all its streams.
pub const BARE_CHANGE: &str = "/change";
/// The owner key that all replicas are given.
pub const OWNER_KEY: &str = "axme_sa_bench_0123456789abcdef0123456789abcdef";
/// How often a replica is asked whether it is ready.
const READY_EVERY: Duration = Duration::from_millis(5);
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A server that runs until this is dropped.
pub struct Server {
    pub address: SocketAddr,
    /// Empty for the bare handlers.
    pub owner_key: String,
    child: Child,
    /// The server ends when this is closed, also when this process is killed.
    stdin: Option<ChildStdin>,
    folder: TempDir,
}

impl Server {
    /// The gateway, with a new store in a temporary folder.
    pub fn gateway() -> anyhow::Result<Self> {
        Self::start("gateway", &[])
    }

    /// A gateway at a store that others may share. It listens when this returns, and may not be
    /// ready yet.
    pub fn replica(url: &str, id: &str, lease_ms: Option<u64>) -> anyhow::Result<Self> {
        let lease = lease_ms.map(|lease| lease.to_string());
        let further: Vec<&str> = [url, id].into_iter().chain(lease.as_deref()).collect();
        Self::start("replica", &further)
    }

    /// A handler that answers like a heartbeat and does nothing else.
    pub fn bare() -> anyhow::Result<Self> {
        Self::start("bare", &[])
    }

    /// Streams that are fed by one channel and nothing else.
    pub fn bare_streams() -> anyhow::Result<Self> {
        Self::start("bare-streams", &[])
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How many transactions its store has committed.
    ///
    /// The index beside a write-ahead log begins with its version, four bytes of padding, and a
    /// counter that goes up with every transaction.
    pub fn commits(&self) -> anyhow::Result<u32> {
        let index = std::fs::read(self.folder.path().join("axme.db-shm"))?;
        let counter = index.get(8..12).context("the index of the write-ahead log is shorter")?;
        Ok(u32::from_ne_bytes(counter.try_into()?))
    }

    /// A connection of the operator.
    pub fn operator(&self) -> anyhow::Result<Blocking> {
        Blocking::open(self.address, &self.owner_key)
    }

    /// Waits until `/ready` answers 200. Each look has a connection of its own, as a load
    /// balancer's has: a gateway that starts closes them.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while readiness(&mut self.operator()?)?.is_none() {
            ensure!(began.elapsed() < READY_WITHIN, "a replica does not become ready");
            std::thread::sleep(READY_EVERY);
        }
        Ok(())
    }

    /// Stops the process, until the answer is dropped: it sends nothing, and does not notice.
    pub fn freeze(&self) -> anyhow::Result<Frozen<'_>> {
        kill_process(self.pid(), Signal::STOP)?;
        Ok(Frozen(self))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn start(kind: &str, further: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(format!("--serve={kind}"))
            .arg(folder.path())
            .args(further)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("standard output is a pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let (address, key) =
            line.trim_end_matches('\n').split_once(' ').context("the server did not start")?;
        let (address, owner_key) = (address.parse()?, key.to_owned());
        Ok(Self { address, owner_key, child, stdin, folder })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// A server that stands still. It goes on when this is dropped.
pub struct Frozen<'a>(&'a Server);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let _ = kill_process(self.0.pid(), Signal::CONT);
    }
}

/// The epoch of a replica that is ready; none while it is not.
pub fn readiness(connection: &mut Blocking) -> anyhow::Result<Option<u64>> {
    let (status, body) = connection.ask("/ready")?;
    Ok((status == 200).then(|| body.get("epoch").and_then(Value::as_u64).unwrap_or(0)))
}
