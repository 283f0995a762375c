//! The same request again: answered the same, done once, and no way around a kill.

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::{Agent, intent};

async fn intents_count(gateway: &Gateway) -> usize {
    let listed = gateway.owner().get("/v1/intents?limit=500").await.ok();
    listed["intents"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_intent_that_is_sent_again_is_made_once() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let order = campaign.caller.once("mail-1");
    let first = order.post("/v1/intents", intent(&mailer.address)).await.ok();
    let again = order.post("/v1/intents", intent(&mailer.address)).await.ok();
    assert_eq!(
        (&first["intent_id"], &first["created_at"]),
        (&again["intent_id"], &again["created_at"])
    );
    assert_eq!(intents_count(&gateway).await, 1);
    let mut other = intent(&mailer.address);
    other["payload"] = json!({ "secret": "another" });
    let reused = order.post("/v1/intents", other).await.refused(409, "idempotency_key_reused");
    assert_eq!(reused["message"], json!("idempotency key reused with different payload"));
    // Keys count for each sender apart.
    mailer.caller.once("mail-1").post("/v1/intents", intent(&mailer.address)).await.ok();
    assert_eq!(intents_count(&gateway).await, 2);
}

#[tokio::test]
async fn repetitions_at_the_same_time_make_one_intent() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let order = campaign.caller.once("mail-1");
    let send = || order.post("/v1/intents", intent(&campaign.address));
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    let ids: Vec<Value> =
        [a, b, c, d].into_iter().map(|answer| answer.ok()["intent_id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(intents_count(&gateway).await, 1);
}

#[tokio::test]
async fn a_killed_sender_gets_no_old_answers() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let order = campaign.caller.once("mail-1");
    let first = order.post("/v1/intents", intent(&mailer.address)).await.ok();
    owner.post_nothing(&campaign.path("kill")).await.ok();
    order.post("/v1/intents", intent(&mailer.address)).await.refused(403, "agent_killed");
    owner.post_nothing(&campaign.path("resume")).await.ok();
    let again = order.post("/v1/intents", intent(&mailer.address)).await.ok();
    assert_eq!(first["intent_id"], again["intent_id"]);
}

#[tokio::test]
async fn a_refusal_is_not_remembered_as_the_answer() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    owner.post_nothing(&mailer.path("kill")).await.ok();
    let order = campaign.caller.once("mail-1");
    order.post("/v1/intents", intent(&mailer.address)).await.refused(403, "agent_killed");
    owner.post_nothing(&mailer.path("resume")).await.ok();
    order.post("/v1/intents", intent(&mailer.address)).await.ok();
    // The receiver's run state does not take back an answer that was given.
    owner.post_nothing(&mailer.path("kill")).await.ok();
    order.post("/v1/intents", intent(&mailer.address)).await.ok();
    assert_eq!(intents_count(&gateway).await, 1);
}

#[tokio::test]
async fn orders_that_are_given_again_are_carried_out_once() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let order = owner.once("stop-it");
    let first = order.post(&campaign.path("kill"), json!({ "reason": "x" })).await.ok();
    let revision = gateway.revision();
    let again = order.post(&campaign.path("kill"), json!({ "reason": "x" })).await.ok();
    assert_eq!((&first["kill_id"], &first["revision"]), (&again["kill_id"], &again["revision"]));
    assert_eq!((&first["already"], gateway.revision()), (&again["already"], revision));
    let other = order.post(&campaign.path("kill"), json!({ "reason": "y" })).await;
    other.refused(409, "idempotency_key_reused");

    let resume = owner.once("go-on");
    let first = resume.post_nothing(&campaign.path("resume")).await.ok();
    owner.post_nothing(&campaign.path("kill")).await.ok();
    let again = resume.post_nothing(&campaign.path("resume")).await.ok();
    assert_eq!(first["event_id"], again["event_id"]);
    let seen = owner.get(&format!("/v1/mesh/agents/{}", campaign.address_id)).await.ok();
    assert_eq!(seen["agent"]["run_state"], json!("killed"), "a replayed resume lifts nothing");
}

#[tokio::test]
async fn a_fact_that_is_said_again_is_recorded_once() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let sent = mailer.send(&mailer.address).await.ok();
    let path = format!("/v1/intents/{}/resolve", sent["intent_id"].as_str().unwrap());
    let order = mailer.caller.once("done");
    let body = json!({ "status": "COMPLETED", "result": { "n": 1 } });
    let first = order.post(&path, body.clone()).await.ok();
    let again = order.post(&path, body).await.ok();
    assert_eq!(first["event"], again["event"]);
    let other = json!({ "status": "FAILED", "error": { "n": 2 } });
    order.post(&path, other.clone()).await.refused(409, "idempotency_key_reused");
    mailer.caller.post(&path, other).await.refused(409, "intent_terminal");
}

#[tokio::test]
async fn a_key_that_is_no_key_is_refused() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    for key in ["", &"x".repeat(256)] {
        let refused = mailer.caller.once(key).post("/v1/intents", intent(&mailer.address)).await;
        refused.refused(422, "schema_invalid");
    }
    mailer.caller.once(&"x".repeat(255)).post("/v1/intents", intent(&mailer.address)).await.ok();
}
