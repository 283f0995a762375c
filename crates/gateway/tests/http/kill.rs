//! Stopping and resuming an agent.

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::world::{Agent, intent};

#[tokio::test]
async fn a_kill_answers_with_its_receipt_and_keeps_a_record() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let order = json!({ "reason": "too many mails", "mode": "halt", "actor": "on call" });
    let killed = owner.post(&campaign.path("kill"), order).await.ok();
    let text = |field: &str| killed[field].as_str().unwrap().to_owned();
    assert!(text("kill_id").starts_with("kill_"));
    assert_eq!(
        (text("status"), text("health_status"), text("mode")),
        ("killed".into(), "killed".into(), "halt".into())
    );
    assert_eq!(
        (text("address"), text("address_id")),
        (campaign.address.clone(), campaign.address_id.clone())
    );
    assert_eq!((text("killed_by"), text("reason")), ("owner".into(), "too many mails".into()));
    assert_eq!(text("event_id"), format!("evt_c{}", killed["revision"]));
    assert_eq!((&killed["already"], &killed["open_streams_closed"]), (&json!(false), &json!(0)));
    let receipt = &killed["receipt"];
    assert!(
        receipt["bound_ms"].as_u64().unwrap() <= 800 && receipt["enforced_in_ms"].is_f64(),
        "{receipt}"
    );
    assert_eq!(
        (&receipt["durability"], &receipt["bytes_after_order"]),
        (&json!("single"), &json!(0))
    );
    let replica = &receipt["replicas"][0];
    assert_eq!((&replica["replica_id"], &replica["region"]), (&json!("here"), &json!("eu")));
    assert_eq!(replica["state"], json!("enforced"));

    let path = format!("/v1/mesh/kills/{}", text("kill_id"));
    let record = owner.get(&path).await.ok()["kill"].clone();
    for field in ["kill_id", "revision", "killed_at", "killed_by", "reason", "address", "receipt"] {
        assert_eq!(record[field], killed[field], "{field}");
    }
    assert_eq!(record["resumed_at"], Value::Null);
    owner.post_nothing(&campaign.path("resume")).await.ok();
    let record = owner.get(&path).await.ok()["kill"].clone();
    assert_eq!(record["resumed_by"], json!("owner"));
    assert!(record["resumed_at"].is_string());
}

#[tokio::test]
async fn nothing_new_comes_from_or_to_a_killed_agent() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let sent = campaign.send(&mailer.address).await.ok()["intent_id"].clone();
    let beat = campaign.caller.post_nothing("/v1/mesh/heartbeat").await.ok();
    assert_eq!((&beat["status"], &beat["killed"]), (&json!("healthy"), &json!(false)));

    let killed = owner.post(&campaign.path("kill"), json!({ "reason": "enough" })).await.ok();
    let beat = campaign.caller.post_nothing("/v1/mesh/heartbeat").await.ok();
    assert_eq!((&beat["health_status"], &beat["killed"]), (&json!("killed"), &json!(true)));
    assert_eq!((&beat["kill"]["reason"], &beat["kill"]["by"]), (&json!("enough"), &json!("owner")));
    let refused = campaign.send(&mailer.address).await.refused(403, "agent_killed");
    let details = &refused["details"];
    assert_eq!(
        (&details["kill_id"], &details["address"]),
        (&killed["kill_id"], &json!(campaign.address))
    );
    assert_eq!(
        (&details["killed_by"], &details["killed_at"]),
        (&json!("owner"), &killed["killed_at"])
    );
    assert_eq!(details["reason"], json!("enough"));
    mailer.send(&campaign.address).await.refused(403, "agent_killed");
    campaign.caller.get(&campaign.stream_path()).await.refused(403, "agent_killed");
    let intent_path = format!("/v1/intents/{}", sent.as_str().unwrap());
    let controls = json!({ "controls_patch": { "timeout_seconds": 5 } });
    campaign
        .caller
        .post(&format!("{intent_path}/controls"), controls)
        .await
        .refused(403, "agent_killed");
    campaign.caller.get(&intent_path).await.ok();

    let resumed = owner.post_nothing(&campaign.path("resume")).await.ok();
    assert_eq!((&resumed["status"], &resumed["already"]), (&json!("active"), &json!(false)));
    assert_eq!(resumed["lifted"], json!([killed["kill_id"]]));
    campaign.send(&mailer.address).await.ok();
    mailer.send(&campaign.address).await.ok();
    let beat = campaign.caller.post_nothing("/v1/mesh/heartbeat").await.ok();
    assert_eq!((&beat["health_status"], &beat["kill"]), (&json!("healthy"), &Value::Null));
}

#[tokio::test]
async fn an_open_stream_ends_cleanly_and_is_counted() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let path = mailer.stream_path();
    let listening = mailer.caller.get(&path);
    let killing = async {
        while owner.get(&format!("/v1/mesh/agents/{}", mailer.address_id)).await.ok()["agent"]["open_streams"]
            != json!(1)
        {
            tokio::task::yield_now().await;
        }
        owner.post_nothing(&mailer.path("kill")).await.ok()
    };
    let (heard, killed) = tokio::join!(listening, killing);
    assert_eq!((heard.status, heard.text.contains("intent.")), (200, false), "{}", heard.text);
    assert_eq!(killed["receipt"]["streams_closed"], json!(1));
    assert_eq!(
        (&killed["open_streams_closed"], &killed["receipt"]["connections_cut"]),
        (&json!(1), &json!(0))
    );
    mailer.caller.get(&path).await.refused(403, "agent_killed");
}

#[tokio::test]
async fn a_stream_that_nobody_reads_does_not_hold_up_the_kill() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let peer = axme_gateway::http::Peer::default();
    let mut request = mailer.caller.request(
        axum::http::Method::GET,
        &mailer.stream_path(),
        axum::body::Body::empty(),
    );
    request.extensions_mut().insert(peer.clone());
    let unread = gateway.begin(request).await;
    assert_eq!(unread.status(), 200);
    let kill_path = mailer.path("kill");
    let cut = async {
        peer.cut.cancelled().await;
        // As the listener does: the connection goes, and the answer on it.
        drop(unread);
    };
    let (killed, ()) = tokio::join!(owner.post_nothing(&kill_path), cut);
    let receipt = killed.ok()["receipt"].clone();
    assert_eq!((&receipt["connections_cut"], &receipt["streams_closed"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn every_kill_stands_by_itself() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let first = owner.post_nothing(&campaign.path("kill")).await.ok();
    let second = owner.post_nothing(&campaign.path("kill")).await.ok();
    assert_eq!((&first["already"], &second["already"]), (&json!(false), &json!(true)));
    assert_ne!(first["kill_id"], second["kill_id"]);
    assert!(second["revision"].as_u64() > first["revision"].as_u64());

    let seen = json!({ "revision": first["revision"] });
    let refused = owner.post(&campaign.path("resume"), seen).await.refused(409, "killed_again");
    assert_eq!(refused["details"]["kill_id"], second["kill_id"]);
    assert_eq!(refused["details"]["revision"], second["revision"]);
    assert_eq!(refused["details"]["killed_by"], json!("owner"));
    assert_eq!(refused["details"]["killed_at"], second["killed_at"]);
    assert!(refused["details"].get("reason").is_some());
    campaign.caller.get(&campaign.stream_path()).await.refused(403, "agent_killed");

    let seen = json!({ "revision": second["revision"] });
    let resumed = owner.post(&campaign.path("resume"), seen.clone()).await.ok();
    let lifted = resumed["lifted"].as_array().unwrap();
    assert!(lifted.contains(&first["kill_id"]) && lifted.contains(&second["kill_id"]));
    let again = owner.post(&campaign.path("resume"), seen).await.ok();
    assert_eq!((&again["status"], &again["already"]), (&json!("active"), &json!(true)));
}

#[tokio::test]
async fn a_kill_that_cannot_be_is_refused_and_stops_nobody() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let path = campaign.path("kill");
    for mode in ["pause", "quarantine"] {
        owner.post(&path, json!({ "mode": mode })).await.refused(422, "mode_unsupported");
    }
    owner.post(&path, json!({ "mode": "gently" })).await.refused(422, "schema_invalid");
    owner.post(&path, json!({ "reason": "x".repeat(2_001) })).await.refused(422, "schema_invalid");
    owner.post(&path, json!({ "reason": 7 })).await.refused(422, "schema_invalid");
    owner.post_nothing("/v1/mesh/agents/nobody/kill").await.refused(404, "agent_not_found");
    let bob = owner.post_nothing("/v1/mesh/agents/agent://bob/kill").await;
    bob.refused(422, "invalid_agent_address");
    owner
        .post(&campaign.path("resume"), json!({ "revision": -1 }))
        .await
        .refused(422, "schema_invalid");
    campaign.send(&campaign.address).await.ok();
}

#[tokio::test]
async fn what_a_killed_agent_has_finished_is_recorded_as_late() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let campaign = Agent::make(&gateway, &owner, "campaign").await;
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let mut sent = Vec::new();
    for _ in 0..2 {
        sent.push(
            campaign.send(&mailer.address).await.ok()["intent_id"].as_str().unwrap().to_owned(),
        );
    }
    let heard = mailer.caller.stream(&mailer.stream_path()).await;
    assert!(sent.iter().all(|id| heard.text.contains(id.as_str())), "{}", heard.text);
    let killed = owner.post_nothing(&mailer.path("kill")).await.ok();
    assert_eq!(killed["receipt"]["delivered_unfinished"], json!(2));

    let resolve = format!("/v1/intents/{}/resolve", sent[0]);
    let said = mailer
        .caller
        .post(&resolve, json!({ "status": "COMPLETED", "result": { "done": true } }))
        .await
        .ok();
    assert_eq!(said["event"]["details"]["late"], json!(true), "{said}");
    let resume = format!("/v1/intents/{}/resume", sent[1]);
    let said = mailer.caller.post(&resume, json!({ "action": "complete" })).await.ok();
    assert_eq!(said["intent"]["status"], json!("COMPLETED"), "{said}");
    mailer
        .caller
        .post(&resume, json!({ "action": "complete" }))
        .await
        .refused(409, "intent_terminal");
    let events = owner.get(&format!("/v1/intents/{}/events", sent[1])).await.ok();
    let last = events["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["event_type"], &last["details"]["late"]),
        (&json!("intent.completed"), &json!(true))
    );
    mailer.send(&campaign.address).await.refused(403, "agent_killed");
}

#[tokio::test]
async fn an_address_that_nobody_has_registered_can_be_killed_too() {
    let gateway = Gateway::lenient().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let from_bob = || {
        let mut body = intent(&mailer.address);
        body["from_agent"] = json!("agent://bob");
        body
    };
    owner.post("/v1/intents", from_bob()).await.ok();
    let killed = owner.post_nothing("/v1/mesh/agents/agent://bob/kill").await.ok();
    assert_eq!((&killed["address"], &killed["status"]), (&json!("agent://bob"), &json!("killed")));
    owner.post("/v1/intents", from_bob()).await.refused(403, "agent_killed");
    mailer.send("agent://bob").await.refused(403, "agent_killed");
    // The same for one that nobody has ever heard of, and that is registered later.
    let address = "agent://default/default/newcomer";
    owner.post_nothing(&format!("/v1/mesh/agents/{address}/kill")).await.ok();
    let newcomer = Agent::make(&gateway, &owner, "newcomer").await;
    newcomer.send(&mailer.address).await.refused(403, "agent_killed");
    owner.post_nothing(&newcomer.path("resume")).await.ok();
    newcomer.send(&mailer.address).await.ok();
    owner.post_nothing("/v1/mesh/agents/agent://bob/resume").await.ok();
    mailer.send("agent://bob").await.ok();
}
