"""The published Python client when its agent is stopped, when it errs, and when the network does."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from axme import AxmeAuthError, AxmeHttpError, AxmeValidationError

from conftest import Connect
from gateway import INTENT_TYPE, Agent, Api
from lossy_proxy import LossyProxy
from process import Gateway, eventually
from published import Listener, create

# What the project promises to an agent that listens.
STOP_BOUND_S = 1.0


def test_every_listener_is_stopped_within_a_second(
    owner: Api, campaign: Agent, mailer: Agent, connect: Connect
) -> None:
    operator = connect(owner.key)
    instances = [Listener(connect(mailer.key), mailer.address) for _ in range(3)]
    eventually("all instances listen", lambda: owner.agent(mailer.address_id)["open_streams"] == 3)
    before = time.monotonic()
    killed = operator.mesh.kill(mailer.address_id)
    for instance in instances:
        error = instance.join(STOP_BOUND_S)
        assert isinstance(error, AxmeAuthError) and error.status_code == 403
        assert error.body["error"]["code"] == "agent_killed"
        assert instance.ended_at - before < STOP_BOUND_S
    assert killed["receipt"]["streams_closed"] == killed["open_streams_closed"] == 3

    operator.mesh.resume(mailer.address_id)
    again = Listener(connect(mailer.key), mailer.address)
    intent_id = create(connect(campaign.key), mailer)
    eventually("intents flow after the resume", lambda: [e["intent_id"] for e in again.events] == [intent_id])


def test_a_killed_agent_neither_sends_nor_receives(
    owner: Api, campaign: Agent, mailer: Agent, connect: Connect
) -> None:
    operator, sender, receiver = connect(owner.key), connect(campaign.key), connect(mailer.key)
    before = create(sender, mailer)
    operator.mesh.kill(campaign.address)
    with pytest.raises(AxmeAuthError) as outbound:
        create(sender, mailer)
    with pytest.raises(AxmeAuthError) as inbound:
        create(receiver, campaign)
    with pytest.raises(AxmeAuthError) as itself:
        sender.mesh.resume(campaign.address)
    for refusal in (outbound, inbound):
        assert refusal.value.status_code == 403
        assert refusal.value.body["error"]["code"] == "agent_killed"
    assert itself.value.status_code == 403, "no agent lifts its own kill"
    assert sender.get_intent(before)["intent"]["intent_id"] == before, "it may read what it had sent"

    operator.mesh.resume(campaign.address)
    create(sender, mailer)
    create(receiver, campaign)
    assert sender.mesh.heartbeat()["killed"] is False


def test_a_refusal_is_not_replayed_after_the_resume(
    owner: Api, campaign: Agent, mailer: Agent, connect: Connect
) -> None:
    operator, sender = connect(owner.key), connect(campaign.key)
    body = {"intent_type": INTENT_TYPE, "to_agent": mailer.address, "payload": {"n": 1}}
    same = {"correlation_id": str(uuid.uuid4()), "idempotency_key": "e-mail-0001"}
    operator.mesh.kill(campaign.address)
    with pytest.raises(AxmeAuthError):
        sender.create_intent(body, **same)
    operator.mesh.resume(campaign.address)
    first = sender.create_intent(body, **same)
    assert sender.create_intent(body, **same)["intent_id"] == first["intent_id"]
    operator.mesh.kill(campaign.address)
    with pytest.raises(AxmeAuthError):
        sender.create_intent(body, **same)
    with pytest.raises(AxmeAuthError):
        sender.create_intent(body, correlation_id=str(uuid.uuid4()))


def test_errors_arrive_as_the_clients_own_kinds(campaign: Agent, mailer: Agent, connect: Connect) -> None:
    client = connect(campaign.key)
    with pytest.raises(AxmeAuthError) as unknown_key:
        connect("axme_sa_sa_unknown_" + "0" * 64).mesh.heartbeat()
    assert unknown_key.value.status_code == 401
    with pytest.raises(AxmeHttpError) as missing:
        client.get_intent(str(uuid.uuid4()), trace_id="trace-of-the-caller")
    assert (type(missing.value), missing.value.status_code) == (AxmeHttpError, 404)
    assert missing.value.trace_id == "trace-of-the-caller" and missing.value.request_id
    assert missing.value.message == missing.value.body["error"]["message"]
    with pytest.raises(AxmeValidationError) as bad_type:
        client.create_intent({"intent_type": "Nonsense", "to_agent": mailer.address, "payload": {}}, correlation_id="x")
    assert bad_type.value.status_code == 422
    intent_id = create(client, mailer)
    receiver = connect(mailer.key)
    receiver.resolve_intent(intent_id, {"status": "COMPLETED", "result": {}})
    with pytest.raises(AxmeValidationError) as twice:
        receiver.resolve_intent(intent_id, {"status": "FAILED", "error": {}})
    assert twice.value.status_code == 409


def test_lost_answers_repeat_nothing(
    gateway: Gateway, owner: Api, campaign: Agent, mailer: Agent, connect: Connect
) -> None:
    with LossyProxy(owner) as network:
        client = connect(campaign.key, network.url)
        network.lose = 2
        intent_id = create(client, mailer, idempotency_key="e-mail-0002")
        assert network.forwarded == 3, "two answers were lost, the third arrived"
        assert [i["intent_id"] for i in owner.pages("/v1/intents", "intents")] == [intent_id]

        network.lose = 1
        client.mesh.heartbeat(metrics={"intents_total": 5, "intents_succeeded": 5, "cost_usd": 1.5})
        metrics = connect(owner.key).mesh.get_agent(campaign.address)["metrics"]
        assert (metrics["intents_total"], metrics["cost_usd"]) == (5, 1.5), "a beat counts once"


def test_the_client_rides_through_a_restart(
    gateway: Gateway, owner: Api, campaign: Agent, mailer: Agent, connect: Connect
) -> None:
    sender = connect(campaign.key, retry_backoff_seconds=2.0)
    intent_id = create(sender, mailer)
    assert gateway.stop() == 0
    restart = threading.Timer(0.5, gateway.launch)
    restart.start()
    read = sender.get_intent(intent_id)
    restart.join()
    assert read["intent"]["intent_id"] == intent_id
    eventually("the gateway serves again", gateway.is_ready)
    assert create(sender, mailer, idempotency_key="after-the-restart")
