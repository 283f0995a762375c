//! What waits while an agent is stopped, and how it flows afterwards.

use serde_json::json;

use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::world::Agent;

/// The intents that a stream of this agent hands over within a second, in their order.
async fn hear(agent: &Agent<'_>) -> Vec<String> {
    let path = agent.stream_path().replace("wait_seconds=30", "wait_seconds=1");
    let heard = agent.caller.stream(&path).await;
    assert_eq!(heard.status, 200, "{}", heard.text);
    assert!(heard.text.contains("event: stream.timeout\n"), "it ended by itself: {}", heard.text);
    let frames = heard.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let frames = frames.map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap());
    frames.filter_map(|frame| frame["intent_id"].as_str().map(str::to_owned)).collect()
}

async fn send(from: &Agent<'_>, to: &Agent<'_>, count: usize) -> Vec<String> {
    let mut sent = Vec::new();
    for _ in 0..count {
        let made = from.send(&to.address).await.ok();
        sent.push(made["intent_id"].as_str().unwrap().to_owned());
    }
    sent
}

async fn status(owner: &Caller<'_>, intent: &str) -> String {
    let found = owner.get(&format!("/v1/intents/{intent}")).await.ok();
    found["intent"]["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn intents_of_a_killed_sender_wait_and_flow_in_order_after_its_resume() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let other = Agent::make(&gateway, &owner, "other").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let held = send(&campaign, &mailer, 3).await;
    owner.post_nothing(&campaign.path("kill")).await.ok();
    let meanwhile = send(&other, &mailer, 2).await;
    assert_eq!(hear(&mailer).await, meanwhile, "others' intents flow");
    for id in &held {
        assert_ne!(status(&owner, id).await, "DELIVERED");
    }
    owner.post_nothing(&campaign.path("resume")).await.ok();
    // Their receiver reads on from where it was and misses none of them.
    let seen = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        loop {
            let seen: Vec<_> =
                hear(&mailer).await.into_iter().filter(|id| held.contains(id)).collect();
            if !seen.is_empty() {
                return seen;
            }
        }
    });
    assert_eq!(seen.await.unwrap(), held);
}

#[tokio::test]
async fn a_waiting_stream_is_woken_by_the_resume_of_a_sender() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let held = send(&campaign, &mailer, 2).await;
    owner.post_nothing(&campaign.path("kill")).await.ok();
    let path = mailer.stream_path();
    let listening = mailer.caller.stream(&path);
    let resuming = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        owner.post_nothing(&campaign.path("resume")).await.ok()
    };
    let (heard, _) = tokio::join!(listening, resuming);
    let places: Vec<_> = held.iter().map(|id| heard.text.find(id.as_str())).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{}", heard.text);
}

#[tokio::test]
async fn the_queue_of_a_killed_receiver_waits_for_its_resume() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let queued = send(&campaign, &mailer, 3).await;
    owner.post_nothing(&mailer.path("kill")).await.ok();
    campaign.send(&mailer.address).await.refused(403, "agent_killed");
    mailer.caller.get(&mailer.stream_path()).await.refused(403, "agent_killed");
    // An operator's key opens no way around it either.
    owner.get(&mailer.stream_path()).await.refused(403, "agent_killed");
    owner.post_nothing(&mailer.path("resume")).await.ok();
    assert_eq!(hear(&mailer).await, queued);
}

#[tokio::test]
async fn counts_are_exact() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    send(&campaign, &mailer, 4).await;
    owner.post_nothing(&campaign.path("kill")).await.ok();
    for _ in 0..3 {
        campaign.send(&mailer.address).await.refused(403, "agent_killed");
    }
    let seen = owner.get(&format!("/v1/mesh/agents/{}", campaign.address_id)).await.ok();
    let counts = &seen["agent"]["counts"];
    assert_eq!((&counts["admitted"], &counts["denied"]), (&json!(4), &json!(3)), "{counts}");
    let listed = owner.get("/v1/intents?limit=500").await.ok();
    assert_eq!(listed["intents"].as_array().unwrap().len(), 4);
}
