//! What a workspace and its agents used.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::{Agent, home, make_tenant};

async fn report(agent: &Agent<'_>, intents: u64, cost: f64) {
    let metrics = json!({ "intents_total": intents, "cost_usd": cost });
    agent.caller.post("/v1/mesh/heartbeat", json!({ "metrics": metrics })).await.ok();
}

#[tokio::test]
async fn usage_is_summed_by_day_and_by_agent() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let cheap = Agent::make(&gateway, &owner, "cheap").await;
    let dear = Agent::make(&gateway, &owner, "dear").await;
    Agent::make(&gateway, &owner, "silent").await;
    report(&cheap, 5, 0.5).await;
    gateway.clock.advance(Duration::from_secs(24 * 60 * 60));
    report(&cheap, 7, 0.25).await;
    report(&dear, 1, 9.5).await;
    cheap.send(&dear.address).await.ok();
    gateway.clock.advance(Duration::from_secs(1));

    let (org, workspace) = home(&owner).await;
    let today = owner.get("/v1/usage/summary").await.ok()["summary"].clone();
    assert_eq!((&today["org_id"], &today["workspace_id"]), (&json!(org), &json!(workspace)));
    let intents = &today["dimensions"]["intents_per_day"];
    assert_eq!(intents, &json!({ "used": 8, "limit": null, "remaining": null }));
    assert_eq!(today["dimensions"]["requests_per_minute"]["used"], json!(1));
    assert_eq!(today["dimensions"]["media_storage_bytes"]["used"], json!(0));
    assert_eq!(today["cost_usd"], json!(9.75));
    assert_eq!(today["window_start"], json!("2026-03-02T00:00:00.000000Z"));
    let week = owner.get("/v1/usage/summary?window=week").await.ok()["summary"].clone();
    assert_eq!(week["dimensions"]["intents_per_day"]["used"], json!(13));

    let series = owner.get("/v1/usage/timeseries?window_days=3").await.ok()["series"].clone();
    let points = series["points"].as_array().unwrap();
    let intents: Vec<_> =
        points.iter().map(|point| &point["dimensions"]["intents_per_day"]).collect();
    assert_eq!(intents, [&json!(0), &json!(5), &json!(8)]);
    assert_eq!(series["granularity"], json!("day"));
    let default = owner.get("/v1/usage/timeseries").await.ok();
    assert_eq!(default["series"]["points"].as_array().unwrap().len(), 30);

    let listed = owner.get("/v1/usage/agents?days=2").await.ok();
    let rows = listed["agents"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["display_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dear", "cheap"], "those that cost most first");
    assert_eq!(
        rows[1]["days"],
        json!([{ "intents": 5, "cost_usd": 0.5 }, { "intents": 7, "cost_usd": 0.25 }])
    );
    assert_eq!((&listed["total"], &listed["intents"]), (&json!(2), &json!(13)));
    assert_eq!(listed["cost_usd"], json!(10.25));
    let page = owner.get("/v1/usage/agents?limit=1").await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = owner.get(&format!("/v1/usage/agents?limit=1&cursor={cursor}")).await.ok();
    assert_eq!(rest["agents"][0]["display_name"], json!("cheap"));
    assert_eq!(rest["next_cursor"], Value::Null);
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    assert_eq!(tenant.get("/v1/usage/agents").await.ok()["total"], json!(0));
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    for path in [
        "/v1/usage/summary?window=year",
        "/v1/usage/timeseries?window_days=0",
        "/v1/usage/timeseries?window_days=91",
        "/v1/usage/agents?days=91",
        "/v1/usage/agents?limit=0",
        "/v1/usage/agents?cursor=x",
    ] {
        owner.get(path).await.refused(422, "schema_invalid");
    }
    let (_, _, theirs) = make_tenant(&gateway, "Elsewhere").await;
    let beside = owner.make_key("viewer", json!({})).await;
    let path = format!("/v1/usage/summary?workspace_id={theirs}");
    beside.get(&path).await.refused(404, "workspace_not_found");
}
