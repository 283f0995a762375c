//! Who may make, change and stop whom; and who somebody is when they say so.

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::{Agent, home, intent, make_tenant, make_workspace};

#[tokio::test]
async fn operators_make_keys_of_agents_only() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let operator = owner.make_key("operator", json!({})).await;
    for role in ["owner", "operator", "viewer"] {
        let refused = operator.post("/v1/keys", json!({ "name": "more", "role": role })).await;
        let refused = refused.refused(403, "forbidden");
        assert!(refused["message"].as_str().unwrap().contains(role), "{refused}");
    }
    operator.make_key("agent", json!({ "agent": "mailer" })).await;
    let boss = owner.make_key("owner", json!({ "scope": "installation" })).await.key_id().await;
    operator.post_nothing(&format!("/v1/keys/{boss}/revoke")).await.refused(404, "key_not_found");
    let viewer = owner.make_key("viewer", json!({})).await.key_id().await;
    operator.post_nothing(&format!("/v1/keys/{viewer}/revoke")).await.refused(403, "forbidden");
    operator.post_nothing(&format!("/v1/keys/{}/revoke", mailer.key_id)).await.ok();
}

#[tokio::test]
async fn no_key_makes_one_beyond_its_own_scope() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (org, workspace) = home(&owner).await;
    let local = owner.make_key("owner", json!({ "scope": "workspace" })).await;
    let of_org = owner.make_key("owner", json!({ "scope": "organization" })).await;
    let staging = make_workspace(&owner, &org, "Staging").await;
    let (_, other_org, other_workspace) = make_tenant(&gateway, "Elsewhere").await;
    let wanted = |fields: Value| {
        let mut body = json!({ "name": "more", "role": "viewer" });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let unchanged = gateway.revision();
    for (caller, fields, status, code) in [
        (&local, json!({ "scope": "installation" }), 403, "forbidden"),
        (&local, json!({ "scope": "organization" }), 403, "forbidden"),
        (&local, json!({ "workspace_id": staging }), 404, "workspace_not_found"),
        (&local, json!({ "org_id": other_org }), 404, "organization_not_found"),
        (&of_org, json!({ "scope": "installation" }), 403, "forbidden"),
        (
            &of_org,
            json!({ "scope": "organization", "org_id": other_org }),
            404,
            "organization_not_found",
        ),
        (&of_org, json!({ "workspace_id": other_workspace }), 404, "workspace_not_found"),
        (
            &of_org,
            json!({ "org_id": org, "workspace_id": other_workspace }),
            404,
            "workspace_not_found",
        ),
    ] {
        caller.post("/v1/keys", wanted(fields)).await.refused(status, code);
    }
    assert_eq!(gateway.revision(), unchanged);
    of_org.post("/v1/keys", wanted(json!({ "workspace_id": staging }))).await.ok();
    local.post("/v1/keys", wanted(json!({ "org_id": org, "workspace_id": workspace }))).await.ok();
}

#[tokio::test]
async fn nobody_locks_everybody_out() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let own = owner.key_id().await;
    let path = format!("/v1/keys/{own}/revoke");
    owner.post_nothing(&path).await.refused(409, "last_owner_key");
    let short = json!({ "scope": "installation", "expires_at": "2999-01-01T00:00:00Z" });
    owner.make_key("owner", short).await;
    owner.post_nothing(&path).await.refused(409, "last_owner_key");
    let second = owner.make_key("owner", json!({ "scope": "installation" })).await;
    second.post_nothing(&path).await.ok();
    owner.get("/v1/keys/self").await.refused(401, "key_revoked");
    let last = second.key_id().await;
    second.post_nothing(&format!("/v1/keys/{last}/revoke")).await.refused(409, "last_owner_key");
}

#[tokio::test]
async fn agents_command_nobody_themselves_least_of_all() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let sender = Agent::make(&gateway, &owner, "sender").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    owner.post_nothing(&sender.path("kill")).await.ok();
    for path in [sender.path("resume"), sender.path("kill"), mailer.path("kill")] {
        let refused = sender.caller.post_nothing(&path).await.refused(403, "forbidden");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("use an operator's key"), "{message}");
    }
    for path in ["/v1/keys", "/v1/service-accounts", "/v1/organizations"] {
        let body = json!({ "name": "more", "role": "owner" });
        sender.caller.post(path, body).await.refused(403, "forbidden");
    }
    let seen = owner.get(&format!("/v1/mesh/agents/{}", sender.address_id)).await.ok();
    assert_eq!(seen["agent"]["run_state"], json!("killed"));
}

#[tokio::test]
async fn an_agent_sees_itself_and_nobody_else() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let sender = Agent::make(&gateway, &owner, "sender").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let accounts = sender.caller.get("/v1/service-accounts").await;
    assert!(!accounts.text.contains(&mailer.address));
    assert_eq!(accounts.ok()["service_accounts"].as_array().unwrap().len(), 1);
    sender.caller.get(&format!("/v1/service-accounts/{}", sender.account_id)).await.ok();
    let other = format!("/v1/service-accounts/{}", mailer.account_id);
    sender.caller.get(&other).await.refused(404, "service_account_not_found");
    for (path, field) in [("/v1/mesh/agents", "agents"), ("/v1/agents", "agents")] {
        let seen = sender.caller.get(path).await;
        assert!(!seen.text.contains(&mailer.address), "{path}: {}", seen.text);
        assert_eq!(seen.ok()[field].as_array().unwrap().len(), 1, "{path}");
    }
    let other = format!("/v1/mesh/agents/{}", mailer.address_id);
    sender.caller.get(&other).await.refused(404, "agent_not_found");
}

#[tokio::test]
async fn a_name_is_taken_until_its_account_is_deleted() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let taken = owner.post("/v1/service-accounts", json!({ "name": "mailer" })).await;
    let holder = taken.json["service_account"].clone();
    taken.refused(409, "duplicate_name");
    assert_eq!(holder["service_account_id"], json!(mailer.account_id));
    assert_eq!(
        (&holder["address"], &holder["id"]),
        (&json!(mailer.address), &json!(mailer.account_id))
    );

    let path = format!("/v1/service-accounts/{}", mailer.account_id);
    let deleted = owner.call("DELETE", &path, None).await.ok()["service_account"].clone();
    assert_eq!(deleted["status"], json!("revoked"));
    assert_eq!(owner.get(&path).await.ok()["service_account"]["status"], json!("revoked"));
    let listed = owner.get("/v1/service-accounts").await.ok();
    assert_eq!(listed["service_accounts"], json!([]));
    owner.call("DELETE", &path, None).await.refused(404, "service_account_not_found");
    owner.post_nothing(&format!("{path}/keys")).await.refused(404, "service_account_not_found");
    mailer.caller.get("/v1/keys/self").await.refused(401, "key_revoked");
}

#[tokio::test]
async fn an_address_keeps_its_hold_when_its_account_is_made_again() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    owner.post_nothing(&campaign.path("kill")).await.ok();
    let path = format!("/v1/service-accounts/{}", campaign.account_id);
    owner.call("DELETE", &path, None).await.ok();
    let again = Agent::make(&gateway, &owner, "campaign").await;
    assert_eq!(again.address_id, campaign.address_id);
    assert_ne!(again.account_id, campaign.account_id);
    again.send(&mailer.address).await.refused(403, "agent_killed");
    owner.get(&path).await.refused(404, "service_account_not_found");
}

#[tokio::test]
async fn whoever_sends_for_an_agent_is_bound_by_its_run_state() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let operator = owner.make_key("operator", json!({})).await;
    let from = |from: &str| {
        let mut body = intent(&mailer.address);
        body["from_agent"] = json!(from);
        body
    };
    let nobody = operator.post("/v1/intents", intent(&mailer.address)).await;
    let nobody = nobody.refused(403, "no_agent_bound");
    assert!(nobody["message"].as_str().unwrap().contains("axme agents create"), "{nobody}");
    operator.post("/v1/intents", from("ghost")).await.refused(404, "agent_not_found");
    operator.post("/v1/intents", from(&campaign.address)).await.ok();
    owner.post_nothing(&campaign.path("kill")).await.ok();
    operator.post("/v1/intents", from(&campaign.address)).await.refused(403, "agent_killed");
    operator.post("/v1/intents", from("campaign")).await.refused(403, "agent_killed");

    // An agent is who its key says, whatever it says itself.
    let forged = campaign.caller.post("/v1/intents", from(&mailer.address)).await;
    forged.refused(403, "agent_killed");
    let sent = mailer.caller.post("/v1/intents", from("ghost")).await.ok();
    let path = format!("/v1/intents/{}", sent["intent_id"].as_str().unwrap());
    assert_eq!(owner.get(&path).await.ok()["intent"]["from_agent"], json!(mailer.address));
}

#[tokio::test]
async fn accounts_list_by_name_and_in_pages() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    for name in ["delta", "alpha", "charlie", "bravo"] {
        Agent::make(&gateway, &owner, name).await;
    }
    let page = owner.get("/v1/service-accounts?limit=3").await.ok();
    let names = |page: &Value| {
        let rows = page["service_accounts"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["alpha", "bravo", "charlie"]);
    let next = page["next_cursor"].as_str().unwrap();
    let rest = owner.get(&format!("/v1/service-accounts?limit=3&cursor={next}")).await.ok();
    assert_eq!((names(&rest), &rest["next_cursor"]), (vec!["delta".to_owned()], &Value::Null));
}

#[tokio::test]
async fn a_name_out_of_grammar_is_told_so() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    for name in ["", "a", "Mailer", "mail er", "-mailer", "agent://default/default/mailer"] {
        let refused = owner.post("/v1/service-accounts", json!({ "name": name })).await;
        refused.refused(422, "schema_invalid");
    }
    let long = json!({ "name": "mailer", "description": "x".repeat(3_000) });
    owner.post("/v1/service-accounts", long).await.refused(422, "schema_invalid");
    owner.post("/v1/service-accounts", json!({})).await.refused(422, "schema_invalid");
}
