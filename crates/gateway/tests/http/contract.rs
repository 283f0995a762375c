//! What every answer has in common, and what published clients do that others would refuse.

use axme_engine::clock::Clock;
use axme_gateway::http::HttpOptions;
use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::Agent;

#[tokio::test]
async fn an_empty_body_that_is_called_json_is_no_body() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    mailer.caller.post_nothing("/v1/mesh/heartbeat").await.ok();
    for order in ["kill", "resume"] {
        owner.post_nothing(&mailer.path(order)).await.ok();
        owner.post_text(&mailer.path(order), "  \n").await.ok();
        owner.post(&mailer.path(order), json!({})).await.ok();
    }
    let keys = format!("/v1/service-accounts/{}/keys", mailer.account_id);
    let key = owner.post_nothing(&keys).await.ok()["key"]["key_id"].clone();
    owner.post_nothing(&format!("{keys}/{}/revoke", key.as_str().unwrap())).await.ok();
}

#[tokio::test]
async fn agents_stand_in_paths_in_every_form() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    for form in [
        "agent://default/default/mailer",
        "agent:/default/default/mailer",
        "agent%3A%2F%2Fdefault%2Fdefault%2Fmailer",
        "default/default/mailer",
        "default%2Fdefault%2Fmailer",
        "mailer",
        mailer.address_id.as_str(),
    ] {
        let seen = owner.get(&format!("/v1/mesh/agents/{form}")).await.ok();
        assert_eq!(seen["agent"]["address"], json!(mailer.address), "{form}");
        let listed = owner.get(&format!("/v1/agents/{form}")).await.ok();
        assert_eq!(listed["agent"]["address"], json!(mailer.address), "{form}");
        for order in ["kill", "resume"] {
            let ordered = owner.post_nothing(&format!("/v1/mesh/agents/{form}/{order}")).await.ok();
            assert_eq!(ordered["address_id"], json!(mailer.address_id), "{form}");
        }
        let path = format!("/v1/agents/{form}/intents/stream");
        assert_eq!(mailer.caller.open(&path).await.status(), 200, "{form}");
    }
}

#[tokio::test]
async fn one_agent_does_not_take_all_places() {
    let options = HttpOptions { agent_inflight_max: 0, ..HttpOptions::default() };
    let gateway = Gateway::with(Clock::system(), options).await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let busy = mailer.send(&mailer.address).await;
    assert_eq!(busy.headers["retry-after"], "1");
    busy.refused(429, "agent_busy");
    owner.post_nothing(&mailer.path("kill")).await.ok();
}

#[tokio::test]
async fn when_all_places_are_taken_operators_still_get_in() {
    let options = HttpOptions { requests_max: 2, requests_reserved: 1, ..HttpOptions::default() };
    let gateway = Gateway::with(Clock::system(), options).await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let viewer = owner.make_key("viewer", json!({})).await;
    // A body that never comes holds its request in the works.
    let (sender, body) = endless_body();
    let waiting = gateway.begin(mailer.caller.request(Method::POST, "/v1/intents", body));
    let others = async {
        tokio::task::yield_now().await;
        viewer.get("/v1/mesh/agents").await.refused(503, "gateway_busy");
        owner.post_nothing(&mailer.path("kill")).await.ok();
        drop(sender);
    };
    let (_, ()) = tokio::join!(waiting, others);
    viewer.get("/v1/mesh/agents").await.ok();
}

/// A body that ends when its other half is dropped.
fn endless_body() -> (tokio::sync::oneshot::Sender<()>, Body) {
    let (sender, ended) = tokio::sync::oneshot::channel::<()>();
    let stream = futures_util::stream::once(async move {
        let _dropped = ended.await;
        Ok::<_, std::convert::Infallible>(bytes::Bytes::new())
    });
    (sender, Body::from_stream(stream))
}

#[tokio::test]
async fn requests_keep_their_ids() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let named = owner.clone().header("x-request-id", "request-7").header("x-trace-id", "trace-9");
    let found = named.get("/v1/keys/self").await;
    assert_eq!(
        (&found.headers["x-request-id"], &found.headers["x-trace-id"]),
        (&"request-7".parse().unwrap(), &"trace-9".parse().unwrap())
    );
    let refused = named.get("/v1/nothing").await;
    assert_eq!(refused.json["request_id"], json!("request-7"));
    refused.error();
    let drawn = owner.get("/health").await.headers["x-request-id"].clone();
    assert_eq!(drawn.len(), 36);
    for bad in ["", "a b", &"x".repeat(300)] {
        let found = owner.clone().header("x-request-id", bad).get("/health").await;
        assert_ne!(found.headers["x-request-id"], bad);
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    for (path, status) in [("/health", 200), ("/ready", 200), ("/v1/keys", 200)] {
        let answer = owner.call("HEAD", path, None).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{path}");
        assert!(answer.headers.contains_key("x-request-id"));
    }
    assert_eq!(gateway.nobody().call("HEAD", "/v1/keys", None).await.status, 401);
}

#[tokio::test]
async fn a_list_always_says_where_it_goes_on() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    Agent::make(&gateway, &owner, "mailer").await;
    for path in [
        "/v1/mesh/agents",
        "/v1/mesh/events",
        "/v1/intents",
        "/v1/agents",
        "/v1/service-accounts",
        "/v1/keys",
        "/v1/organizations",
        "/v1/audit/events",
    ] {
        let page = owner.get(path).await.ok();
        assert_eq!(page.get("next_cursor"), Some(&Value::Null), "{path}");
        owner.get(&format!("{path}?limit=0")).await.refused(422, "schema_invalid");
        owner.get(&format!("{path}?limit=-1")).await.refused(422, "schema_invalid");
        owner.get(&format!("{path}?limit=1000000")).await.ok();
    }
}
