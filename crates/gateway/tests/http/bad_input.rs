//! Requests that do not fit: each refused clearly, in the one shape, with nothing done.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::gateway::Gateway;
use crate::world::{Agent, intent};

#[tokio::test]
async fn every_refusal_has_the_one_shape() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    owner.post_text("/v1/keys", "{\"name\":").await.refused(400, "malformed_json");
    owner.post_text("/v1/keys", vec![0xff, 0xfe]).await.refused(400, "malformed_json");
    gateway.nobody().get("/v1/keys").await.refused(401, "missing_platform_api_key");
    mailer.caller.get("/v1/keys").await.refused(403, "forbidden");
    owner
        .get("/v1/intents/0190c0de-0000-7000-8000-00000000dead")
        .await
        .refused(404, "intent_not_found");
    owner.call("DELETE", "/v1/keys", None).await.refused(405, "method_not_allowed");
    owner
        .post("/v1/service-accounts", json!({ "name": "mailer" }))
        .await
        .refused(409, "duplicate_name");
    owner.post_text("/v1/keys", "x".repeat(1 << 20)).await.refused(413, "payload_too_large");
    owner.post("/v1/keys", json!([])).await.refused(422, "schema_invalid");
    gateway.engine().enforcer.set_fresh_until(axme_core::time::Mono::default());
    let fenced = mailer.send(&mailer.address).await;
    assert_eq!(fenced.headers["retry-after"], "1", "clients sleep exactly that long");
    fenced.refused(503, "gateway_fenced");
}

#[tokio::test]
async fn fields_that_do_not_fit_are_listed() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let wrong =
        mailer.caller.post("/v1/mesh/heartbeat", json!({ "metrics": { "cost_usd": "x" } })).await;
    assert_eq!(
        wrong.json["detail"][0]["loc"],
        json!(["body", "metrics", "cost_usd"]),
        "{}",
        wrong.text
    );
    wrong.refused(422, "schema_invalid");
    let wrong = owner.get("/v1/keys?limit=many").await;
    assert_eq!(wrong.json["detail"][0]["loc"][0], json!("query"), "{}", wrong.text);
    wrong.refused(422, "schema_invalid");
    let wrong = owner.post("/v1/organizations", json!({ "name": "Acme", "metadata": [] })).await;
    assert_eq!(wrong.json["detail"][0]["loc"], json!(["body", "metadata"]), "{}", wrong.text);
}

#[tokio::test]
async fn payloads_have_a_bound() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let sized = |bytes: usize| {
        let mut body = intent(&mailer.address);
        body["payload"] = json!({ "text": "x".repeat(bytes) });
        body
    };
    mailer.caller.post("/v1/intents", sized(120 << 10)).await.ok();
    for bytes in [129 << 10, 1 << 20] {
        mailer.caller.post("/v1/intents", sized(bytes)).await.refused(413, "payload_too_large");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_json() {
    let gateway = Gateway::start().await;
    for caller in [gateway.owner(), gateway.nobody()] {
        for path in
            ["/v1", "/v1/nothing", "/v1/sessions", "/v1/inbox", "/v1/keys/", "//", "/v1/../v1/keys"]
        {
            caller.get(path).await.refused(404, "not_found");
        }
        let unknown = caller.call("POST", "/health", None).await;
        assert!(unknown.headers.contains_key("allow"), "{:?}", unknown.headers);
        unknown.refused(405, "method_not_allowed");
        caller.call("PUT", "/v1/keys", None).await.refused(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn nonsense_in_a_request_never_breaks_anything() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    for text in [
        "null",
        "1",
        "\"x\"",
        "[]",
        "{\"name\":null}",
        "{\"name\":{}}",
        "nan",
        "{\"a\":1e999}",
        "\u{0}",
        &"[".repeat(10_000),
    ] {
        for path in ["/v1/keys", "/v1/service-accounts", "/v1/organizations", "/v1/intents"] {
            let refused = owner.post_text(path, text.to_owned()).await;
            assert!((400..500).contains(&refused.status), "{path} {text}: {}", refused.text);
            refused.error();
        }
    }
    for path in ["/v1/keys/%ff/revoke", "/v1/organizations/%00", "/v1/service-accounts/..%2f.."] {
        let method = if path.ends_with("revoke") { Method::POST } else { Method::GET };
        let request = owner.request(method, path, Body::empty());
        let refused = gateway.send(request).await;
        assert!([400, 404].contains(&refused.status), "{path}: {}", refused.text);
        refused.error();
    }
    let request = Request::builder().uri("/v1/keys").header("x-api-key", &b"\xff\xfe"[..]);
    let refused = gateway.send(request.body(Body::empty()).unwrap()).await;
    refused.refused(401, "missing_platform_api_key");
}
