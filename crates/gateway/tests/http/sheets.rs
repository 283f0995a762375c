//! What an operator is shown before a kill, before a resume, and afterwards.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::world::Agent;

async fn see(owner: &Caller<'_>, agent: &Agent<'_>, page: &str) -> Value {
    owner.get(&agent.path(page)).await.ok()
}

#[tokio::test]
async fn a_kill_says_before_what_it_would_hit() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let reporter = Agent::make(&gateway, &owner, "reporter").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    mailer.caller.post("/v1/mesh/heartbeat", json!({ "instance_id": "w1" })).await.ok();
    for _ in 0..3 {
        campaign.send(&mailer.address).await.ok();
    }
    reporter.send(&mailer.address).await.ok();
    mailer.send(&mailer.address).await.ok();
    mailer.send(&campaign.address).await.ok();
    let hit = see(&owner, &mailer, "blast-radius").await;
    assert_eq!(hit["instances"], json!({ "live": 1, "total": 1 }));
    let counts = ["queued_to", "queued_from", "delivered_unfinished", "open_streams"];
    assert_eq!(
        counts.map(|name| &hit[name]),
        [&json!(5), &json!(2), &json!(0), &json!(0)],
        "{hit}"
    );
    let most = json!([
        { "address": campaign.address, "intents": 3 },
        { "address": reporter.address, "intents": 1 },
    ]);
    assert_eq!((&hit["senders"]["agents"], &hit["senders"]["most"]), (&json!(2), &most));
    assert_eq!(hit["senders"]["at_least"], json!(false));
    assert_eq!(hit["sources"]["queued_to"], json!("ledger"));

    // What is handed over is not queued any more.
    let path = mailer.stream_path().replace("wait_seconds=30", "wait_seconds=1");
    assert_eq!(mailer.caller.stream(&path).await.status, 200);
    let open = mailer.caller.open(&mailer.stream_path()).await;
    let hit = see(&owner, &mailer, "blast-radius").await;
    assert_eq!(
        counts.map(|name| &hit[name]),
        [&json!(0), &json!(1), &json!(5), &json!(1)],
        "{hit}"
    );
    drop(open);
    mailer.caller.get(&mailer.path("blast-radius")).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_resume_says_before_why_it_was_stopped_and_what_will_flow() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    campaign.send(&mailer.address).await.ok();
    gateway.clock.advance(Duration::from_secs(60));
    mailer.send(&campaign.address).await.ok();
    let killed = owner.post(&mailer.path("kill"), json!({ "reason": "broken link" })).await.ok();
    owner.post(&mailer.path("kill"), json!({ "reason": "still broken" })).await.ok();
    gateway.clock.advance(Duration::from_secs(780));
    let preview = see(&owner, &mailer, "resume-preview").await;
    assert_eq!(
        (&preview["run_state"], &preview["stays_stopped"]),
        (&json!("killed"), &json!(false))
    );
    let holds = preview["holds"].as_array().unwrap();
    let reasons: Vec<_> = holds.iter().map(|hold| hold["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["broken link", "still broken"]);
    let first = &holds[0];
    assert_eq!((&first["kill_id"], &first["revision"]), (&killed["kill_id"], &killed["revision"]));
    assert_eq!(
        (&first["by"], &first["mode"], &first["on"]),
        (&json!("owner"), &json!("halt"), &json!("agent"))
    );
    let held = &preview["held"];
    assert_eq!(
        (&held["total"], &held["to_it"], &held["from_it"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(held["oldest_age_seconds"], json!(840));

    let resume = json!({ "revision": preview["revision"] });
    assert_eq!(owner.post(&mailer.path("resume"), resume).await.ok()["status"], json!("active"));
    let preview = see(&owner, &mailer, "resume-preview").await;
    assert_eq!((&preview["run_state"], &preview["holds"]), (&json!("active"), &json!([])));
}

#[tokio::test]
async fn an_incident_is_told_from_before_the_kill_until_the_resume() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let other = Agent::make(&gateway, &owner, "other").await;
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    gateway.clock.advance(Duration::from_secs(100));
    let killed = owner.post(&campaign.path("kill"), json!({ "reason": "runs wild" })).await.ok();
    owner.post_nothing(&other.path("kill")).await.ok();
    for _ in 0..3 {
        campaign.send(&other.address).await.refused(403, "agent_killed");
    }
    gateway.clock.advance(Duration::from_secs(60));
    campaign.send(&other.address).await.refused(403, "agent_killed");
    owner.post_nothing(&campaign.path("kill")).await.ok();
    gateway.engine().write_observations().await.unwrap();
    let path = format!("/v1/mesh/incidents/{}", killed["kill_id"].as_str().unwrap());
    let told = owner.get(&path).await.ok();
    assert_eq!(told["kill"]["reason"], json!("runs wild"));
    let phases = |told: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        // The ticker that looks at health runs by the machine's time.
        let ordered = |one: &&Value| one["event"]["event_type"] != json!("agent.health_changed");
        let entries = told["timeline"].as_array().unwrap().iter().filter(ordered);
        entries.map(|one| (text(&one["phase"]), text(&one["event"]["event_type"]))).collect()
    };
    let wanted =
        [("before", "agent.registered"), ("kill", "agent.killed"), ("during", "agent.killed")];
    let owned = |phases: &[(&str, &str)]| -> Vec<(String, String)> {
        phases.iter().map(|(phase, event)| ((*phase).to_owned(), (*event).to_owned())).collect()
    };
    assert_eq!(phases(&told), owned(&wanted));
    let denials = &told["denials"];
    assert_eq!(denials["reasons"], json!([{ "reason": "agent_killed", "count": 4 }]));
    assert_eq!((&denials["total"], &denials["at_least"]), (&json!(4), &json!(true)));
    let minutes: Vec<_> =
        denials["minutes"].as_array().unwrap().iter().map(|minute| &minute["count"]).collect();
    assert_eq!(minutes, [&json!(3), &json!(1)]);

    gateway.clock.advance(Duration::from_secs(60));
    owner.post_nothing(&campaign.path("resume")).await.ok();
    gateway.clock.advance(Duration::from_secs(60));
    owner.post_nothing(&campaign.path("kill")).await.ok();
    let told = owner.get(&path).await.ok();
    let wanted = [&wanted[..], &[("resume", "agent.resumed")]].concat();
    assert_eq!(phases(&told), owned(&wanted), "what came later is another incident");
    assert_eq!(told["denials"]["at_least"], json!(false));
    assert_eq!(told["until"], told["kill"]["resumed_at"]);
    assert_eq!(told["sources"]["denials"], json!("gateway"));
}
