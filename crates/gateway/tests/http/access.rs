//! Every endpoint of the API document against the table of who may call it.

use std::collections::BTreeSet;
use std::time::Duration;

use axme_core::role::Role;
use axme_gateway::http::access::{Access, TABLE};
use axme_gateway::http::api_document;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::world::{Agent, Ids, intent};

/// What each endpoint takes, so that nothing is refused for its body.
fn body_of(method: &str, path: &str) -> Option<Value> {
    let name = json!({ "name": "fresh-one" });
    match (method, path) {
        ("GET" | "DELETE", _) => None,
        ("POST", "/v1/intents") => Some(intent("mailer")),
        ("POST", "/v1/intents/{intent_id}/resolve") => {
            Some(json!({ "status": "CANCELED", "reason": "over" }))
        }
        ("POST", "/v1/intents/{intent_id}/controls") => {
            Some(json!({ "controls_patch": { "timeout_seconds": 5 } }))
        }
        ("POST", "/v1/intents/{intent_id}/policy") => {
            Some(json!({ "envelope_patch": { "ttl_seconds": 5 } }))
        }
        ("POST", "/v1/keys") => {
            Some(json!({ "name": "fresh-one", "role": "agent", "agent": "mailer" }))
        }
        ("POST", "/v1/service-accounts" | "/v1/organizations")
        | ("POST", "/v1/organizations/{org_id}/workspaces") => Some(name),
        ("PUT", "/v1/mesh/agents/{agent}/policies/action") => {
            Some(json!({ "direction": "send", "mode": "open" }))
        }
        ("POST" | "PATCH" | "PUT", _) => Some(json!({})),
        (other, _) => panic!("{other} {path} has no body here"),
    }
}

fn closed() -> impl Iterator<Item = (&'static str, &'static str, &'static [Role])> {
    TABLE.iter().filter_map(|(method, path, access)| match access {
        Access::Public => None,
        Access::Roles(roles) => Some((*method, *path, *roles)),
    })
}

#[test]
fn the_table_and_the_document_name_the_same_endpoints() {
    let document = serde_json::to_value(api_document()).unwrap();
    let mut documented: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys();
        documented.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    // It describes the others, not itself.
    documented.insert(("GET".to_owned(), "/openapi.json".to_owned()));
    let listed = TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    let listed: BTreeSet<_> = listed.collect();
    assert_eq!(listed.len(), TABLE.len(), "an endpoint stands in the table twice");
    assert_eq!(documented, listed);
}

#[tokio::test]
async fn without_a_key_that_works_every_door_is_closed() {
    let gateway = Gateway::at_rest().await;
    let ids = Ids::unknown();
    for (method, path, _) in closed() {
        let (path, body) = (ids.fill(path), body_of(method, path));
        let none = gateway.nobody().call(method, &path, body.clone()).await;
        none.refused(401, "missing_platform_api_key");
        for wrong in ["axme_sa_sak_nobody", "Bearer", &"x".repeat(500)] {
            // So that these are not too many failed sign-ins.
            gateway.clock.advance(Duration::from_secs(1));
            let refused = gateway.with_key(wrong).call(method, &path, body.clone()).await;
            refused.refused(401, "invalid_platform_api_key");
        }
    }
    for (method, path, _) in TABLE.iter().filter(|(_, _, access)| *access == Access::Public) {
        assert_eq!(gateway.nobody().call(method, path, None).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn each_role_gets_through_its_own_doors_only() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let real = Ids::of(&gateway, &mailer).await;
    let operator = owner.make_key("operator", json!({})).await;
    let viewer = owner.make_key("viewer", json!({})).await;
    let by_role = |role: Role| match role {
        Role::Owner => &owner,
        Role::Operator => &operator,
        Role::Viewer => &viewer,
        Role::Agent => &mailer.caller,
    };
    for (method, path, roles) in closed() {
        for role in Role::ALL {
            // What would change something is asked of what is not there.
            let ids = if method == "GET" { &real } else { &Ids::unknown() };
            knock(by_role(role), (method, path), ids, roles.contains(&role)).await;
        }
    }
}

async fn knock(caller: &Caller<'_>, (method, path): (&str, &str), ids: &Ids, admitted: bool) {
    let filled = ids.fill(path);
    // A stream that is open is proof enough.
    let streams = path.ends_with("/stream");
    if streams && admitted {
        assert_eq!(caller.open(&filled).await.status(), 200, "{filled}");
        return;
    }
    let answer = caller.call(method, &filled, body_of(method, path)).await;
    if !admitted {
        let message = answer.refused(403, "forbidden")["message"].clone();
        assert!(message.as_str().unwrap().contains("key"), "{message}");
    } else if answer.status != 200 {
        let code = answer.error()["code"].clone();
        assert!(
            ![401, 500].contains(&answer.status) && code != "forbidden",
            "{method} {filled}: {}",
            answer.text
        );
        assert_ne!(method, "GET", "{filled}: {}", answer.text);
    }
}
