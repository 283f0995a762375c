"""What three replicas that are well do together: agents, keys, kills and streams count everywhere at once."""

from __future__ import annotations

import json
import threading

from cli import Cli
from faults.replicas import Replicas
from gateway import Api
from process import eventually


def test_what_is_made_at_one_works_at_all_when_the_call_returns(replicas: Replicas) -> None:
    for number in range(5):
        made_at = replicas.all[number % 3]
        mailer = made_at.owner.create_agent(f"mailer-{number}")
        for replica in replicas.all:
            Api(replica.url, mailer.key).get("/v1/keys/self").expect()
        revoked = f"/v1/service-accounts/{mailer.account_id}/keys/{mailer.key_id}/revoke"
        replicas.all[(number + 1) % 3].owner.post(revoked).expect()
        for replica in replicas.all:
            Api(replica.url, mailer.key).get("/v1/keys/self").refused(401)


def test_an_intent_made_at_one_is_delivered_by_a_stream_at_another(replicas: Replicas) -> None:
    campaign, mailer = replicas.alpha.owner.create_agent("campaign"), replicas.alpha.owner.create_agent("mailer")
    api = Api(replicas.beta.url, mailer.key)
    connection = api.connect(timeout_s=30.0)
    path = f"/v1/agents/{mailer.address.removeprefix('agent://')}/intents/stream?wait_seconds=25"
    connection.request("GET", path, headers=api.auth())
    response = connection.getresponse()
    heard: list[bytes] = []

    def read() -> None:
        while part := response.read1(4096):
            heard.append(part)

    thread = threading.Thread(target=read)
    thread.start()
    sent = Api(replicas.gamma.url, campaign.key).send(mailer.address).expect()
    # The stream ends by itself after what there was.
    thread.join(20.0)
    connection.close()
    assert sent["intent_id"] in b"".join(heard).decode()


def test_a_repeated_request_at_another_replica_is_the_same_request(replicas: Replicas) -> None:
    campaign, mailer = replicas.alpha.owner.create_agent("campaign"), replicas.alpha.owner.create_agent("mailer")
    body = {"intent_type": "intent.mail.v1", "correlation_id": "6f1a3c52-6f0f-4a5e-8d3c-0a5a7b0c9d11",
            "to_agent": mailer.address, "payload": {"n": 1}}
    headers = {"idempotency-key": "once"}
    answers = [
        Api(replica.url, campaign.key).post("/v1/intents", body, headers=headers).expect() for replica in replicas.all
    ]
    assert len({answer["intent_id"] for answer in answers}) == 1


def test_a_kill_ends_the_streams_at_every_replica_and_its_record_fills(replicas: Replicas) -> None:
    mailer = replicas.alpha.owner.create_agent("mailer")
    path = f"/v1/agents/{mailer.address.removeprefix('agent://')}/intents/stream?wait_seconds=25"
    open_streams = []
    for replica in replicas.all:
        api = Api(replica.url, mailer.key)
        connection = api.connect(timeout_s=20.0)
        connection.request("GET", path, headers=api.auth())
        open_streams.append((connection, connection.getresponse()))
    answered = replicas.beta.owner.post(f"/v1/mesh/agents/{mailer.address}/kill?wait=commit", {}).expect()
    for connection, response in open_streams:
        response.read()
        connection.close()

    def record() -> bool:
        found = replicas.gamma.owner.get(f"/v1/mesh/kills/{answered['kill_id']}").expect()["kill"]
        states = {each["replica_id"]: each["state"] for each in found["receipt"]["replicas"]}
        closed = found["receipt"]["streams_closed"]
        return states == dict.fromkeys(replicas.names, "enforced") and closed == len(replicas.all)

    eventually("the record names every replica and all that was closed", record)


def test_an_instance_at_another_replica_is_told_and_its_word_is_in_the_answer_of_the_kill(replicas: Replicas) -> None:
    mailer = replicas.alpha.owner.create_agent("mailer")
    path = "/v1/mesh/control/stream?instance_id=worker-1"
    api = Api(replicas.beta.url, mailer.key)
    connection = api.connect(timeout_s=20.0)
    connection.request("GET", path, headers=api.auth())
    stream = connection.getresponse()
    assert "control.state" in stream.read1(4096).decode()
    api.post("/v1/mesh/heartbeat", {"instance_id": "worker-1", "progress": {"done": 6074, "total": 50000}}).expect()

    def is_known() -> bool:
        # What one replica hears the others know within a second.
        seen = replicas.alpha.owner.get(f"/v1/mesh/agents/{mailer.address}/instances").expect()["instances"]
        return [each["open_streams"] for each in seen] == [1] and seen[0]["progress"] is not None

    eventually("the instance is known everywhere", is_known)

    def stop() -> None:
        told = stream.read1(4096).decode()
        data = next(line for line in told.splitlines() if line.startswith("data: "))
        kill = json.loads(data.removeprefix("data: "))["kill"]
        # Said at the third replica.
        ack = {"kill_id": kill["kill_id"], "instance_id": "worker-1"}
        Api(replicas.gamma.url, mailer.key).post("/v1/mesh/control/ack", ack).expect()

    thread = threading.Thread(target=stop)
    thread.start()
    order = {"wait_instances_ms": 10_000}
    killed = replicas.alpha.owner.post(f"/v1/mesh/agents/{mailer.address}/kill", order).expect()
    thread.join(10.0)
    connection.close()
    assert [each["state"] for each in killed["instances"]] == ["stopped"]
    assert killed["instance_totals"]["sentence"] == "1 of 1 stopped; 6,074 done, 43,926 not"
    for replica in replicas.all:
        seen = replica.owner.get(f"/v1/mesh/agents/{mailer.address}/instances").expect()
        assert [each["instance_id"] for each in seen["instances"]] == ["worker-1"]
    resumed = replicas.gamma.owner.post(f"/v1/mesh/agents/{mailer.address}/resume").expect()
    assert resumed["instances"][0]["progress"] == {"done": 6074, "total": 50000, "unit": None}


def test_the_command_line_lists_the_replicas(replicas: Replicas, cli: Cli) -> None:
    environment = {"AXME_BASE_URL": replicas.alpha.url, "AXME_API_KEY": replicas.alpha.owner_key}
    answer = cli.run("replicas", "--json", environment=environment).json
    assert {each["replica_id"] for each in answer["replicas"]} == replicas.names
    assert {each["state"] for each in answer["replicas"]} == {"fresh"} and answer["durability"] == "replicated"
    assert {each["region"] for each in answer["replicas"]} == {"north", "south"}
    shown = cli.run("replicas", environment=environment)
    assert all(name in shown.out for name in replicas.names), shown
    assert "survive a failover" in shown.out + shown.err
