//! A gateway for one test: a store in a folder of its own, an engine, the router.

use std::sync::Arc;

use axme_core::lease::Lease;
use axme_core::time::Timestamp;
use axme_engine::bootstrap::{Begun, Bootstrap, begin};
use axme_engine::clock::Clock;
use axme_engine::{Engine, EngineOptions, EngineParts};
use axme_gateway::app::router;
use axme_gateway::dashboard::{Dashboard, DashboardOptions};
use axme_gateway::http::{Api, HttpOptions};
use axme_store::control::ReplicaProfile;
use axme_store::faults::Faulty;
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::caller::{Answer, Caller};

/// When manual clocks begin: 2026-03-01T09:00:12Z.
const MANUAL_START_MICROS: i64 = 1_772_355_612_000_000;

pub(crate) struct Gateway {
    pub(crate) api: Api,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) faults: Arc<Faulty>,
    owner: String,
    router: Router,
    // Last, so that the store is closed when its folder goes.
    _folder: TempDir,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::with(Clock::system(), HttpOptions::default()).await
    }

    /// One whose clock stands until it is advanced.
    pub(crate) async fn at_rest() -> Self {
        let start = Timestamp::from_micros(MANUAL_START_MICROS);
        Self::with(Clock::manual(start), HttpOptions::default()).await
    }

    pub(crate) async fn lenient() -> Self {
        let options = HttpOptions { lenient_addressing: true, ..HttpOptions::default() };
        Self::with(Clock::system(), options).await
    }

    pub(crate) async fn with(clock: Clock, http: HttpOptions) -> Self {
        Self::with_dashboard(clock, http, DashboardOptions::default()).await
    }

    pub(crate) async fn with_dashboard(
        clock: Clock,
        http: HttpOptions,
        dashboard: DashboardOptions,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
        let replica = ReplicaProfile {
            replica_id: "here".into(),
            region: Some("eu".into()),
            version: "test".into(),
            lease: Lease::DEFAULT,
        };
        let options = EngineOptions {
            lenient_addressing: http.lenient_addressing,
            ..EngineOptions::default()
        };
        let faults = Arc::new(Faulty::new(&store));
        let (log, ledger) = (Arc::<Faulty>::clone(&faults), Arc::<Faulty>::clone(&faults));
        let parts = EngineParts { log, ledger, clock: clock.clone(), replica, options };
        let engine = Engine::start(parts).await.unwrap();
        let bootstrap = Bootstrap {
            organization: "default".into(),
            workspace: "default".into(),
            owner_key: None,
        };
        let begun = begin(&engine.control, &clock, &bootstrap).await.unwrap();
        let Begun::New { drawn: Some(token) } = begun else { panic!("{begun:?}") };
        let api = Api::new(engine, http);
        let dashboard = Dashboard::new(api.edge().clone(), dashboard);
        let router = router(&api, &dashboard);
        Self { api, clock, store, faults, owner: token.token, router, _folder: folder }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.api.engine()
    }

    /// The key of the first start: owner of the installation.
    pub(crate) fn owner(&self) -> Caller<'_> {
        self.with_key(&self.owner)
    }

    pub(crate) fn with_key(&self, key: &str) -> Caller<'_> {
        Caller::new(self, Some(key))
    }

    pub(crate) fn nobody(&self) -> Caller<'_> {
        Caller::new(self, None)
    }

    /// The position of the control log: equal before and after means that nothing was ordered.
    pub(crate) fn revision(&self) -> u64 {
        self.engine().control.read(|state| state.revision().0)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }

    /// The start of an answer alone, for streams; its body ends when it is dropped.
    pub(crate) async fn begin(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }
}
