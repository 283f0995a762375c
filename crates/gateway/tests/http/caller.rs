//! Whoever calls a gateway, and what comes back.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use serde_json::{Value, json};

use crate::gateway::Gateway;

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

impl<'a> Caller<'a> {
    pub(crate) fn new(gateway: &'a Gateway, key: Option<&str>) -> Self {
        Self { gateway, key: key.map(str::to_owned), headers: Vec::new() }
    }

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
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                panic!("detail is neither text nor a list: {text}")
            }
        }
        let request_id = self.headers["x-request-id"].to_str().unwrap();
        assert_eq!(json["request_id"], json!(request_id), "{text}");
        assert_eq!(self.headers["content-type"], "application/json", "{text}");
        error.clone()
    }
}
