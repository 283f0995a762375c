//! Failed sign-ins are limited by address, and nobody with a good key notices.

use std::net::IpAddr;
use std::time::Duration;

use axme_core::time::Timestamp;
use axme_engine::clock::Clock;
use axme_gateway::http::{HttpOptions, Peer};
use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::gateway::Gateway;
use crate::world::Agent;

/// How many failures of one address are answered in full.
const ALLOWED: usize = 20;

async fn fail(caller: &Caller<'_>, count: usize) {
    for _ in 0..count {
        caller.get("/v1/keys").await.refused(401, "invalid_platform_api_key");
    }
}

#[tokio::test]
async fn beyond_the_allowance_a_failure_is_told_less_and_later() {
    let gateway = Gateway::at_rest().await;
    let guesser = gateway.with_key("axme_sa_sak_nobody");
    fail(&guesser, ALLOWED).await;
    let refused = guesser.get("/v1/keys").await;
    assert_eq!(refused.headers["retry-after"], "1");
    let error = refused.refused(429, "too_many_sign_ins");
    assert_eq!((&error["category"], &error["retryable"]), (&json!("auth"), &json!(false)));
    gateway.nobody().get("/v1/keys").await.refused(401, "missing_platform_api_key");
    gateway.clock.advance(Duration::from_secs(1));
    fail(&guesser, 1).await;
    guesser.get("/v1/keys").await.refused(429, "too_many_sign_ins");
}

#[tokio::test]
async fn keys_that_work_do_from_the_same_address() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let former = owner.make_key("viewer", json!({})).await;
    let id = former.key_id().await;
    owner.post_nothing(&format!("/v1/keys/{id}/revoke")).await.ok();
    for _ in 0..ALLOWED {
        former.get("/v1/keys/self").await.refused(401, "key_revoked");
    }
    former.get("/v1/keys/self").await.refused(429, "too_many_sign_ins");
    mailer.caller.get("/v1/keys/self").await.ok();
    owner.post_nothing(&mailer.path("kill")).await.ok();
    former.get("/v1/keys/self").await.refused(429, "too_many_sign_ins");
}

#[tokio::test]
async fn the_audit_counts_every_failure_in_one_entry() {
    let gateway = Gateway::at_rest().await;
    let guesser = gateway.with_key("axme_sa_sak_nobody");
    for _ in 0..500 {
        guesser.get("/v1/keys").await;
    }
    gateway.engine().write_observations().await.unwrap();
    let seen = gateway.owner().get("/v1/audit/events?action_prefix=sign_in.failed").await.ok();
    let counts = seen["events"].as_array().unwrap().iter();
    let counts: Vec<&Value> = counts.map(|event| &event["details"]["count"]).collect();
    assert_eq!(counts, [500]);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own() {
    let clock = Clock::manual(Timestamp::from_micros(0));
    let proxy: IpAddr = "10.0.0.9".parse().unwrap();
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let options = HttpOptions { trusted_proxies, ..HttpOptions::default() };
    let gateway = Gateway::with(clock, options).await;
    let sent_for = async |client: &str| -> Answer {
        let guesser = gateway.with_key("axme_sa_sak_nobody").header("x-forwarded-for", client);
        let mut request = guesser.request(Method::GET, "/v1/keys", Body::empty());
        request.extensions_mut().insert(Peer { address: proxy, ..Peer::default() });
        gateway.send(request).await
    };
    for _ in 0..ALLOWED {
        sent_for("198.51.100.7").await.refused(401, "invalid_platform_api_key");
    }
    sent_for("198.51.100.7").await.refused(429, "too_many_sign_ins");
    sent_for("198.51.100.8").await.refused(401, "invalid_platform_api_key");
}
