//! Alive, ready, and what is offered.

use serde_json::json;

use crate::gateway::Gateway;

#[tokio::test]
async fn it_lives_and_serves() {
    let gateway = Gateway::start().await;
    let health = gateway.nobody().get("/health").await.ok();
    assert_eq!(
        (&health["service"], &health["storage"]),
        (&json!("axme-gateway"), &json!("sqlite"))
    );
    let ready = gateway.nobody().get("/ready").await.ok();
    assert_eq!((&ready["replica_id"], &ready["epoch"]), (&json!("here"), &json!(1)));
    assert_eq!(ready["durability"], json!("single"));
    let offered = gateway.owner().get("/v1/capabilities").await.ok();
    assert!(!offered["capabilities"].as_array().unwrap().is_empty());
    for named in offered["supported_intent_types"].as_array().unwrap() {
        let named = named.as_str().unwrap();
        assert!(named.starts_with("intent.") && named.ends_with(".v1"), "{named}");
    }
}

#[tokio::test]
async fn a_replica_says_why_it_is_not_ready() {
    let gateway = Gateway::start().await;
    let reason = |error: serde_json::Value| error["details"]["reason"].clone();
    gateway.engine().enforcer.set_fresh_until(axme_core::time::Mono::default());
    let fenced = gateway.nobody().get("/ready").await.refused(503, "not_ready");
    assert_eq!(reason(fenced), json!("fenced"));

    gateway.engine().enforcer.set_fresh_until(axme_core::time::Mono::FOREVER);
    gateway.nobody().get("/ready").await.ok();
    gateway.store.shut_down().await;
    let closed = gateway.nobody().get("/ready").await.refused(503, "not_ready");
    assert_eq!(reason(closed), json!("store"));

    gateway.api.begin_draining();
    let draining = gateway.nobody().get("/ready").await.refused(503, "not_ready");
    assert_eq!(reason(draining), json!("draining"));
    gateway.nobody().get("/health").await.ok();
}
