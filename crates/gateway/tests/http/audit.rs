//! The audit: what it tells, to whom, and that it proves itself.

use axme_core::chain::{Hash, Head, Link};
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::world::{Agent, make_tenant};

/// Reads a chain page by page and checks it as a stranger would; answers the bodies.
async fn verify(caller: &Caller<'_>, chain: &str, limit: u32) -> Vec<Option<String>> {
    let (mut head, mut bodies) = (Head::default(), Vec::new());
    loop {
        let after = head.position;
        let path = format!("/v1/audit/chain?chain={chain}&after={after}&limit={limit}");
        let page = caller.get(&path).await.ok();
        for entry in page["entries"].as_array().unwrap() {
            let hash = |field: &str| entry[field].as_str().unwrap().parse::<Hash>().unwrap();
            let body = entry["body"].as_str();
            let link = Link {
                position: entry["position"].as_u64().unwrap(),
                hash: hash("hash"),
                body_hash: hash("body_hash"),
                body: body.map(str::as_bytes),
            };
            head = head.verify(&link).unwrap();
            bodies.push(body.map(str::to_owned));
        }
        if head.position >= page["head"]["position"].as_u64().unwrap() {
            assert_eq!(page["head"]["hash"], json!(head.hash.to_string()));
            return bodies;
        }
        assert!(head.position > after, "{chain} has a gap after {after}");
    }
}

async fn events(caller: &Caller<'_>, query: &str) -> Vec<Value> {
    let listed = caller.get(&format!("/v1/audit/events?{query}")).await.ok();
    listed["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn orders_are_told_with_who_what_when_and_from_where() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner().header("x-request-id", "request-7");
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let events = events(&owner, "action_prefix=agent.registered").await;
    let event = events.first().unwrap();
    assert_eq!((&event["actor_id"], &event["actor_kind"]), (&json!("owner"), &json!("key")));
    assert_eq!(
        (&event["target"], &event["request_id"]),
        (&json!(mailer.address), &json!("request-7"))
    );
    assert_eq!((&event["client_address"], &event["result"]), (&json!("127.0.0.1"), &json!("ok")));
    assert_eq!(event["event_id"], json!(format!("evt_c{}", event["position"])));
    assert_eq!(
        (&event["chain"], &event["after"]["account_id"]),
        (&json!("control"), &json!(mailer.account_id))
    );
}

#[tokio::test]
async fn refusals_and_sign_ins_are_counted_in_the_epochs_chain() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let sender = Agent::make(&gateway, &owner, "sender").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    owner.post_nothing(&sender.path("kill")).await.ok();
    for _ in 0..3 {
        sender.send(&mailer.address).await.refused(403, "agent_killed");
        gateway
            .with_key("axme_sa_sak_nobody")
            .get("/v1/keys")
            .await
            .refused(401, "invalid_platform_api_key");
    }
    owner.get("/v1/keys/self").await.ok();
    gateway.engine().write_observations().await.unwrap();
    let denied = events(&owner, "action_prefix=agent.denied&agent=sender").await;
    let counted: u64 = denied.iter().map(|event| event["details"]["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 3);
    let event = denied.first().unwrap();
    assert_eq!(
        (&event["result"], &event["details"]["reason"]),
        (&json!("refused"), &json!("agent_killed"))
    );
    assert_eq!(event["event_id"], json!(format!("evt_e1_{}", event["position"])));
    let failed = events(&owner, "action_prefix=sign_in.failed").await;
    assert_eq!(failed[0]["client_address"], json!("127.0.0.0"), "by their network");
    assert_eq!(events(&owner, "action_prefix=sign_in.ok").await[0]["actor_id"], json!("owner"));
    assert!(!verify(&owner, "e1", 2).await.is_empty());
}

#[tokio::test]
async fn events_filter_and_page_newest_first() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let sender = Agent::make(&gateway, &owner, "sender").await;
    for round in 0..5 {
        gateway.clock.advance(std::time::Duration::from_secs(10));
        let body = json!({ "reason": format!("round {round}") });
        owner.post(&sender.path("kill"), body).await.ok();
    }
    let kills = events(&owner, "action_prefix=agent.killed").await;
    let reasons: Vec<_> = kills.iter().map(|event| event["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["round 4", "round 3", "round 2", "round 1", "round 0"]);
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/audit/events?action_prefix=agent.killed&limit=2&cursor={cursor}");
        let page = owner.get(&path).await.ok();
        paged.extend(page["events"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(paged, kills);
    let since = kills[1]["at"].as_str().unwrap();
    assert_eq!(
        events(&owner, &format!("since={since}&action_prefix=agent.killed")).await,
        kills[..2]
    );
    assert_eq!(
        events(&owner, &format!("until={since}&action_prefix=agent.killed")).await,
        kills[2..]
    );
    assert_eq!(
        events(&owner, "actor=owner&owner_agent=sender&action_prefix=agent.killed").await,
        kills
    );
    assert!(events(&owner, "actor=somebody").await.is_empty());
    for query in ["limit=0", "limit=x", "since=yesterday", "cursor=1.x.2", "agent=a%20b"] {
        let refused = owner.get(&format!("/v1/audit/events?{query}")).await;
        assert_eq!(refused.status, 422, "{query}");
        refused.error();
    }
    owner.get("/v1/audit/events?agent=nobody").await.refused(404, "agent_not_found");
}

#[tokio::test]
async fn a_tenants_export_verifies_without_the_bodies_of_others() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    let theirs = Agent::make(&gateway, &tenant, "theirs").await;
    let all = verify(&owner, "control", 3).await;
    assert!(all.iter().all(Option::is_some), "the installation's owner reads everything");
    let export = verify(&tenant, "control", 1_000).await;
    assert_eq!(export.len(), all.len());
    let read: Vec<_> = export.into_iter().flatten().collect();
    assert!(read.iter().any(|body| body.contains(&theirs.address)));
    assert!(!read.iter().any(|body| body.contains(&mailer.address)));
    for event in events(&tenant, "limit=500").await {
        assert!(!event.to_string().contains(&mailer.address), "{event}");
    }
    tenant
        .get("/v1/audit/events?agent=agent://default/default/mailer")
        .await
        .refused(404, "agent_not_found");
}

#[tokio::test]
async fn digests_and_metadata_are_for_owners_and_secrets_for_nobody() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let fields = json!({ "name": "Acme", "metadata": { "plan": "gold-plated" } });
    owner.post("/v1/organizations", fields).await.ok();
    let viewer = owner.make_key("viewer", json!({ "scope": "installation" })).await;
    let bodies = verify(&viewer, "control", 1_000).await;
    assert!(bodies.iter().any(Option::is_none) && bodies.iter().any(Option::is_some));
    let shown = viewer.get("/v1/audit/events?limit=500").await.text;
    for text in bodies.into_iter().flatten().chain([shown]) {
        assert!(!text.contains("digest") && !text.contains("gold-plated"), "{text}");
    }
    let token = mailer.caller.key.as_deref().unwrap();
    let all: Vec<_> = verify(&owner, "control", 1_000).await.into_iter().flatten().collect();
    let secret = token.rsplit('_').next().unwrap();
    assert!(!all.iter().any(|body| body.contains(secret)));
}

#[tokio::test]
async fn a_chain_that_is_not_there_is_not_found() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let chains = owner.get("/v1/audit/chain").await.ok()["chains"].clone();
    assert!(chains.as_array().unwrap().contains(&json!("control")));
    for chain in ["e77", "e", "x", "e01"] {
        let refused = owner.get(&format!("/v1/audit/chain?chain={chain}")).await;
        refused.refused(404, "chain_not_found");
    }
    owner.get("/v1/audit/chain?limit=0").await.refused(422, "schema_invalid");
    owner.get("/v1/audit/chain?after=-1").await.refused(422, "schema_invalid");
}

#[tokio::test]
async fn a_table_holds_what_the_list_holds_and_no_formulas() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let sender = Agent::make(&gateway, &owner, "sender").await;
    let reason = "=HYPERLINK(\"http://x\"), \"now\"";
    owner.post(&sender.path("kill"), json!({ "reason": reason })).await.ok();
    let table = owner.get("/v1/audit/events.csv?action_prefix=agent.").await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(table.headers["content-disposition"], "attachment; filename=\"audit.csv\"");
    assert!(!table.headers.contains_key("x-next-cursor"));
    let rows: Vec<_> = table.text.lines().collect();
    let listed = events(&owner, "action_prefix=agent.").await;
    assert_eq!(rows.len(), listed.len() + 1, "{}", table.text);
    assert!(rows[0].starts_with("at,action,result,actor_id,"));
    assert!(rows[1].contains(r#","'=HYPERLINK(""http://x""), ""now""","#), "{}", rows[1]);
    let first = owner.get("/v1/audit/events.csv?action_prefix=agent.&limit=1").await;
    let cursor = first.headers["x-next-cursor"].to_str().unwrap();
    let path = format!("/v1/audit/events.csv?action_prefix=agent.&limit=1&cursor={cursor}");
    let second = owner.get(&path).await.text;
    assert_eq!(second.lines().nth(1), rows.get(2).copied());
    owner.get("/v1/audit/events.csv?limit=0").await.refused(422, "schema_invalid");
}

#[tokio::test]
async fn the_gateway_says_how_far_it_has_checked_its_audit() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    Agent::make(&gateway, &owner, "mailer").await;
    owner.get("/v1/keys/self").await.ok();
    gateway.engine().write_observations().await.unwrap();
    let first = owner.get("/v1/audit/verified").await.ok();
    assert_eq!((&first["complete"], &first["faults"]), (&json!(true), &json!([])), "{first}");
    assert_eq!(first["control"]["verified_to"], json!(gateway.revision()));
    let seen = &first["observations"];
    assert_eq!((&seen["chains"], &seen["verified_chains"]), (&json!(1), &json!(1)));
    assert_eq!(seen["entries"], seen["verified_entries"]);
    Agent::make(&gateway, &owner, "reporter").await;
    let second = owner.get("/v1/audit/verified").await.ok();
    assert_eq!(second["control"]["verified_to"], json!(gateway.revision()));
    assert_eq!(second["begun_at"], first["begun_at"], "it goes on from there");
}
