//! The published API document is the one that the code describes.

use std::path::Path;

use crate::gateway::Gateway;

const UPDATE: &str = "UPDATE_OPENAPI";

#[test]
fn the_published_document_is_up_to_date() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json"));
    let document = axme_gateway::http::api_document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, &document).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == document,
        "openapi.json is not what the code says; rewrite it: \
         {UPDATE}=1 cargo test -p axme-gateway --test http openapi"
    );
}

#[tokio::test]
async fn the_gateway_serves_the_document() {
    let gateway = Gateway::start().await;
    let served = gateway.nobody().get("/openapi.json").await;
    assert_eq!(
        (served.status, &served.headers["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    assert_eq!(served.text, axme_gateway::http::api_document().to_pretty_json().unwrap());
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_how_it_refuses() {
    let document = serde_json::to_value(axme_gateway::http::api_document()).unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(ids.insert(id.to_owned()) && id.contains('_'), "{method} {path}: {id:?}");
            assert!(operation["summary"].is_string(), "{id} says nothing about itself");
            assert!(operation["responses"]["200"].is_object(), "{id} never succeeds");
        }
    }
}
