//! The composition root: the only module that knows every other.
//!
//! It opens the store, starts the engine, sets up a first installation, listens, and takes
//! everything down again in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axme_engine::bootstrap::{self, Begun};
use axme_engine::chance::Chance;
use axme_engine::clock::Clock;
use axme_engine::control::ControlError;
use axme_engine::{Engine, EngineParts};
use axme_store::control::ReplicaProfile;
use axme_store::postgres::PgStore;
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use axme_store::{ControlLog, Ledger};
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, StorePlace};
use crate::dashboard::{self, Dashboard};
use crate::http::{self, Api, starting};
use crate::listener::{Served, Server};
use crate::tls::Tls;

/// How often a store is tried that cannot be used yet.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// A gateway that listens, and tells whoever asks that it is not ready.
#[derive(Debug)]
pub struct Starting {
    config: Config,
    clock: Clock,
    store: Store,
    address: SocketAddr,
    operator_address: Option<SocketAddr>,
    served: Served,
    stop: CancellationToken,
    connections: TaskTracker,
}

/// A gateway that serves.
#[derive(Debug)]
pub struct App {
    config: Config,
    api: Api,
    begun: Begun,
    address: SocketAddr,
    operator_address: Option<SocketAddr>,
    stop: CancellationToken,
    connections: TaskTracker,
}

/// The two sides of one store.
#[derive(Clone, Debug)]
struct Store {
    log: Arc<dyn ControlLog>,
    ledger: Arc<dyn Ledger>,
}

impl Starting {
    /// Opens the store and begins to listen.
    pub async fn listen(config: Config) -> anyhow::Result<Self> {
        let clock = Clock::system();
        // Before anything is made: bad files leave nothing behind.
        let (tls, reload) = config.tls.clone().map(Tls::open).transpose()?.unzip();
        let store = open_store(&config)?;
        let log = Arc::clone(&store.log);
        let served = Served::new(starting::router(log, clock.clone(), config.http.storage));
        let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
        let mut bound = Vec::new();
        let wanted = [(Some(config.listen), false), (config.operator_listen, true)];
        for (address, operators_only) in wanted {
            let Some(address) = address else { continue };
            let listener = listen(address, tls.is_some()).await?;
            bound.push(listener.local_addr()?);
            let server = Server {
                listener,
                served: served.clone(),
                connections_max: config.connections_max,
                operators_only,
                tls: tls.clone(),
                stop: stop.clone(),
                tasks: connections.clone(),
            };
            connections.spawn(server.run());
        }
        if let Some(reload) = reload {
            connections.spawn(reload.run(stop.clone()));
        }
        let mut bound = bound.into_iter();
        let address = bound.next().context("no address to listen on")?;
        let operator_address = bound.next();
        Ok(Self { config, clock, store, address, operator_address, served, stop, connections })
    }

    /// Where it listens; the port that was found when port 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Joins the store, as soon as it can be used, and serves.
    pub async fn serve(self) -> anyhow::Result<App> {
        let engine = self.engine().await?;
        let begun = self.begin(&engine).await?;
        let Self { config, address, operator_address, served, stop, connections, .. } = self;
        let api = Api::new(engine, config.http.clone());
        if config.dashboard.insecure {
            tracing::warn!("the dashboard is served without https to every machine that asks");
        }
        let dashboard = Dashboard::new(api.edge().clone(), config.dashboard);
        served.replace(router(&api, &dashboard));
        tracing::info!(%address, replica = %api.engine().control.me().replica_id, "serving");
        Ok(App { config, api, begun, address, operator_address, stop, connections })
    }

    async fn engine(&self) -> anyhow::Result<Engine> {
        let replica = profile(&self.config);
        let mut told = None;
        loop {
            let started = Engine::start(EngineParts {
                log: Arc::clone(&self.store.log),
                ledger: Arc::clone(&self.store.ledger),
                clock: self.clock.clone(),
                replica: replica.clone(),
                options: self.config.engine,
            });
            let error = match started.await {
                Ok(engine) => return Ok(engine),
                // Nobody else will mend a store that is this process's alone.
                Err(error) if !self.store.log.is_shared() => {
                    return Err(error).context("could not load the control log");
                }
                Err(error) => error,
            };
            let trouble = self.store.log.trouble();
            if told.as_ref() != Some(&trouble) {
                let code = trouble.as_ref().map_or("store_unavailable", |trouble| trouble.code);
                tracing::warn!(code, %error, "waiting for the store");
                told = Some(trouble);
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }

    /// Sets up a new installation, unless another replica does so at this moment.
    async fn begin(&self, engine: &Engine) -> anyhow::Result<Begun> {
        loop {
            let began =
                bootstrap::begin(&engine.control, &self.clock, &self.config.bootstrap).await;
            match began {
                Ok(begun) => return Ok(begun),
                Err(ControlError::Store(error)) if self.store.log.is_shared() => {
                    tracing::warn!(%error, "the installation is not set up yet");
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                }
                Err(error) => return Err(error).context("could not set up the installation"),
            }
        }
    }
}

impl App {
    /// Listens, waits for the store, and serves.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Starting::listen(config).await?.serve().await
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
    pub async fn run(self, stopped: impl Future<Output = ()>) {
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

/// Everything that a gateway serves. What is no page of the dashboard is the API's to answer.
pub fn router(api: &Api, dashboard: &Dashboard) -> Router {
    dashboard::router(dashboard).fallback_service(http::router(api))
}

/// Opens the store alone, for work at a gateway that does not run.
pub async fn start_engine(config: &Config, clock: Clock) -> anyhow::Result<Engine> {
    let Store { log, ledger } = open_store(config)?;
    let replica = profile(config);
    let parts = EngineParts { log, ledger, clock, replica, options: config.engine };
    Engine::start(parts).await.context("could not load the control log")
}

fn open_store(config: &Config) -> anyhow::Result<Store> {
    let options = SqliteOptions::default();
    let sqlite = match &config.store {
        StorePlace::DataDir => SqliteStore::open(&config.data_dir, options),
        StorePlace::SqliteFile(path) => SqliteStore::open_file(path, options),
        StorePlace::Postgres(options) => {
            let store = Arc::new(PgStore::open((**options).clone()));
            return Ok(Store { log: Arc::<PgStore>::clone(&store), ledger: store });
        }
    };
    let store = Arc::new(sqlite?);
    Ok(Store { log: Arc::<SqliteStore>::clone(&store), ledger: store })
}

fn profile(config: &Config) -> ReplicaProfile {
    let id = config.replica.id.clone().unwrap_or_else(|| match &config.store {
        StorePlace::DataDir | StorePlace::SqliteFile(_) => host_name(),
        // Two replicas of one machine are two.
        StorePlace::Postgres(_) => format!("{}-{}", host_name(), Chance.suffix()),
    });
    ReplicaProfile {
        replica_id: id.into(),
        region: config.replica.region.as_deref().map(Into::into),
        version: env!("CARGO_PKG_VERSION").into(),
        lease: config.replica.lease,
    }
}

async fn listen(address: SocketAddr, encrypted: bool) -> anyhow::Result<TcpListener> {
    if !encrypted && !address.ip().is_loopback() {
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
