//! A gateway for one test: a store in a folder of its own, an engine, the router.

use std::sync::Arc;

use axme_core::time::Timestamp;
use axme_engine::bootstrap::{Begun, Bootstrap, begin};
use axme_engine::clock::Clock;
use axme_engine::{Engine, EngineOptions, EngineParts};
use axme_gateway::http::{Api, HttpOptions, router};
use axme_store::control::ReplicaProfile;
use axme_store::sqlite::{SqliteOptions, SqliteStore};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// When manual clocks begin: 2026-03-01T09:00:12Z.
const MANUAL_START_MICROS: i64 = 1_772_355_612_000_000;

pub(crate) struct Gateway {
    pub(crate) api: Api,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<SqliteStore>,
    owner: String,
    router: Router,
    // Last, so that the store is closed when its folder goes.
    _folder: TempDir,
}

/// Calls with one key, or with none.
#[derive(Clone)]
pub(crate) struct Caller<'a> {
    gateway: &'a Gateway,
    pub(crate) key: Option<String>,
    headers: Vec<(&'static str, String)>,
}

/// What came back, with the text and what it says as JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
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
        let folder = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
        let replica = ReplicaProfile {
            replica_id: "here".into(),
            region: Some("eu".into()),
            version: "test".into(),
        };
        let options = EngineOptions {
            lenient_addressing: http.lenient_addressing,
            ..EngineOptions::default()
        };
        let (log, ledger) = (Arc::<SqliteStore>::clone(&store), Arc::<SqliteStore>::clone(&store));
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
        let router = router(&api);
        Self { api, clock, store, owner: token.token, router, _folder: folder }
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.api.engine()
    }

    /// The key of the first start: owner of the installation.
    pub(crate) fn owner(&self) -> Caller<'_> {
        self.with_key(&self.owner)
    }

    pub(crate) fn with_key(&self, key: &str) -> Caller<'_> {
        Caller { gateway: self, key: Some(key.to_owned()), headers: Vec::new() }
    }

    pub(crate) fn nobody(&self) -> Caller<'_> {
        Caller { gateway: self, key: None, headers: Vec::new() }
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

impl<'a> Caller<'a> {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With an idempotency key.
    pub(crate) fn once(&self, key: &str) -> Self {
        self.clone().header("idempotency-key", key)
    }

    pub(crate) fn request(&self, method: Method, path: &str, body: Body) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(body).unwrap()
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let method = method.parse().unwrap();
        self.gateway.send(self.request(method, path, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// As published clients do it: the type is JSON and the body is empty.
    pub(crate) async fn post_nothing(&self, path: &str) -> Answer {
        self.call("POST", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.gateway.send(self.request(Method::POST, path, body.into())).await
    }

    /// A key of a role in the caller's own workspace, or where `fields` say.
    pub(crate) async fn make_key(&self, role: &str, fields: Value) -> Caller<'a> {
        let mut body = json!({ "name": format!("{role}-key"), "role": role });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.post("/v1/keys", body).await.ok();
        self.gateway.with_key(made["key"]["token"].as_str().unwrap())
    }

    pub(crate) async fn key_id(&self) -> String {
        let own = self.get("/v1/keys/self").await.ok();
        own["key"]["key_id"].as_str().unwrap().to_owned()
    }

    /// Waits until the stream of `path` has ended, and answers everything that it said.
    pub(crate) async fn stream(&self, path: &str) -> Answer {
        self.get(path).await
    }

    /// Opens a stream and leaves it unread.
    pub(crate) async fn open(&self, path: &str) -> axum::response::Response {
        self.gateway.begin(self.request(Method::GET, path, Body::empty())).await
    }
}

impl Answer {
    /// The body of a success, which is always an object that says so.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        assert_eq!(self.json["ok"], json!(true), "{}", self.text);
        self.json
    }

    /// The `error` of a refusal, which always has the one shape.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let error = self.error();
        assert_eq!((self.status, error["code"].as_str().unwrap()), (status, code), "{}", self.text);
        error
    }

    /// Checks the shape of a refusal and answers its `error`.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let Self { status, json, text, .. } = self;
        assert!(*status >= 400, "{status}: {text}");
        let error = &json["error"];
        let code = error["code"].as_str().unwrap_or_else(|| panic!("{status}: {text}"));
        let known = axme_api::ErrorCode::parse(code).unwrap_or_else(|| panic!("{code}"));
        assert_eq!(known.status(), *status, "{text}");
        assert_eq!(error["retryable"], json!(known.is_retryable()), "{text}");
        assert_eq!(error["category"], serde_json::to_value(known.category()).unwrap(), "{text}");
        assert!(error["details"].is_object(), "{text}");
        assert!(error["at"].as_str().unwrap().ends_with('Z'), "{text}");
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty(), "{text}");
        match &json["detail"] {
            Value::String(detail) => assert_eq!(detail, message),
            Value::Array(fields) => {
                assert_eq!((*status, fields.is_empty()), (422, false), "{text}");
                let whole = |f: &Value| {
                    f["loc"].is_array() && f["msg"].is_string() && f["type"].is_string()
                };
                assert!(fields.iter().all(whole), "{text}");
            }
            other => panic!("detail is {other}: {text}"),
        }
        let request_id = self.headers["x-request-id"].to_str().unwrap();
        assert_eq!(json["request_id"], json!(request_id), "{text}");
        assert_eq!(self.headers["content-type"], "application/json", "{text}");
        error.clone()
    }
}
