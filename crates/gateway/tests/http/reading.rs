//! The list of agents: searched, filtered, sorted and paged; and how a workspace stands.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::world::Agent;

const LIST: &str = "/v1/mesh/agents";
const BEAT: &str = "/v1/mesh/heartbeat";

async fn list(caller: &Caller<'_>, query: &str) -> Value {
    caller.get(&format!("{LIST}?{query}")).await.ok()
}

/// The names of the agents of a page, in its order.
fn names(page: &Value) -> Vec<&str> {
    let agents = page["agents"].as_array().unwrap().iter();
    agents.map(|agent| agent["address"].as_str().unwrap().rsplit('/').next().unwrap()).collect()
}

async fn beat(agent: &Agent<'_>, intents: u64, cost: f64) {
    let metrics = json!({ "intents_total": intents, "cost_usd": cost });
    agent.caller.post(BEAT, json!({ "metrics": metrics, "instance_id": "w1" })).await.ok();
}

async fn kill(owner: &Caller<'_>, agent: &Agent<'_>) -> Value {
    owner.post(&agent.path("kill"), json!({ "wait_instances_ms": 0 })).await.ok()
}

#[tokio::test]
async fn a_search_finds_names_and_addresses_and_counts_what_it_matches() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let named = json!({ "name": "mail-1", "display_name": "Postmäster <b>" });
    owner.post("/v1/service-accounts", named).await.ok();
    let second = Agent::make(&gateway, &owner, "mail-2").await;
    Agent::make(&gateway, &owner, "reporter").await;
    kill(&owner, &second).await;
    assert_eq!(names(&list(&owner, "search=MAIL-").await), ["mail-1", "mail-2"]);
    assert_eq!(names(&list(&owner, "search=POSTM%C3%84STER%20%3Cb%3E").await), ["mail-1"]);
    assert_eq!(names(&list(&owner, "search=%20%20").await).len(), 3, "that is no search");
    assert!(names(&list(&owner, "search=nobody").await).is_empty());

    let found = list(&owner, "search=mail&run_state=killed").await;
    assert_eq!(names(&found), ["mail-2"]);
    let summary = &found["summary"];
    let counts = ["total", "killed", "active", "unknown"].map(|name| &summary[name]);
    assert_eq!(counts, [&json!(2), &json!(1), &json!(1), &json!(1)], "{summary}");
    assert_eq!(names(&list(&owner, "run_state=active").await), ["mail-1", "reporter"]);
    assert!(names(&list(&owner, "run_state=asleep").await).is_empty());
    assert_eq!(names(&list(&owner, "search=mail&limit=1").await), ["mail-1"]);
    let next = list(&owner, "search=mail&limit=1").await["next_cursor"].clone();
    let query = format!("search=mail&limit=1&cursor={}", next.as_str().unwrap());
    assert_eq!(names(&list(&owner, &query).await), ["mail-2"]);

    let longest = "x".repeat(200);
    list(&owner, &format!("search={longest}")).await;
    let refused = owner.get(&format!("{LIST}?search={longest}x")).await;
    refused.refused(422, "schema_invalid");
    let own = list(&second.caller, "search=mail&sort=name").await;
    assert_eq!((names(&own), &own["summary"]["total"]), (vec!["mail-2"], &json!(1)));
}

#[tokio::test]
async fn agents_stand_in_the_order_that_is_asked_for() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let mut agents = Vec::new();
    for name in ["aa-1", "bb-2", "cc-3", "dd-4"] {
        agents.push(Agent::make(&gateway, &owner, name).await);
    }
    let [first, second, third, fourth] = agents.as_slice() else { panic!("four were made") };
    beat(first, 5, 1.0).await;
    gateway.clock.advance(Duration::from_secs(1));
    beat(second, 1, 3.0).await;
    gateway.clock.advance(Duration::from_secs(400));
    beat(third, 2, 0.5).await;
    kill(&owner, fourth).await;
    let in_order = async |sort: &str| {
        let page = list(&owner, &format!("sort={sort}")).await;
        names(&page).into_iter().map(|name| name[..2].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(in_order("trouble").await, "aa bb dd cc", "silent, stopped, healthy");
    assert_eq!(in_order("address").await, "aa bb cc dd");
    assert_eq!(in_order("-address").await, "dd cc bb aa");
    assert_eq!(in_order("-cost").await, "bb aa cc dd");
    assert_eq!(in_order("cost").await, "dd cc aa bb");
    assert_eq!(in_order("-intents").await, "aa cc bb dd");
    assert_eq!(in_order("-last_heartbeat").await, "cc bb aa dd");
    assert_eq!(in_order("last_heartbeat").await, "dd aa bb cc", "who was never heard comes first");
    assert_eq!(in_order("health").await, "cc aa bb dd");
    assert_eq!(in_order("-name").await, "dd cc bb aa");

    let page = list(&owner, "sort=-cost&limit=3").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = list(&owner, &format!("sort=-cost&limit=3&cursor={cursor}")).await;
    assert_eq!((names(&rest), &rest["next_cursor"]), (vec!["dd-4"], &Value::Null));
    assert_eq!(names(&list(&owner, "sort=-cost&offset=3").await), ["dd-4"]);
    assert_eq!(names(&list(&owner, "offset=2&limit=1").await), ["cc-3"]);
    assert!(names(&list(&owner, "sort=cost&offset=4000000000").await).is_empty());
    let bad = ["sort=size", "sort=-", &format!("cursor={cursor}"), "sort=cost&cursor=offset-x"];
    for query in bad {
        owner.get(&format!("{LIST}?{query}")).await.refused(422, "schema_invalid");
    }
}

#[tokio::test]
async fn a_row_says_how_many_copies_run_and_how_old_its_cost_is() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    Agent::make(&gateway, &owner, "silent").await;
    beat(&mailer, 3, 0.25).await;
    mailer.caller.post(BEAT, json!({ "instance_id": "w2", "ending": true })).await.ok();
    // What was heard is in the store then.
    owner.get(&mailer.path("instances")).await.ok();
    let row = async |name: &str| {
        let page = list(&owner, &format!("search={name}")).await;
        page["agents"][0].clone()
    };
    let seen = row("mailer").await;
    assert_eq!(seen["instances"], json!({ "live": 1, "total": 1 }), "one has ended");
    assert_eq!(seen["cost_reported_at"], json!("2026-03-01T09:00:12.000000Z"));
    assert_eq!(seen["run_state"], json!("active"));
    gateway.clock.advance(Duration::from_secs(400));
    assert_eq!(row("mailer").await["instances"], json!({ "live": 0, "total": 1 }));
    let silent = row("silent").await;
    assert_eq!(silent["instances"], json!({ "live": 0, "total": 0 }));
    assert_eq!(silent["cost_reported_at"], Value::Null);
    let by_instances = list(&owner, "sort=-instances").await;
    assert_eq!(names(&by_instances), ["mailer", "silent"]);
}

#[tokio::test]
async fn one_sentence_says_how_the_workspace_stands() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let quiet = Agent::make(&gateway, &owner, "quiet").await;
    Agent::make(&gateway, &owner, "fresh").await;
    for agent in [&campaign, &mailer, &quiet] {
        beat(agent, 0, 0.0).await;
    }
    for _ in 0..20 {
        campaign.send(&mailer.address).await.ok();
    }
    gateway.clock.advance(Duration::from_secs(1));
    let stands = async || owner.get("/v1/mesh/summary").await.ok();
    let sentence =
        "no agent stopped, none needs you, 3 running; admitted 2.0/s; replicas 1 of 1 fresh";
    assert_eq!(stands().await["sentence"], json!(sentence));

    kill(&owner, &mailer).await;
    let now = stands().await;
    assert_eq!(
        (&now["stopped"]["killed"], &now["needs"]["agents"]),
        (&json!(1), &json!(0)),
        "{now}"
    );
    // Its instance has not said that it stopped; and another agent goes silent.
    gateway.clock.advance(Duration::from_secs(400));
    beat(&campaign, 0, 0.0).await;
    let now = stands().await;
    let sentence = "1 agent stopped, 2 need you, 1 running; admitted 0/s; replicas 1 of 1 fresh";
    assert_eq!(now["sentence"], json!(sentence));
    let needs = &now["needs"];
    assert_eq!((&needs["unreachable"], &needs["not_stopped"]), (&json!(1), &json!(1)));
    assert_eq!((&now["agents"], &now["unknown"]), (&json!(4), &json!(1)));
    mailer.caller.get("/v1/mesh/summary").await.refused(403, "forbidden");
}
