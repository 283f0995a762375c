//! The composition root: the only module that knows every other.
//!
//! It opens the store, starts the engine, sets up a first installation, listens, and takes
//! everything down again in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axme_engine::bootstrap::{self, Begun};
use axme_engine::clock::Clock;
use axme_engine::{Engine, EngineParts};
use axme_store::control::ReplicaProfile;
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, StorePlace};
use crate::http::{Api, router};
use crate::listener::Server;

/// A gateway that listens, and serves once it is run.
#[derive(Debug)]
pub struct App {
    config: Config,
    api: Api,
    begun: Begun,
    address: SocketAddr,
    operator_address: Option<SocketAddr>,
    servers: Vec<Server>,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl App {
    /// Opens the store and begins to listen. Nothing is served before [`App::run`].
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let engine = start_engine(&config, clock.clone()).await?;
        let begun = bootstrap::begin(&engine.control, &clock, &config.bootstrap)
            .await
            .context("could not set up the installation")?;
        let api = Api::new(engine, config.http.clone());
        let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
        let mut servers = Vec::new();
        let mut bound = Vec::new();
        let wanted = [(Some(config.listen), false), (config.operator_listen, true)];
        for (address, operators_only) in wanted {
            let Some(address) = address else { continue };
            let listener = listen(address).await?;
            bound.push(listener.local_addr()?);
            servers.push(Server {
                listener,
                router: router(&api),
                connections_max: config.connections_max,
                operators_only,
                stop: stop.clone(),
                tasks: connections.clone(),
            });
        }
        let mut bound = bound.into_iter();
        let address = bound.next().context("no address to listen on")?;
        Ok(Self {
            config,
            api,
            begun,
            address,
            operator_address: bound.next(),
            servers,
            stop,
            connections,
        })
    }

    /// Where it listens; the port that was found when port 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub const fn operator_address(&self) -> Option<SocketAddr> {
        self.operator_address
    }

    /// What the start found or made; holds a new owner key the first time.
    #[must_use]
    pub const fn begun(&self) -> &Begun {
        &self.begun
    }

    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.api.engine()
    }

    /// Serves until `stopped`, then takes everything down: not ready, drained, ended, closed.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        for server in self.servers.drain(..) {
            self.connections.spawn(server.run());
        }
        tracing::info!(address = %self.address, "serving");
        stopped.await;
        tracing::info!("not ready any more; draining");
        self.api.begin_draining();
        tokio::time::sleep(self.config.drain).await;
        self.stop.cancel();
        self.engine().enforcer.end_streams();
        self.connections.close();
        let ended = tokio::time::timeout(self.config.shutdown, self.connections.wait()).await;
        if ended.is_err() {
            tracing::warn!(left = self.connections.len(), "connections are cut: the time is over");
        }
        let stopped = tokio::time::timeout(self.config.shutdown, self.engine().stop()).await;
        if stopped.is_err() {
            tracing::warn!("the store was slow to take what was left");
        }
        tracing::info!("stopped");
    }
}

/// Opens the store alone, for work at a gateway that does not run.
pub async fn start_engine(config: &Config, clock: Clock) -> anyhow::Result<Engine> {
    let options = SqliteOptions::default();
    let store = match &config.store {
        StorePlace::DataDir => SqliteStore::open(&config.data_dir, options),
        StorePlace::SqliteFile(path) => SqliteStore::open_file(path, options),
    };
    let store = Arc::new(store?);
    let replica = ReplicaProfile {
        replica_id: host_name().into(),
        region: None,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let parts = EngineParts {
        log: Arc::<SqliteStore>::clone(&store),
        ledger: store,
        clock,
        replica,
        options: config.engine,
    };
    Engine::start(parts).await.context("could not load the control log")
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "listening off loopback without TLS: keys cross the network in the clear");
    }
    let problem = || format!("cannot listen on {address}; is another program using it?");
    TcpListener::bind(address).await.with_context(problem)
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "axme".to_owned() } else { name }
}

/// Where a drawn owner key is written when nobody sees the terminal.
#[must_use]
pub fn owner_key_path(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("owner.key")
}
