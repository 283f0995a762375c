//! Servers in processes of their own: the gateway, and the bare handler that it is compared with.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, bail};
use axme_api::mesh::HeartbeatAnswer;
use axme_engine::bootstrap::Begun;
use axme_gateway::app::App;
use axme_gateway::config::{Config, Given};
use axum::body::Bytes;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use tempfile::TempDir;

use crate::client::Blocking;

/// Where the bare handler is, and the heartbeats of the gateway.
pub const HEARTBEAT: &str = "/v1/mesh/heartbeat";

/// A server that runs until this is dropped.
pub struct Server {
    pub address: SocketAddr,
    /// Empty for the bare handler.
    pub owner_key: String,
    child: Child,
    /// The server ends when this is closed, also when this process is killed.
    stdin: Option<ChildStdin>,
    folder: TempDir,
}

impl Server {
    /// The gateway, with a new store in a temporary folder.
    pub fn gateway() -> anyhow::Result<Self> {
        Self::start("gateway")
    }

    /// A handler that answers like a heartbeat and does nothing else.
    pub fn bare() -> anyhow::Result<Self> {
        Self::start("bare")
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

    fn start(kind: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(format!("--serve={kind}"))
            .arg(folder.path())
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

/// The server's side, in its own process: says where it listens, serves until its input ends.
pub fn serve(kind: &str) -> anyhow::Result<()> {
    let folder = std::env::args().nth(2).context("a folder is needed")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match kind {
            "gateway" => serve_gateway(Path::new(&folder)).await,
            "bare" => serve_bare().await,
            other => bail!("no server of the kind {other}"),
        }
    })
}

async fn serve_gateway(folder: &Path) -> anyhow::Result<()> {
    let config = Config::load(Given {
        listen: Some("127.0.0.1:0".to_owned()),
        data_dir: Some(folder.to_owned()),
        org: Some("myorg".to_owned()),
        workspace: Some("production".to_owned()),
        drain_ms: Some(0),
        shutdown_ms: Some(1_000),
        ..Given::default()
    })?;
    let app = App::start(config).await?;
    let Begun::New { drawn: Some(drawn) } = app.begun() else { bail!("the store is not new") };
    tell(app.address(), &drawn.token)?;
    app.run(end_of_input()).await;
    Ok(())
}

async fn serve_bare() -> anyhow::Result<()> {
    let router = Router::new().route(HEARTBEAT, post(bare_heartbeat));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    tell(listener.local_addr()?, "")?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, router) => Ok(served?),
        () = end_of_input() => Ok(()),
    }
}

/// Reads the body, and answers what the gateway answers to a heartbeat: the same members, of the
/// same lengths.
async fn bare_heartbeat(_body: Bytes) -> Json<HeartbeatAnswer> {
    const MOMENT: &str = "2026-11-23T17:00:00.000000Z";
    Json(HeartbeatAnswer {
        ok: true,
        address_id: "addr_019ab1f0a0007000800000000000000a".to_owned(),
        address: "agent://myorg/production/sender-00".to_owned(),
        health_status: "healthy".to_owned(),
        status: "healthy".to_owned(),
        killed: false,
        kill: None,
        last_heartbeat_at: MOMENT.to_owned(),
        server_time: MOMENT.to_owned(),
        next_heartbeat_seconds: 30,
    })
}

fn tell(address: SocketAddr, key: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address} {key}")?;
    Ok(stdout.flush()?)
}

/// Comes when whoever started this process has closed its standard input, or has ended.
async fn end_of_input() {
    let read =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    let _ = read.await;
}
