//! Keys: what they may be, whom they make, how they end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::{Agent, home, intent, make_tenant, make_workspace};

fn new(role: &str, fields: Value) -> Value {
    let mut body = json!({ "name": "new", "role": role });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_key_is_told_once_and_described_ever_after() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (org, workspace) = home(&owner).await;
    let made = owner.post("/v1/keys", new("viewer", json!({}))).await.ok()["key"].clone();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with(&format!("axme_sa_{}_", made["key_id"].as_str().unwrap())));
    assert_eq!((&made["org_id"], &made["workspace_id"]), (&json!(org), &json!(workspace)));
    assert_eq!((&made["created_by"], &made["status"]), (&json!("owner"), &json!("active")));
    assert_eq!(made["last_used_at"], Value::Null);
    assert!(token.ends_with(made["key_hint"].as_str().unwrap().trim_start_matches('…')));

    let viewer = gateway.with_key(token);
    let own = viewer.get("/v1/keys/self").await.ok();
    assert_eq!((&own["key"]["key_id"], &own["agent"]), (&made["key_id"], &Value::Null));
    assert_eq!(own["workspace"]["workspace_id"], json!(workspace));
    let listed = owner.get("/v1/keys").await;
    assert!(!listed.text.contains(token));
    let listed = listed.ok()["keys"].as_array().unwrap().clone();
    let listed = listed.iter().find(|key| key["key_id"] == made["key_id"]).unwrap();
    assert!(listed["last_used_at"].is_string() && listed["token"].is_null());
}

#[tokio::test]
async fn either_header_carries_the_key() {
    let gateway = Gateway::start().await;
    let token = gateway.owner().key.unwrap();
    let bearer = gateway.nobody().header("authorization", &format!("Bearer {token}"));
    bearer.get("/v1/keys/self").await.ok();
    let both = gateway.with_key(&token).header("authorization", "Bearer actor-token");
    both.get("/v1/keys/self").await.ok();
}

#[tokio::test]
async fn an_agents_key_knows_its_agent() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let agent = Agent::make(&gateway, &owner, "mailer").await;
    let own = agent.caller.get("/v1/keys/self").await.ok();
    assert_eq!(own["agent"]["address"], json!(agent.address));
    assert_eq!(own["agent"]["service_account_id"], json!(agent.account_id));
    assert_eq!((&own["key"]["role"], &own["key"]["name"]), (&json!("agent"), &json!("mailer")));
    let token = agent.caller.key.as_deref().unwrap();
    assert!(
        token.starts_with(&format!("axme_sa_{}_", agent.account_id)),
        "published clients expect it"
    );
    for named in ["mailer", &agent.address, &agent.address_id, &agent.account_id] {
        let made = owner.post("/v1/keys", new("agent", json!({ "agent": named }))).await.ok();
        assert_eq!(made["key"]["agent_address"], json!(agent.address), "{named}");
    }
}

#[tokio::test]
async fn a_request_for_a_key_that_cannot_be_is_refused_by_its_field() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    Agent::make(&gateway, &owner, "mailer").await;
    for (body, field) in [
        (json!({ "name": "x" }), "role"),
        (json!({ "role": "viewer" }), "name"),
        (new("boss", json!({})), "role"),
        (new("agent", json!({})), "agent"),
        (new("viewer", json!({ "agent": "mailer" })), "agent"),
        (new("agent", json!({ "agent": "mailer", "scope": "organization" })), "scope"),
        (new("viewer", json!({ "expires_at": "tomorrow" })), "expires_at"),
        (new("viewer", json!({ "expires_at": "2001-01-01T00:00:00Z" })), "expires_at"),
        (new("viewer", json!({ "name": "" })), "name"),
        (new("viewer", json!({ "name": "x".repeat(200) })), "name"),
    ] {
        let refused = owner.post("/v1/keys", body.clone()).await;
        assert!(refused.text.contains(field), "{body}: {}", refused.text);
        refused.refused(422, "schema_invalid");
    }
    let unknown = owner.post("/v1/keys", new("agent", json!({ "agent": "nobody" }))).await;
    unknown.refused(404, "agent_not_found");
}

#[tokio::test]
async fn scopes_default_to_the_makers_own() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (_, org, workspace) = make_tenant(&gateway, "Elsewhere").await;
    let there = json!({ "org_id": org, "workspace_id": workspace });
    let made = owner.post("/v1/keys", new("operator", there)).await.ok()["key"].clone();
    assert_eq!((&made["scope"], &made["workspace_id"]), (&json!("workspace"), &json!(workspace)));
    let of_org = new("viewer", json!({ "scope": "organization", "org_id": org }));
    let made = owner.post("/v1/keys", of_org).await.ok()["key"].clone();
    assert_eq!((&made["org_id"], &made["workspace_id"]), (&json!(org), &Value::Null));
    let own = gateway.with_key(made["token"].as_str().unwrap()).get("/v1/keys/self").await.ok();
    assert_eq!(own["workspace"]["workspace_id"], json!(workspace), "it acts in the first there is");

    let bare = owner.post("/v1/organizations", json!({ "name": "Bare" })).await.ok();
    let bare = bare["organization"]["org_id"].as_str().unwrap().to_owned();
    let of_bare = json!({ "scope": "organization", "org_id": bare });
    let auditor = owner.make_key("viewer", of_bare).await;
    let own = auditor.get("/v1/keys/self").await.ok();
    assert_eq!((&own["organization"]["org_id"], &own["workspace"]), (&json!(bare), &Value::Null));
    auditor.get("/v1/service-accounts").await.refused(404, "workspace_not_found");
}

#[tokio::test]
async fn an_expired_key_and_a_revoked_one_say_what_they_are() {
    let gateway = Gateway::at_rest().await;
    let owner = gateway.owner();
    let soon = json!({ "expires_at": "2026-03-01T09:01:12Z" });
    let short = owner.make_key("viewer", soon).await;
    let short_id = short.key_id().await;
    gateway.clock.advance(Duration::from_secs(60));
    let expired = short.get("/v1/keys/self").await.refused(401, "key_expired");
    assert!(expired["message"].as_str().unwrap().contains("expired"), "{expired}");
    let listed = owner.get("/v1/keys").await.ok()["keys"].as_array().unwrap().clone();
    let listed = listed.iter().find(|key| key["key_id"] == json!(short_id)).unwrap();
    assert_eq!(listed["status"], json!("expired"));

    let viewer = owner.make_key("viewer", json!({})).await;
    let id = viewer.key_id().await;
    let revoked = owner.post_nothing(&format!("/v1/keys/{id}/revoke")).await.ok()["key"].clone();
    assert_eq!(revoked["status"], json!("revoked"));
    let refused = viewer.get("/v1/keys/self").await.refused(401, "key_revoked");
    assert!(refused["message"].as_str().unwrap().contains("revoked"), "{refused}");
    let again = owner.post_nothing(&format!("/v1/keys/{id}/revoke")).await.ok()["key"].clone();
    assert_eq!(again, revoked, "revoking it again changes nothing");
}

#[tokio::test]
async fn a_key_belongs_to_its_account() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let sender = Agent::make(&gateway, &owner, "sender").await;
    let crossed =
        format!("/v1/service-accounts/{}/keys/{}/revoke", sender.account_id, mailer.key_id);
    owner.post_nothing(&crossed).await.refused(404, "key_not_found");
    mailer.caller.get("/v1/keys/self").await.ok();
    let own = format!("/v1/service-accounts/{}/keys/{}/revoke", mailer.account_id, mailer.key_id);
    let revoked = owner.post_nothing(&own).await.ok()["key"].clone();
    assert_eq!(
        (&revoked["status"], &revoked["service_account_id"]),
        (&json!("revoked"), &json!(mailer.account_id))
    );
    assert!(revoked["revoked_at"].is_string());
    mailer.caller.get("/v1/keys/self").await.refused(401, "key_revoked");
    sender.caller.get("/v1/keys/self").await.ok();
}

#[tokio::test]
async fn a_repeated_order_makes_one_key_and_never_shows_it_again() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let nested = format!("/v1/service-accounts/{}/keys", mailer.account_id);
    let account_key = json!({ "name": "second" });
    for (path, body) in [("/v1/keys", new("viewer", json!({}))), (nested.as_str(), account_key)] {
        let order = owner.once("the-same");
        let first = order.post(path, body.clone()).await.ok()["key"].clone();
        let again = order.post(path, body).await.ok()["key"].clone();
        assert_eq!(first["key_id"], again["key_id"]);
        assert!(first["token"].is_string() && again["token"].is_null());
    }
}

#[tokio::test]
async fn keys_list_within_the_scope_and_in_pages() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    let (org, _) = home(&owner).await;
    let staging = make_workspace(&owner, &org, "Staging").await;
    let local = owner.make_key("owner", json!({ "workspace_id": staging })).await;
    for _ in 0..3 {
        local.make_key("viewer", json!({})).await;
    }
    let all = owner.get("/v1/keys").await.ok()["keys"].as_array().unwrap().len();
    assert_eq!(all, 6);
    assert_eq!(tenant.get("/v1/keys").await.ok()["keys"].as_array().unwrap().len(), 1);
    let page = local.get("/v1/keys?limit=3").await.ok();
    let next = page["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(page["keys"].as_array().unwrap().len(), 3);
    let rest = local.get(&format!("/v1/keys?limit=3&cursor={next}")).await.ok();
    assert_eq!((rest["keys"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_revoked_key_is_worth_nothing_from_the_answer_on() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let second = owner.make_key("agent", json!({ "agent": "mailer" })).await;
    let stream = second.open(&mailer.stream_path()).await;
    let other = mailer.caller.open(&mailer.stream_path()).await;
    assert_eq!(
        (stream.status(), other.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    let id = second.key_id().await;
    let ended = http_body_util::BodyExt::collect(stream.into_body());
    let revoke = owner.clone();
    let (ended, revoked) =
        tokio::join!(
            ended,
            async move { revoke.post_nothing(&format!("/v1/keys/{id}/revoke")).await }
        );
    revoked.ok();
    assert!(ended.is_ok(), "its stream ended, and cleanly");
    second.post("/v1/intents", intent(&mailer.address)).await.refused(401, "key_revoked");
    second.post_nothing("/v1/mesh/heartbeat").await.refused(401, "key_revoked");
    mailer.caller.post_nothing("/v1/mesh/heartbeat").await.ok();
    drop(other);
}
