//! The running copies of an agent: what they say, what they are told, and what a kill keeps.

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::frames::Frames;
use crate::gateway::Gateway;
use crate::world::Agent;

const BEAT: &str = "/v1/mesh/heartbeat";
const ACK: &str = "/v1/mesh/control/ack";

async fn control_stream(agent: &Agent<'_>, instance: &str, more: &str) -> Frames {
    let path = format!("/v1/mesh/control/stream?instance_id={instance}{more}");
    Frames::of(agent.caller.open(&path).await)
}

fn progress(done: u64) -> Value {
    json!({ "done": done, "total": 10_000, "unit": "emails" })
}

async fn beat(agent: &Agent<'_>, body: Value) -> Value {
    agent.caller.post(BEAT, body).await.ok()
}

async fn kill(owner: &Caller<'_>, agent: &Agent<'_>) -> Value {
    owner.post(&agent.path("kill"), json!({ "wait_instances_ms": 0 })).await.ok()
}

async fn record(owner: &Caller<'_>, killed: &Value) -> Value {
    let id = killed["kill_id"].as_str().unwrap();
    owner.get(&format!("/v1/mesh/kills/{id}")).await.ok()["kill"].clone()
}

#[tokio::test]
async fn copies_that_share_a_key_are_told_apart() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let said = json!({
        "instance_id": "worker-1", "version": "1.4", "region": "eu", "labels": { "team": "mail" },
        "metadata": { "batch": 3 }, "progress": progress(300),
    });
    assert_eq!(beat(&mailer, said).await["instance_id"], json!("worker-1"));
    beat(&mailer, json!({ "instance_id": "worker-1" })).await;
    beat(&mailer, json!({ "instance_id": "worker-2", "ending": true })).await;
    let inferred = beat(&mailer, json!({})).await["instance_id"].clone();
    let listed = owner.get(&mailer.path("instances")).await.ok();
    let ids: Vec<_> =
        listed["instances"].as_array().unwrap().iter().map(|one| &one["instance_id"]).collect();
    assert_eq!(ids, [&inferred, &json!("worker-1"), &json!("worker-2")]);
    let [guessed, first, second] = listed["instances"].as_array().unwrap().as_slice() else {
        panic!("{listed}")
    };
    assert_eq!((&guessed["inferred"], &first["inferred"]), (&json!(true), &json!(false)));
    assert_eq!(first["metadata"], json!({ "batch": 3 }), "a beat that is silent changes nothing");
    assert_eq!(first["progress"], progress(300));
    assert_eq!((&first["version"], &first["region"]), (&json!("1.4"), &json!("eu")));
    assert_eq!((&first["state"], &second["state"]), (&json!("running"), &json!("ended")));
    assert_eq!(listed["summary"]["total"], json!(2));
    assert_eq!(listed["sources"]["progress"], json!("reported"));
    let seen = owner.get(&format!("/v1/mesh/agents/{}", mailer.address_id)).await.ok();
    assert_eq!(seen["agent"]["metadata"], json!({ "batch": 3 }));
    let own = mailer.caller.get(&mailer.path("instances")).await.ok();
    assert_eq!(own["summary"], listed["summary"], "an agent sees its own");
    let page = owner.get(&format!("{}?limit=1", mailer.path("instances"))).await.ok();
    assert_eq!(page["next_cursor"], inferred);
}

#[tokio::test]
async fn an_open_control_stream_is_told_of_each_stop_and_resume() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let mut stream = control_stream(&mailer, "w1", "").await;
    let (name, first) = stream.next().await;
    assert_eq!((name.as_str(), &first["run_state"]), ("control.state", &json!("active")));
    let killed = owner
        .post(&mailer.path("kill"), json!({ "reason": "broken link", "wait_instances_ms": 0 }))
        .await
        .ok();
    let (name, told) = stream.next().await;
    assert_eq!((name.as_str(), &told["change"]), ("control.changed", &json!("killed")));
    assert_eq!(told["kill"]["kill_id"], killed["kill_id"]);
    assert_eq!(told["kill"]["reason"], json!("broken link"));
    assert_eq!(told["revision"], killed["revision"]);
    owner.post_nothing(&mailer.path("resume")).await.ok();
    let (_, told) = stream.next().await;
    assert_eq!((&told["change"], &told["run_state"]), (&json!("resumed"), &json!("active")));
    let counted = owner.get(&mailer.path("instances")).await.ok();
    assert_eq!(counted["instances"][0]["open_streams"], json!(1));
    // Its end is the key's.
    let revoke =
        format!("/v1/service-accounts/{}/keys/{}/revoke", mailer.account_id, mailer.key_id);
    owner.post_nothing(&revoke).await.ok();
    assert!(stream.ends().await);
}

#[tokio::test]
async fn a_stream_that_comes_back_is_told_what_it_missed() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let mut stream = control_stream(&mailer, "w1", "").await;
    let known = stream.next().await.1["revision"].as_u64().unwrap();
    drop(stream);
    kill(&owner, &mailer).await;
    owner.post_nothing(&mailer.path("resume")).await.ok();
    kill(&owner, &mailer).await;
    for since in [format!("&since={known}"), "&since=0".to_owned()] {
        let mut stream = control_stream(&mailer, "w1", &since).await;
        let mut told = Vec::new();
        for _ in 0..3 {
            let (name, frame) = stream.next().await;
            assert_eq!(name, "control.changed");
            told.push(frame["change"].as_str().unwrap().to_owned());
        }
        assert_eq!(told, ["killed", "resumed", "killed"], "{since}");
        let (name, now) = stream.next().await;
        assert_eq!((name.as_str(), &now["run_state"]), ("control.state", &json!("killed")));
    }
}

#[tokio::test]
async fn a_kill_waits_for_the_instances_that_it_can_tell() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let (mut first, mut second) =
        (control_stream(&mailer, "w1", "").await, control_stream(&mailer, "w2", "").await);
    first.next().await;
    second.next().await;
    beat(&mailer, json!({ "instance_id": "w3", "progress": progress(74) })).await;
    let path = mailer.path("kill");
    let killing = owner.post(&path, json!({ "wait_instances_ms": 10_000 }));
    let stopping = async {
        for (stream, instance, done) in [(&mut first, "w1", 4_000), (&mut second, "w2", 2_000)] {
            let kill = stream.next().await.1["kill"]["kill_id"].clone();
            let ack =
                json!({ "kill_id": kill, "instance_id": instance, "progress": progress(done) });
            let told = mailer.caller.post(ACK, ack).await.ok();
            assert_eq!((&told["state"], &told["already"]), (&json!("stopped"), &json!(false)));
        }
    };
    let (killed, ()) = tokio::join!(killing, stopping);
    let killed = killed.ok();
    let states: Vec<_> = killed["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["instance_id"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("w3", "blocked"), ("w1", "stopped"), ("w2", "stopped")]);
    let totals = &killed["instance_totals"];
    assert_eq!(totals["sentence"], json!("2 of 3 stopped; 6,074 emails done, 23,926 not"));
    assert_eq!(killed["instances"][1]["via"], json!("stream"));
}

#[tokio::test]
async fn the_record_of_a_kill_fills_as_instances_stop() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    beat(&mailer, json!({ "instance_id": "w1", "progress": progress(10) })).await;
    let killed = kill(&owner, &mailer).await;
    let id = killed["kill_id"].as_str().unwrap();
    let path = format!("/v1/mesh/kills/{id}/stream?wait_seconds=60");
    let mut filling = Frames::of(owner.open(&path).await);
    let (name, first) = filling.next().await;
    assert_eq!((name.as_str(), &first["instance_totals"]["stopped"]), ("kill.record", &json!(0)));
    // It learns of the kill by its beat, and reports what it had done by then.
    let told = beat(&mailer, json!({ "instance_id": "w1" })).await;
    assert_eq!(told["kill"]["kill_id"], killed["kill_id"]);
    let late = json!({ "instance_id": "w1", "progress": progress(20), "heartbeat_id": 1,
                       "metrics": { "intents_total": 10 } });
    beat(&mailer, late).await;
    let ack = json!({ "kill_id": id, "instance_id": "w1" });
    mailer.caller.post(ACK, ack.clone()).await.ok();
    let complete = loop {
        let (name, record) = filling.next().await;
        assert_eq!(name, "kill.record");
        if record["instance_totals"]["stopped"] == json!(1) {
            break record;
        }
    };
    assert_eq!(complete["instances"][0]["via"], json!("heartbeat"));
    assert_eq!(complete["instances"][0]["progress"], progress(20));
    assert_eq!(complete["instances"][0]["reported_after"], json!(0));
    assert_eq!(filling.next().await.0, "stream.timeout", "nothing more is to be waited for");
    // Saying it again changes nothing; going on after all is seen.
    assert_eq!(mailer.caller.post(ACK, ack).await.ok()["already"], json!(true));
    let more = json!({ "instance_id": "w1", "heartbeat_id": 2, "metrics": { "intents_total": 7 } });
    beat(&mailer, more.clone()).await;
    beat(&mailer, more).await;
    let record = record(&owner, &killed).await;
    assert_eq!(record["instances"][0]["reported_after"], json!(7), "a repeated beat counts once");
}

#[tokio::test]
async fn what_instances_said_last_is_given_back_by_the_resume() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let before = owner.get(&mailer.path("last-state")).await.ok();
    assert_eq!((&before["frozen"], &before["instances"]), (&json!(false), &json!([])));
    let said = json!({ "instance_id": "w1", "metadata": { "next": 41 }, "progress": progress(41) });
    beat(&mailer, said).await;
    let killed = kill(&owner, &mailer).await;
    beat(&mailer, json!({ "instance_id": "w1", "metadata": { "next": 42 } })).await;
    let resumed = owner.post_nothing(&mailer.path("resume")).await.ok();
    assert_eq!(resumed["instances"][0]["metadata"], json!({ "next": 42 }));
    assert_eq!(resumed["instances"][0]["late"], json!(true));
    assert_eq!(resumed["instances"][0]["progress"], progress(41));
    // The next life of it does not change what was kept.
    beat(&mailer, json!({ "instance_id": "w1", "metadata": { "next": 0 } })).await;
    let kept = mailer.caller.get(&mailer.path("last-state")).await.ok();
    assert_eq!((&kept["frozen"], &kept["kill_id"]), (&json!(true), &killed["kill_id"]));
    assert_eq!(kept["instances"], resumed["instances"]);
}

#[tokio::test]
async fn two_instances_may_count_their_beats_alike() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    for instance in ["w1", "w2", "w1"] {
        let body = json!({ "instance_id": instance, "heartbeat_id": 1,
                           "metrics": { "intents_total": 5 } });
        beat(&mailer, body).await;
    }
    let seen = owner.get(&format!("/v1/mesh/agents/{}", mailer.address_id)).await.ok();
    assert_eq!(seen["metrics"]["intents_total"], json!(10));
}

#[tokio::test]
async fn what_an_instance_cannot_say_is_refused_by_its_name() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    let long = "x".repeat(5_000);
    for (field, body) in [
        ("instance_id", json!({ "instance_id": "two words" })),
        ("instance_id", json!({ "instance_id": "" })),
        ("metadata", json!({ "metadata": { "text": long } })),
        ("labels.team", json!({ "labels": { "team": 1 } })),
        ("progress.done", json!({ "progress": { "done": -1 } })),
        ("progress", json!({ "progress": 7 })),
        ("version", json!({ "version": "v".repeat(65) })),
    ] {
        let answer = mailer.caller.post(BEAT, body).await;
        let path: Vec<_> = answer.json["detail"][0]["loc"].as_array().unwrap()[1..]
            .iter()
            .map(|part| part.as_str().unwrap().to_owned())
            .collect();
        answer.refused(422, "schema_invalid");
        assert_eq!(path.join("."), field);
    }
    let killed = kill(&owner, &mailer).await;
    let other = Agent::make(&gateway, &owner, "other").await;
    let foreign = json!({ "kill_id": killed["kill_id"], "instance_id": "w1" });
    other.caller.post(ACK, foreign).await.refused(404, "kill_not_found");
    mailer.caller.post(ACK, json!({ "kill_id": "kill_7" })).await.refused(404, "kill_not_found");
    let unsure = json!({ "kill_id": killed["kill_id"], "via": "telepathy" });
    mailer.caller.post(ACK, unsure).await.refused(422, "schema_invalid");
    let patient = json!({ "wait_instances_ms": 10_001 });
    owner.post(&mailer.path("kill"), patient).await.refused(422, "schema_invalid");
}

#[tokio::test]
async fn more_instances_than_are_kept_are_served_and_told_of_a_kill_all_the_same() {
    let gateway = Gateway::start().await;
    let owner = gateway.owner();
    let mailer = Agent::make(&gateway, &owner, "mailer").await;
    for n in 0..10_000 {
        beat(&mailer, json!({ "instance_id": format!("w{n}") })).await;
    }
    let one_more = beat(&mailer, json!({ "instance_id": "one-more" })).await;
    assert_eq!(
        (&one_more["instance_id"], &one_more["run_state"]),
        (&Value::Null, &json!("active"))
    );
    let path = "/v1/mesh/control/stream?instance_id=one-more";
    mailer.caller.get(path).await.refused(429, "too_many_instances");
    // Those that are known go on.
    control_stream(&mailer, "w7", "").await.next().await;
    let listed = owner.get(&format!("{}?limit=1000", mailer.path("instances"))).await.ok();
    assert_eq!(listed["summary"]["total"], json!(10_000));
    assert_eq!(listed["instances_max"], json!(10_000));
    let killed = kill(&owner, &mailer).await;
    let record = loop {
        let record = record(&owner, &killed).await;
        if record["instance_totals"]["total"] == json!(10_000) {
            break record;
        }
    };
    assert_eq!(record["instances"].as_array().unwrap().len(), 1_000, "the list is bounded");
    let told = beat(&mailer, json!({ "instance_id": "one-more" })).await;
    assert_eq!(told["kill"]["kill_id"], killed["kill_id"]);
}
