//! What an agent may send and receive, and how much: set by operators, enforced on every intent.

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::{Agent, intent, make_tenant};

/// An intent of some type.
fn of_type(to: &Agent<'_>, intent_type: &str) -> Value {
    let mut body = intent(&to.address);
    body["intent_type"] = json!(intent_type);
    body
}

async fn agents<'a>(gateway: &'a Gateway) -> (Agent<'a>, Agent<'a>) {
    let owner = gateway.owner();
    let campaign = Agent::make(gateway, &owner, "campaign").await;
    (campaign, Agent::make(gateway, &owner, "mailer").await)
}

#[tokio::test]
async fn an_allowlist_lets_through_what_it_names_and_nothing_else() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    let allow = json!({
        "direction": "send", "policy_type": "allowlist", "intent_types": ["intent.mail.*"],
    });
    let set = owner.call("PUT", &campaign.path("policies/action"), Some(allow)).await.ok();
    let policy = &set["policy"];
    assert_eq!(policy["mode"], json!("allowlist"));
    assert_eq!(policy["patterns"], json!(["intent.mail.*"]));
    assert_eq!(policy["updated_by"], json!("owner"));
    let send = async |of| campaign.caller.post("/v1/intents", of_type(&mailer, of)).await;
    send("intent.mail.newsletter.v1").await.ok();
    let refused = send("intent.refund.v1").await.refused(403, "action_not_allowed");
    assert_eq!(refused["details"]["direction"], json!("send"));
    assert_eq!(refused["details"]["address"], json!(campaign.address));
    assert_eq!(refused["retryable"], json!(false), "no published client sends it again");
    let path = campaign.path("policies/action/send");
    assert_eq!(owner.call("DELETE", &path, None).await.ok()["removed"], json!(true));
    send("intent.refund.v1").await.ok();
}

#[tokio::test]
async fn the_receivers_policy_counts_too_and_the_senders_comes_first() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    let deny = |way| json!({ "direction": way, "mode": "denylist", "patterns": ["intent.demo.*"] });
    owner.call("PUT", &mailer.path("policies/action"), Some(deny("receive"))).await.ok();
    let refused = campaign.send(&mailer.address).await.refused(403, "action_not_allowed");
    assert_eq!(refused["details"]["direction"], json!("receive"));
    owner.call("PUT", &campaign.path("policies/action"), Some(deny("send"))).await.ok();
    let refused = campaign.send(&mailer.address).await.refused(403, "action_not_allowed");
    assert_eq!(refused["details"]["direction"], json!("send"));
    mailer.send(&campaign.address).await.ok();
    // Who is stopped learns that, and nothing about policies.
    owner.post_nothing(&campaign.path("kill")).await.ok();
    campaign.send(&mailer.address).await.refused(403, "agent_killed");
}

#[tokio::test]
async fn the_intent_beyond_the_limit_is_refused_with_when_it_goes_on() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    let limit = json!({ "max_intents_per_hour": 2, "max_cost_per_day_usd": 20 });
    let set = owner.call("PUT", &campaign.path("policies/cost"), Some(limit)).await.ok();
    assert_eq!(set["policy"]["action_on_breach"], json!("block"));
    assert_eq!(set["policy"]["max_intents_per_day"], Value::Null);
    for _ in 0..2 {
        campaign.send(&mailer.address).await.ok();
    }
    let answer = campaign.send(&mailer.address).await;
    assert_eq!(answer.headers["retry-after"], "1", "clients sleep as long as this says");
    let refused = answer.refused(429, "cost_limit_exceeded");
    let details = &refused["details"];
    assert_eq!(
        (&details["dimension"], &details["used"], &details["limit"]),
        (&json!("intents_per_hour"), &json!(2), &json!(2))
    );
    assert!(details["reset_at"].as_str().unwrap().ends_with(":00:00.000000Z"), "{details}");
    let usage = owner.get(&campaign.path("policies")).await.ok()["usage"].clone();
    assert_eq!((&usage["intents_this_hour"], &usage["intents_today"]), (&json!(2), &json!(2)));
    gateway.clock.advance(std::time::Duration::from_secs(60 * 60));
    campaign.send(&mailer.address).await.ok();
}

#[tokio::test]
async fn a_limit_counts_what_was_sent_before_it_was_set() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    for _ in 0..3 {
        campaign.send(&mailer.address).await.ok();
    }
    let limit = json!({ "max_intents_per_day": 3 });
    owner.call("PUT", &campaign.path("policies/cost"), Some(limit)).await.ok();
    campaign.send(&mailer.address).await.refused(429, "cost_limit_exceeded");
    mailer.send(&campaign.address).await.ok();
    assert_eq!(
        owner.call("DELETE", &campaign.path("policies/cost"), None).await.ok()["removed"],
        json!(true)
    );
    campaign.send(&mailer.address).await.ok();
}

#[tokio::test]
async fn what_a_heartbeat_reports_uses_the_cost_limit_up() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    let limit = json!({ "max_cost_per_day_usd": 1.5 });
    owner.call("PUT", &campaign.path("policies/cost"), Some(limit)).await.ok();
    campaign.send(&mailer.address).await.ok();
    let beat = json!({ "metrics": { "intents_total": 1, "cost_usd": 1.75 } });
    campaign.caller.post("/v1/mesh/heartbeat", beat).await.ok();
    let refused = campaign.send(&mailer.address).await.refused(429, "cost_limit_exceeded");
    let details = &refused["details"];
    assert_eq!(
        (&details["dimension"], &details["used"], &details["limit"]),
        (&json!("cost_usd_per_day"), &json!(1.75), &json!(1.5))
    );
}

#[tokio::test]
async fn an_alert_only_records_that_the_limit_was_passed() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    let limit = json!({ "max_intents_per_day": 1, "action_on_breach": "alert" });
    owner.call("PUT", &campaign.path("policies/cost"), Some(limit)).await.ok();
    for _ in 0..4 {
        campaign.send(&mailer.address).await.ok();
    }
    gateway.engine().write_observations().await.unwrap();
    let events = owner.get("/v1/mesh/events?event_type=policy.cost_breached").await.ok();
    let events = events["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "once for the day, with how often: {events:?}");
    let details = &events[0]["details"];
    assert_eq!((&details["dimension"], &details["count"]), (&json!("intents_per_day"), &json!(3)));
}

#[tokio::test]
async fn beyond_a_limit_that_asks_an_intent_waits_until_an_operator_lets_it_go() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    let limit = json!({ "max_intents_per_day": 0, "action_on_breach": "require_approval" });
    owner.call("PUT", &campaign.path("policies/cost"), Some(limit)).await.ok();
    let made = campaign.send(&mailer.address).await.ok();
    assert_eq!(made["status"], json!("WAITING"));
    let path = format!("/v1/intents/{}", made["intent_id"].as_str().unwrap());
    let stream = mailer.stream_path().replace("wait_seconds=30", "wait_seconds=1");
    let heard = mailer.caller.stream(&stream).await;
    assert!(!heard.text.contains("intent_id"), "{}", heard.text);
    mailer.caller.get(&path).await.refused(404, "intent_not_found");

    let (resume, approve) = (format!("{path}/resume"), json!({ "approve_current_step": true }));
    campaign.caller.post(&resume, approve.clone()).await.refused(403, "forbidden");
    mailer.caller.post(&resume, approve.clone()).await.refused(403, "forbidden");
    let withheld = json!({ "approve_current_step": false });
    assert_eq!(owner.post(&resume, withheld).await.ok()["applied"], json!(false));
    assert_eq!(owner.post(&resume, approve.clone()).await.ok()["applied"], json!(true));
    let heard = mailer.caller.stream(&stream).await;
    assert!(heard.text.contains(made["intent_id"].as_str().unwrap()), "{}", heard.text);
    let again = owner.post(&resume, approve).await.ok();
    assert_eq!((&again["applied"], &again["reason"]), (&json!(false), &json!("not_waiting")));
}

#[tokio::test]
async fn a_change_is_in_the_audit_with_before_and_after() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, _mailer) = agents(&gateway).await;
    for limit in [10, 20] {
        let limit = json!({ "max_intents_per_day": limit });
        owner.call("PUT", &campaign.path("policies/cost"), Some(limit)).await.ok();
    }
    let changed = owner.get("/v1/audit/events?action_prefix=agent.policy_changed").await.ok();
    let last = &changed["events"][0];
    assert_eq!(last["before"]["cost"]["max_intents_per_day"], json!(10));
    assert_eq!(last["after"]["cost"]["max_intents_per_day"], json!(20));
    let revision = gateway.revision();
    let same = json!({ "max_intents_per_day": 20 });
    owner.call("PUT", &campaign.path("policies/cost"), Some(same)).await.ok();
    assert_eq!(gateway.revision(), revision, "the same again is no change");
}

#[tokio::test]
async fn an_agent_reads_its_own_policies_and_changes_none() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, mailer) = agents(&gateway).await;
    let none = campaign.caller.get(&campaign.path("policies")).await.ok();
    assert_eq!(none["policies"], json!({ "action": [], "cost": null }), "nothing is set");
    campaign.caller.get(&mailer.path("policies")).await.refused(404, "agent_not_found");
    let limit = json!({ "max_intents_per_day": 1_000_000 });
    let own = campaign.caller.call("PUT", &campaign.path("policies/cost"), Some(limit)).await;
    own.refused(403, "forbidden");
    let viewer = owner.make_key("viewer", json!({})).await;
    viewer.get(&campaign.path("policies/cost")).await.ok();
    let delete = viewer.call("DELETE", &campaign.path("policies/cost"), None).await;
    delete.refused(403, "forbidden");
    let (stranger, ..) = make_tenant(&gateway, "Other").await;
    let foreign = stranger.call("PUT", &campaign.path("policies/cost"), Some(json!({}))).await;
    foreign.refused(404, "agent_not_found");
}

#[tokio::test]
async fn what_is_no_policy_is_refused_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (campaign, _mailer) = agents(&gateway).await;
    let revision = gateway.revision();
    let (action, cost) = (campaign.path("policies/action"), campaign.path("policies/cost"));
    for (path, body, names) in [
        (&action, json!({ "direction": "up", "mode": "open" }), "direction"),
        (&action, json!({ "direction": "send", "mode": "some" }), "mode"),
        (
            &action,
            json!({ "direction": "send", "mode": "allowlist", "patterns": ["a.*", "A B"] }),
            "patterns.1",
        ),
        (&cost, json!({ "max_intents_per_day": -1 }), "max_intents_per_day"),
        (&cost, json!({ "max_intents_per_day": 1.5 }), "max_intents_per_day"),
        (&cost, json!({ "max_cost_per_day_usd": -0.5 }), "max_cost_per_day_usd"),
        (&cost, json!({ "max_cost_per_day_usd": 1e300 }), "max_cost_per_day_usd"),
        (&cost, json!({ "action_on_breach": "explode" }), "action_on_breach"),
        // Passed over, it would be a limit that nobody enforces.
        (&cost, json!({ "max_intents_per_minute": 5 }), "max_intents_per_minute"),
    ] {
        let answer = owner.call("PUT", path, Some(body)).await;
        let text = answer.text.clone();
        answer.refused(422, "schema_invalid");
        assert!(text.contains(names), "{names}: {text}");
    }
    let many = vec!["*"; 257];
    let many = json!({ "direction": "send", "mode": "denylist", "patterns": many });
    owner.call("PUT", &action, Some(many)).await.refused(429, "quota_exceeded");
    let unknown = campaign.path("policies/action/sideways");
    owner.call("DELETE", &unknown, None).await.refused(404, "policy_not_found");
    let nobody = owner.call("DELETE", &campaign.path("policies/cost"), None).await.ok();
    assert_eq!(nobody["removed"], json!(false), "there was none");
    assert_eq!(gateway.revision(), revision, "nothing was ordered");
}
