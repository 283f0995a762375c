//! Organizations and workspaces.

use std::collections::BTreeSet;

use serde_json::json;

use crate::gateway::Gateway;
use crate::world::{Agent, home, make_tenant, make_workspace};

#[tokio::test]
async fn organizations_are_made_described_and_found_again() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let fields = json!({ "name": "Acme, Inc.", "legal_name": "Acme Incorporated", "metadata": { "plan": "gold" } });
    let made = owner.post("/v1/organizations", fields).await.ok()["organization"].clone();
    assert_eq!((&made["slug"], &made["status"]), (&json!("acme-inc"), &json!("active")));
    let path = format!("/v1/organizations/{}", made["org_id"].as_str().unwrap());
    assert_eq!(owner.get(&path).await.ok()["organization"], made);

    let changed =
        owner.call("PATCH", &path, Some(json!({ "name": "Acme", "status": "suspended" }))).await;
    let changed = changed.ok()["organization"].clone();
    assert_eq!((&changed["name"], &changed["status"]), (&json!("Acme"), &json!("suspended")));
    assert_eq!(changed["legal_name"], json!("Acme Incorporated"), "what is absent stays");
    assert_eq!(changed["slug"], json!("acme-inc"));

    let again = owner.post("/v1/organizations", json!({ "name": "Acme Inc" })).await;
    again.refused(409, "duplicate_name");
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let long = "x".repeat(300);
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "A" }), "name"),
        (json!({ "name": long }), "name"),
        (json!({ "name": "Acme", "slug": "Not A Slug" }), "slug"),
        (json!({ "name": "Acme", "legal_name": long }), "legal_name"),
        (json!({ "name": 7 }), "name"),
    ] {
        let refused = owner.post("/v1/organizations", body.clone()).await;
        assert!(refused.text.contains(field), "{body}: {}", refused.text);
        refused.refused(422, "schema_invalid");
    }
    let (org, workspace) = home(&owner).await;
    let path = format!("/v1/organizations/{org}/workspaces/{workspace}");
    for body in
        [json!({ "environment": "prod" }), json!({ "status": "gone" }), json!({ "name": "" })]
    {
        owner.call("PATCH", &path, Some(body)).await.refused(422, "schema_invalid");
    }
    let unchanged = gateway.revision();
    owner.call("PATCH", &path, Some(json!({}))).await.ok();
    assert_eq!(
        gateway.revision(),
        unchanged,
        "a patch that changes nothing is no entry of the log"
    );
}

#[tokio::test]
async fn workspaces_stand_within_their_organization() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (org, _) = home(&owner).await;
    let (_, other_org, other_workspace) = make_tenant(&gateway, "Elsewhere").await;
    let staging = make_workspace(&owner, &org, "Staging").await;
    let path = format!("/v1/organizations/{org}/workspaces/{staging}");
    let patch = json!({ "environment": "staging", "region": "eu" });
    let changed = owner.call("PATCH", &path, Some(patch)).await.ok()["workspace"].clone();
    assert_eq!((&changed["slug"], &changed["region"]), (&json!("staging"), &json!("eu")));
    let misplaced = format!("/v1/organizations/{org}/workspaces/{other_workspace}");
    owner.get(&misplaced).await.refused(404, "workspace_not_found");
    let listed = owner.get(&format!("/v1/organizations/{other_org}/workspaces")).await.ok();
    assert_eq!(listed["workspaces"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn each_key_sees_what_its_scope_covers() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (org, workspace) = home(&owner).await;
    make_workspace(&owner, &org, "Staging").await;
    let (tenant, tenant_org, _) = make_tenant(&gateway, "Elsewhere").await;
    let viewer = owner.make_key("viewer", json!({})).await;
    let agent = Agent::make(&gateway, &owner, "mailer").await;
    let workspaces = format!("/v1/organizations/{org}/workspaces");
    for (caller, organizations, count) in [
        (&owner, vec![&org, &tenant_org], Some(2)),
        (&viewer, vec![&org], Some(1)),
        (&agent.caller, vec![&org], Some(1)),
        (&tenant, vec![&tenant_org], None),
    ] {
        let seen = caller.get("/v1/organizations").await.ok();
        let rows = seen["organizations"].as_array().unwrap().iter();
        let seen: BTreeSet<_> = rows.map(|row| row["org_id"].as_str().unwrap()).collect();
        assert_eq!(seen, organizations.iter().map(|org| org.as_str()).collect());
        match count {
            Some(count) => {
                let seen = caller.get(&workspaces).await.ok();
                assert_eq!(seen["workspaces"].as_array().unwrap().len(), count);
            }
            None => drop(caller.get(&workspaces).await.refused(404, "organization_not_found")),
        }
    }
    let path = format!("/v1/organizations/{org}/workspaces/{workspace}");
    owner.call("PATCH", &path, Some(json!({ "metadata": { "plan": "gold" } }))).await.ok();
    assert_eq!(owner.get(&path).await.ok()["workspace"]["metadata"], json!({ "plan": "gold" }));
    assert_eq!(viewer.get(&path).await.ok()["workspace"]["metadata"], json!(null));
}

#[tokio::test]
async fn owners_of_a_workspace_do_not_own_its_organization() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let (org, workspace) = home(&owner).await;
    let local = owner.make_key("owner", json!({ "scope": "workspace" })).await;
    let organization = format!("/v1/organizations/{org}");
    local.get(&organization).await.ok();
    let patch = Some(json!({ "name": "Mine" }));
    local.call("PATCH", &organization, patch.clone()).await.refused(403, "forbidden");
    local
        .post(&format!("{organization}/workspaces"), json!({ "name": "More" }))
        .await
        .refused(403, "forbidden");
    local.post("/v1/organizations", json!({ "name": "Mine" })).await.refused(403, "forbidden");
    local.call("PATCH", &format!("{organization}/workspaces/{workspace}"), patch).await.ok();
}

#[tokio::test]
async fn lists_come_in_pages() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    for name in ["one", "two", "three", "four"] {
        owner.post("/v1/organizations", json!({ "name": name })).await.ok();
    }
    let (mut slugs, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("/v1/organizations?limit=2&cursor={cursor}")).await.ok();
        let rows = page["organizations"].as_array().unwrap();
        assert!(rows.len() <= 2);
        slugs.extend(rows.iter().map(|row| row["slug"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    // Those made within one millisecond are in no order.
    slugs.sort_unstable();
    assert_eq!(slugs, ["default", "four", "one", "three", "two"]);
    owner.get("/v1/organizations?cursor=nonsense").await.refused(422, "schema_invalid");
    owner.get("/v1/organizations?limit=0").await.refused(422, "schema_invalid");
}

#[tokio::test]
async fn the_same_order_again_makes_nothing_twice() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let order = owner.once("order-1");
    let first = order.post("/v1/organizations", json!({ "name": "Acme" })).await.ok();
    let again = order.post("/v1/organizations", json!({ "name": "Acme" })).await.ok();
    assert_eq!(first["organization"], again["organization"]);
    let other = order.post("/v1/organizations", json!({ "name": "Other" })).await;
    other.refused(409, "idempotency_key_reused");
}
