//! When the store fails: nothing is acknowledged that is not there, and a kill stands all the same.

use axme_store::faults::Fault;
use serde_json::json;

use crate::gateway::Gateway;
use crate::world::Agent;

#[tokio::test]
async fn a_kill_that_is_not_durable_in_time_is_enforced_and_said_to_be_unconfirmed() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    gateway.faults.set_appends(Fault::Hang);
    let refused = owner.post_nothing(&campaign.path("kill")).await.refused(503, "kill_unconfirmed");
    let details = &refused["details"];
    assert_eq!((&details["enforced_here"], &details["durable"]), (&json!(true), &json!(false)));
    campaign.send(&campaign.address).await.refused(403, "agent_killed");
    let beat = campaign.caller.post_nothing("/v1/mesh/heartbeat").await.ok();
    assert_eq!(beat["health_status"], json!("killed"));

    gateway.faults.set_appends(Fault::None);
    // It is committed now that it can be, and looked up by the id that its refusal named.
    let seen = format!("/v1/mesh/agents/{}", campaign.address_id);
    while owner.get(&seen).await.ok()["agent"]["kill"].is_null() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let path = format!("/v1/mesh/kills/{}", details["kill_id"].as_str().unwrap());
    owner.get(&path).await.ok();
    campaign.send(&campaign.address).await.refused(403, "agent_killed");
    owner.post_nothing(&campaign.path("resume")).await.ok();
    campaign.send(&campaign.address).await.ok();
}

#[tokio::test]
async fn orders_that_the_store_refuses_have_not_happened() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    gateway.faults.set_appends(Fault::Refuse);
    let refused = owner.post("/v1/service-accounts", json!({ "name": "sender" })).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.refused(503, "store_unavailable");
    let revoke = format!("/v1/keys/{}/revoke", mailer.key_id);
    owner.post_nothing(&revoke).await.refused(503, "store_unavailable");
    gateway.faults.set_appends(Fault::None);
    mailer.caller.get("/v1/keys/self").await.ok();
    Agent::make(&gateway, &owner, "sender").await;
}

#[tokio::test]
async fn a_lost_answer_is_told_as_such_and_found_again_by_its_key() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let order = mailer.caller.once("mail-1");
    gateway.faults.set_admits(Fault::Lose);
    let body = crate::world::intent(&mailer.address);
    order.post("/v1/intents", body.clone()).await.refused(503, "outcome_unknown");
    gateway.faults.set_admits(Fault::None);
    order.post("/v1/intents", body).await.ok();
    let listed = owner.get("/v1/intents").await.ok();
    assert_eq!(listed["intents"].as_array().unwrap().len(), 1);
}
