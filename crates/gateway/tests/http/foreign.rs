//! What belongs to somebody else reads exactly like what is not there.

use axme_core::role::Role;
use axme_gateway::http::access::{Access, TABLE};
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::gateway::Gateway;
use crate::world::{Agent, Ids, home, intent, make_tenant, make_workspace};

/// A refusal without what the caller itself has named, and without its own time and id.
fn as_told(answer: &Answer, ids: &Ids) -> (u16, Value) {
    let mut error = answer.error();
    error["at"] = Value::Null;
    let mut text = error.to_string();
    for id in ids.all() {
        text = text.replace(id, "ID");
    }
    (answer.status, serde_json::from_str(&text).unwrap())
}

/// Asks for what is another's, and for what nobody has, at every endpoint that names something.
async fn compare(caller: &Caller<'_>, role: Role, theirs: &Ids, nothing: &Ids) {
    for (method, path, access) in TABLE {
        let Access::Roles(roles) = access else { continue };
        // Its own organization, which a key of any of its workspaces sees.
        let own = theirs.org_id == nothing.org_id && !path.contains("{workspace_id}");
        if !roles.contains(&role) || !path.contains('{') || (path.contains("{org_id}") && own) {
            continue;
        }
        let body = match *path {
            "/v1/intents/{intent_id}/resolve" => json!({ "status": "CANCELED", "reason": "over" }),
            "/v1/intents/{intent_id}/controls" => {
                json!({ "controls_patch": { "timeout_seconds": 5 } })
            }
            "/v1/intents/{intent_id}/policy" => json!({ "envelope_patch": { "ttl_seconds": 5 } }),
            "/v1/organizations/{org_id}/workspaces" => json!({ "name": "fresh-one" }),
            "/v1/mesh/agents/{agent}/policies/action" => {
                json!({ "direction": "send", "mode": "open" })
            }
            _ => json!({}),
        };
        let body = ["POST", "PATCH", "PUT"].contains(method).then_some(body);
        let found = caller.call(method, &theirs.fill(path), body.clone()).await;
        let missing = caller.call(method, &nothing.fill(path), body).await;
        // An agent that asks for a stream which is not its own is told that, whosever it is.
        let not_own = role == Role::Agent && *path == "/v1/agents/{agent}/intents/stream";
        let expected = if not_own { 403 } else { 404 };
        assert_eq!(missing.status, expected, "{method} {path}: {}", missing.text);
        assert_eq!(as_told(&found, theirs), as_told(&missing, nothing), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_anothers_reads_like_what_is_not_there() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let theirs = Ids::of(&gateway, &mailer).await;
    let (org, _) = home(&owner).await;
    let staging = make_workspace(&owner, &org, "Staging").await;
    let beside = owner.make_key("owner", json!({ "workspace_id": staging })).await;
    let beside_agent = Agent::make(&gateway, &beside, "beside").await;
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    let tenant_agent = Agent::make(&gateway, &tenant, "theirs").await;
    let before = gateway.revision();
    for by_address in [false, true] {
        let theirs = if by_address { theirs.by_address(&mailer) } else { theirs.clone() };
        let mut nothing = Ids::unknown();
        if by_address {
            nothing.agent = "agent://default/default/nobody".to_owned();
        }
        compare(&tenant, Role::Owner, &theirs, &nothing).await;
        compare(&tenant_agent.caller, Role::Agent, &theirs, &nothing).await;
        let nothing = Ids { org_id: theirs.org_id.clone(), ..nothing };
        compare(&beside, Role::Owner, &theirs, &nothing).await;
        compare(&beside_agent.caller, Role::Agent, &theirs, &nothing).await;
    }
    assert_eq!(gateway.revision(), before, "nothing was changed");
    let path = format!("/v1/intents/{}", theirs.intent_id);
    assert_eq!(owner.get(&path).await.ok()["intent"]["policy_generation"], json!(0));
}

#[tokio::test]
async fn what_a_body_or_a_query_names_is_looked_up_in_the_same_way() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let theirs = Ids::of(&gateway, &mailer).await;
    let nothing = Ids::unknown();
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    let before = gateway.revision();
    for path in ["/v1/service-accounts", "/v1/agents"] {
        for (name, of) in [("org_id", &theirs.org_id), ("workspace_id", &theirs.workspace_id)] {
            let found = tenant.get(&format!("{path}?{name}={of}")).await;
            let other = if name == "org_id" { &nothing.org_id } else { &nothing.workspace_id };
            let missing = tenant.get(&format!("{path}?{name}={other}")).await;
            assert_eq!(missing.status, 404, "{path}: {}", missing.text);
            assert_eq!(as_told(&found, &theirs), as_told(&missing, &nothing), "{path} {name}");
        }
    }
    let bodies = |ids: &Ids| {
        let key = |field: &str, id: &str| {
            let mut body = json!({ "name": "fresh-one", "role": "viewer" });
            body[field] = json!(id);
            body
        };
        let mut sent = intent("theirs");
        sent["from_agent"] = json!(ids.agent);
        vec![
            (
                "/v1/service-accounts",
                json!({ "name": "fresh-one", "workspace_id": ids.workspace_id }),
            ),
            ("/v1/service-accounts", json!({ "name": "fresh-one", "org_id": ids.org_id })),
            ("/v1/keys", key("workspace_id", &ids.workspace_id)),
            ("/v1/keys", key("org_id", &ids.org_id)),
            ("/v1/keys", json!({ "name": "x", "role": "agent", "agent": ids.agent })),
            ("/v1/keys", json!({ "name": "x", "role": "agent", "agent": ids.account_id })),
            ("/v1/intents", sent),
        ]
    };
    for ((path, found), (_, missing)) in bodies(&theirs).into_iter().zip(bodies(&nothing)) {
        let found = tenant.post(path, found).await;
        let missing = tenant.post(path, missing).await;
        assert_eq!(missing.status, 404, "{path}: {}", missing.text);
        assert_eq!(as_told(&found, &theirs), as_told(&missing, &nothing), "{path}");
    }
    assert_eq!(gateway.revision(), before, "nothing was changed");
}

#[tokio::test]
async fn lists_hold_nothing_of_others() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let theirs = Ids::of(&gateway, &mailer).await;
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    let agent = Agent::make(&gateway, &tenant, "theirs").await;
    gateway.engine().write_observations().await.unwrap();
    for (method, path, access) in TABLE {
        let Access::Roles(roles) = access else { continue };
        // A stream tells of its own agent only, and has no end.
        if *method != "GET" || path.contains('{') || path.ends_with("/stream") {
            continue;
        }
        for (role, caller) in [(Role::Owner, &tenant), (Role::Agent, &agent.caller)] {
            if !roles.contains(&role) {
                continue;
            }
            let seen = caller.get(path).await;
            assert_eq!(seen.status, 200, "{path}: {}", seen.text);
            for id in theirs.all().chain([mailer.address.as_str()]) {
                assert!(!seen.text.contains(id), "{path} shows {id}: {}", seen.text);
            }
        }
    }
}

#[tokio::test]
async fn other_organizations_and_workspaces_take_nothing_from_here() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let (tenant, ..) = make_tenant(&gateway, "Elsewhere").await;
    let theirs = Agent::make(&gateway, &tenant, "theirs").await;
    mailer.send(&theirs.address).await.refused(403, "receiver_org_closed");
    let unknown = "agent://elsewhere/main/nobody";
    mailer.send(unknown).await.refused(403, "receiver_org_closed");
    mailer.send("agent://nowhere/main/nobody").await.refused(403, "receiver_org_closed");
    let (org, _) = home(&owner).await;
    let staging = make_workspace(&owner, &org, "Staging").await;
    let beside = owner.make_key("owner", json!({ "workspace_id": staging })).await;
    let beside = Agent::make(&gateway, &beside, "beside").await;
    mailer.send(&beside.address).await.refused(403, "receiver_agent_closed");
}
