"""The real gateway: kill, receipt, instances, last state, watch, keys, intents."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from axme import AgentKilled, AxmeAuthError, AxmeHttpError, AxmeValidationError
from conftest import Connect
from cutting_proxy import CuttingProxy
from gateway import INTENT_TYPE, Agent, Api
from process import Gateway, eventually


def body(receiver: Agent, **payload: Any) -> dict[str, Any]:
    return {"intent_type": INTENT_TYPE, "to_agent": receiver.address, "payload": payload}


def test_a_kill_names_its_instances_and_a_resume_gives_back_what_they_said(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator = connect(gateway.url, owner.key)
    agents = [connect(gateway.url, campaign.key, instance_id=f"i{n}", region="eu", version="3") for n in range(3)]
    for number, agent in enumerate(agents):
        agent.mesh.on_kill(lambda: None)
        agent.mesh.start_heartbeat()
        agent.mesh.set_metadata(cursor=number)
        agent.mesh.set_progress(100 * (number + 1), 1000, "e-mails")

    def all_there() -> bool:
        found = operator.mesh.instances(campaign.address)["instances"]
        open_streams = [i["open_streams"] for i in found if i["progress"]]
        return open_streams == [1, 1, 1]

    eventually("all instances are known", all_there)
    found = operator.mesh.instances(campaign.address_id)
    assert found["summary"]["total"] == 3 and found["summary"]["healthy"] == 3
    assert {i["instance_id"] for i in found["instances"]} == {"i0", "i1", "i2"}
    assert {(i["region"], i["version"], i["inferred"]) for i in found["instances"]} == {("eu", "3", False)}

    receipt = operator.mesh.kill(campaign.address, reason="broken link", wait_instances_ms=5000)
    assert receipt["status"] == "killed" and receipt["reason"] == "broken link"
    record = operator.mesh.wait_stopped(receipt["kill_id"], 10.0)
    assert {i["state"] for i in record["instances"]} == {"stopped"}
    assert {i["via"] for i in record["instances"]} == {"stream"}
    totals = record["instance_totals"]
    assert (totals["total"], totals["stopped"], totals["done"], totals["not_done"]) == (3, 3, 600, 2400)
    assert totals["sentence"].startswith("3 of 3 stopped")

    kept = operator.mesh.last_state(campaign.address)
    assert kept["frozen"] is True and kept["kill_id"] == receipt["kill_id"]
    said = {i["instance_id"]: i["metadata"] for i in kept["instances"]}
    assert said == {"i0": {"cursor": 0}, "i1": {"cursor": 1}, "i2": {"cursor": 2}}
    with pytest.raises(AgentKilled):
        agents[0].mesh.last_state()
    assert agents[0].mesh.last_state()["instances"] == kept["instances"], "an agent may read its own"

    resumed = operator.mesh.resume(campaign.address, reason="mended")
    assert {i["instance_id"] for i in resumed["instances"]} == {"i0", "i1", "i2"}
    for agent in agents:
        assert agent.mesh.wait_until_active(5.0).is_active
        agent.mesh.report_metric()


def test_a_kill_reaches_agents_within_a_second(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator, agent = connect(gateway.url, owner.key), connect(gateway.url, campaign.key)
    heard: list[float] = []
    agent.mesh.on_kill(lambda: heard.append(time.monotonic()))
    agent.mesh.start_heartbeat()
    eventually("the stream is open", lambda: opened(operator, campaign))
    began = time.monotonic()
    operator.mesh.kill(campaign.address)
    eventually("the kill arrived", lambda: heard, 1.0)
    assert heard[0] - began < 1.0
    with pytest.raises(AgentKilled) as caught:
        agent.send_intent(body(campaign))
    assert caught.value.by and caught.value.kill_id


def opened(operator: Any, agent: Agent) -> bool:
    return any(i["open_streams"] for i in operator.mesh.instances(agent.address)["instances"])


def test_watching_tells_kill_and_resume_in_order(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator = connect(gateway.url, owner.key)
    operator.mesh.kill(campaign.address)
    operator.mesh.resume(campaign.address)
    changes = operator.mesh.watch(poll_seconds=0.1, timeout_seconds=20)
    killed = operator.mesh.kill(campaign.address)
    resumed = operator.mesh.resume(campaign.address)
    found = [next(changes), next(changes)]
    assert [e["event_id"] for e in found] == [killed["event_id"], resumed["event_id"]]
    assert [e["event_type"] for e in found] == ["agent.killed", "agent.resumed"]


def test_a_wait_for_instances_that_do_not_stop_says_how_many_did(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator, busy = connect(gateway.url, owner.key), connect(gateway.url, campaign.key)
    busy.mesh.start_heartbeat()
    eventually("the stream is open", lambda: opened(operator, campaign))
    receipt = operator.mesh.kill(campaign.address)
    with pytest.raises(TimeoutError, match="0 of 1 stopped"):
        operator.mesh.wait_stopped(receipt["kill_id"], 0.5)
    with pytest.raises(AgentKilled):
        busy.mesh.report_metric()
    record = operator.mesh.wait_stopped(receipt["kill_id"], 10.0)
    assert record["instances"][0]["reported_after"] == 0, "what was done was counted before"


def test_an_agent_that_works_on_after_it_said_stopped_is_found_out(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator, liar = connect(gateway.url, owner.key), connect(gateway.url, campaign.key)
    liar.mesh.start_heartbeat()
    eventually("the stream is open", lambda: opened(operator, campaign))
    kill_id = operator.mesh.kill(campaign.address)["kill_id"]
    eventually("the kill arrived", lambda: liar.mesh.state == "killed")
    for _ in range(3):
        with pytest.raises(AgentKilled):
            liar.mesh.report_metric()
        operator.mesh.wait_stopped(kill_id, 10.0)
    assert liar.mesh.flush()
    record = operator.mesh.get_kill(kill_id)["kill"]
    assert record["instances"][0]["reported_after"] == 2


def test_a_revoked_key_ends_the_loop(gateway: Gateway, owner: Api, campaign: Agent, connect: Connect) -> None:
    operator, agent = connect(gateway.url, owner.key), connect(gateway.url, campaign.key)
    agent.mesh.start_heartbeat()
    eventually("the stream is open", lambda: opened(operator, campaign))
    operator.revoke_service_account_key(campaign.account_id, campaign.key_id)
    eventually("it is known", lambda: agent.mesh._link.instance.refusal, 10.0)
    with pytest.raises(AxmeAuthError) as caught:
        agent.mesh.report_metric()
    assert caught.value.status_code == 401 and not isinstance(caught.value, AgentKilled)


def test_a_key_without_agent_is_told_so(gateway: Gateway, owner: Api, connect: Connect) -> None:
    operator = connect(gateway.url, owner.key)
    with pytest.raises(AxmeAuthError) as caught:
        operator.mesh.start_heartbeat()
    assert caught.value.code == "no_agent_bound"
    with pytest.raises(AxmeAuthError):
        operator.guard()
    assert operator.mesh.list_agents()["ok"] is True, "and goes on as an operator's client"
    assert operator.create_service_account({"name": "late"})["ok"] is True


def test_intents_travel_and_a_stopped_receiver_is_not_oneself(
    gateway: Gateway, owner: Api, campaign: Agent, mailer: Agent, connect: Connect
) -> None:
    operator = connect(gateway.url, owner.key)
    sender, receiver = connect(gateway.url, campaign.key), connect(gateway.url, mailer.key)
    sender.mesh.start_heartbeat()
    intent_id = sender.send_intent(body(mailer, to="a@example.org"))
    delivery = next(receiver.listen(mailer.address, timeout_seconds=10))
    assert delivery["intent_id"] == intent_id
    assert receiver.resume_intent(intent_id, {"action": "complete", "n": 1})["applied"] is True
    assert sender.wait_for(intent_id, timeout_seconds=10)["status"] == "COMPLETED"
    assert sender.get_intent(intent_id)["intent"]["result"]["n"] == 1
    assert sender.list_intent_events(intent_id, since=1)["events"][0]["seq"] == 2

    other = sender.send_intent(body(mailer))
    assert receiver.resolve_intent(other, {"status": "FAILED", "error": {"code": "x"}})["ok"] is True
    operator.mesh.kill(mailer.address)
    with pytest.raises(AxmeAuthError) as caught:
        sender.send_intent(body(mailer))
    assert caught.value.code == "agent_killed" and not isinstance(caught.value, AgentKilled)
    with pytest.raises(AgentKilled):
        next(receiver.listen(mailer.address, timeout_seconds=10))
    sender.mesh.report_metric()


def test_a_listening_agent_is_told_at_once(gateway: Gateway, owner: Api, mailer: Agent, connect: Connect) -> None:
    operator, receiver = connect(gateway.url, owner.key), connect(gateway.url, mailer.key)
    receiver.mesh.start_heartbeat()
    ended: list[AgentKilled] = []

    def listen() -> None:
        try:
            for _ in receiver.listen(mailer.address):
                pass
        except AgentKilled as error:
            ended.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    eventually("it listens", lambda: operator.mesh.instances(mailer.address)["instances"])
    time.sleep(0.2)
    receipt = operator.mesh.kill(mailer.address)
    thread.join(2.0)
    assert [error.kill_id for error in ended] == [receipt["kill_id"]]
    operator.mesh.wait_stopped(receipt["kill_id"], 5.0)


def test_accounts_keys_and_places(gateway: Gateway, owner: Api, connect: Connect) -> None:
    operator = connect(gateway.url, owner.key)
    assert operator.health()["ok"] is True and operator.get_capabilities()["capabilities"]
    made = operator.create_service_account({"name": "billing"})["service_account"]
    org, workspace, account = made["org_id"], made["workspace_id"], made["service_account_id"]
    listed = operator.list_service_accounts(org_id=org, workspace_id=workspace)["service_accounts"]
    assert account in [each["service_account_id"] for each in listed]
    assert operator.get_service_account(account)["service_account"]["name"] == "billing"
    key = operator.create_service_account_key(account, {})["key"]
    agent = connect(gateway.url, key["token"])
    assert agent.guard().is_active
    agents = operator.list_agents(org_id=org, workspace_id=workspace, limit=50)["agents"]
    assert made["agent_address"] in [each["address"] for each in agents]
    assert operator.get_agent(made["agent_address"])["agent"]["service_account_id"] == account
    assert operator.mesh.get_agent(made["agent_address"])["health_status"] == "healthy"
    assert operator.revoke_service_account_key(account, key["key_id"])["key"]["status"] == "revoked"
    assert operator.get_organization(org)["ok"] is True
    assert operator.list_workspaces(org)["workspaces"]
    with pytest.raises(AxmeHttpError) as caught:
        operator.mesh.kill("agent://myorg/production/nobody")
    assert caught.value.status_code == 404 and caught.value.code == "agent_not_found"
    with pytest.raises(AxmeValidationError):
        operator.create_service_account({"name": "!"})


def test_arguments_that_cannot_be_are_refused_here(connect: Connect) -> None:
    client = connect("http://127.0.0.1:9")
    for wrong in (
        lambda: client.create_intent({"correlation_id": "a"}, correlation_id="b"),
        lambda: client.list_intent_events("i", since=-1),
        lambda: client.listen(" "),
        lambda: client.listen("a/b/c", wait_seconds=0),
        lambda: client.observe("i", timeout_seconds=0),
        lambda: client.get_agent(""),
        lambda: client.mesh.start_heartbeat(interval_seconds=0),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_behind_a_proxy_that_cuts_everything_nothing_is_lost_and_kills_arrive(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator = connect(gateway.url, owner.key)
    with CuttingProxy(gateway.port, after_seconds=0.4) as proxy:
        agent = connect(proxy.url, campaign.key)
        agent.mesh.start_heartbeat()
        for _ in range(150):
            agent.mesh.report_metric()
            time.sleep(0.01)
        assert agent.mesh.flush(10.0)
        assert proxy.opened > 5
        assert operator.mesh.get_agent(campaign.address_id)["metrics"]["intents_total"] == 150
        receipt = operator.mesh.kill(campaign.address)
        eventually("the kill arrived", lambda: agent.mesh.state == "killed")
        with pytest.raises(AgentKilled):
            agent.mesh.report_metric()
        operator.mesh.wait_stopped(receipt["kill_id"], 10.0)
        operator.mesh.resume(campaign.address)
        agent.mesh.wait_until_active(10.0)
        agent.close()
    assert operator.mesh.get_agent(campaign.address_id)["metrics"]["intents_total"] == 151
