"""The published Python client (axme 0.2.0), unmodified: only its base URL differs.

How it learns of a kill, and its errors and retries: test_published_client_stopped.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from conftest import Connect, MakeGateway
from gateway import Agent, Api
from process import Gateway, eventually
from published import create


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Gateway:
    return make_gateway("gateway", "--org", "myorg", "--workspace", "production").start()


def test_published_readme_works_as_printed(gateway: Gateway, owner: Api, campaign: Agent, connect: Connect) -> None:
    client = connect(owner.key)
    by_address = client.mesh.kill("agent://myorg/production/email-campaign")
    assert (by_address["ok"], by_address["status"]) == (True, "killed")
    assert client.mesh.resume("agent://myorg/production/email-campaign")["status"] == "active"

    agents = client.mesh.list_agents()
    target = [a for a in agents["agents"] if "email-campaign" in a["address"]][0]
    assert isinstance(target["display_name"], str)
    by_id = client.mesh.kill(target["address_id"])
    assert (by_id["status"], by_id["address"]) == ("killed", campaign.address)
    assert client.mesh.get_agent(target["address_id"])["health_status"] == "killed"
    assert client.mesh.resume(target["address_id"])["status"] == "active"


def test_heartbeats_say_who_is_alive_and_who_is_killed(owner: Api, campaign: Agent, connect: Connect) -> None:
    agent, operator = connect(campaign.key), connect(owner.key)
    assert operator.mesh.list_agents(health="unknown")["summary"]["unknown"] == 1

    beat = agent.mesh.heartbeat()
    assert (beat["ok"], beat["status"], beat["health_status"]) == (True, "healthy", "healthy")
    assert (beat["address"], beat["killed"]) == (campaign.address, False)

    operator.mesh.kill(campaign.address_id)
    beat = agent.mesh.heartbeat(metrics={"intents_total": 1})
    assert (beat["ok"], beat["health_status"], beat["killed"]) == (True, "killed", True)
    assert beat["kill"]["by"], "a killed agent may know who stopped it"
    operator.mesh.resume(campaign.address_id)
    assert agent.mesh.heartbeat()["health_status"] == "healthy"


def test_metrics_arrive_with_the_background_heartbeat(owner: Api, campaign: Agent, connect: Connect) -> None:
    agent, operator = connect(campaign.key), connect(owner.key)
    agent.mesh.report_metric(success=True, latency_ms=10.0, cost_usd=0.25)
    agent.mesh.report_metric(success=False, latency_ms=30.0, cost_usd=0.5)
    agent.mesh.start_heartbeat(interval_seconds=0.1)

    def counted() -> bool:
        return bool(operator.mesh.get_agent(campaign.address_id)["metrics"]["intents_total"] == 2)

    eventually("both observations are counted", counted)
    agent.mesh.stop_heartbeat()

    metrics = operator.mesh.get_agent(campaign.address_id)["metrics"]
    assert (metrics["intents_succeeded"], metrics["intents_failed"]) == (1, 1)
    assert metrics["cost_usd"] == pytest.approx(0.75)
    assert metrics["avg_latency_ms"] == pytest.approx(20.0)
    listed = operator.mesh.list_agents()["agents"][0]
    assert (listed["intents_period"], listed["cost_period"]) == (2, pytest.approx(0.75))


def test_list_and_get_have_the_published_fields(owner: Api, campaign: Agent, mailer: Agent, connect: Connect) -> None:
    connect(campaign.key).mesh.heartbeat()
    operator = connect(owner.key)
    listed = operator.mesh.list_agents(limit=10)
    counts = {"total": 2, "healthy": 1, "unknown": 1, "degraded": 0, "unreachable": 0, "killed": 0}
    assert counts.items() <= listed["summary"].items()
    for entry in listed["agents"]:
        assert entry["address_id"].startswith("addr_") and entry["health"] == entry["health_status"]
        assert {"created_at", "metadata", "intents_period", "cost_period", "last_heartbeat_at"} <= entry.keys()
        datetime.fromisoformat(entry["created_at"])
    assert [a["address"] for a in operator.mesh.list_agents(health="healthy")["agents"]] == [campaign.address]
    assert operator.mesh.list_agents(health="dead")["agents"] == []
    one = operator.mesh.get_agent(mailer.address)
    assert (one["address_id"], one["agent"]["address"]) == (mailer.address_id, mailer.address)
    assert isinstance(one["events"], list) and isinstance(one["metrics"], dict)
    own = connect(campaign.key).mesh.list_agents()["agents"]
    assert [a["address"] for a in own] == [campaign.address], "an agent sees itself and nobody else"


def test_mesh_events_tell_kill_and_resume(owner: Api, campaign: Agent, connect: Connect) -> None:
    operator = connect(owner.key)
    killed = operator.mesh.kill(campaign.address_id)
    resumed = operator.mesh.resume(campaign.address_id)
    events = operator.mesh.list_events(limit=50)["events"]
    told = [(e["event_id"], e["event_type"]) for e in events if e["address"] == campaign.address][:2]
    assert told == [(resumed["event_id"], "agent.resumed"), (killed["event_id"], "agent.killed")]
    for event_type in ("agent.killed", "killed"):
        only = operator.mesh.list_events(event_type=event_type)["events"]
        assert [e["event_id"] for e in only] == [killed["event_id"]]
    assert only[0]["actor_id"] and only[0]["address_id"] == campaign.address_id


def test_an_intent_is_sent_observed_and_completed(campaign: Agent, mailer: Agent, connect: Connect) -> None:
    sender, receiver = connect(campaign.key), connect(mailer.key)
    intent_id = create(sender, mailer, {"to": "a@example.org"})
    delivery = next(receiver.listen(mailer.address, timeout_seconds=10))
    assert (delivery["intent_id"], delivery["event_type"]) == (intent_id, "intent.delivered")
    assert (delivery["from_agent"], delivery["status"]) == (campaign.address, "DELIVERED")
    read = receiver.get_intent(intent_id)
    assert read["intent"]["payload"] == read["payload"] == {"to": "a@example.org"}

    resumed = receiver.resume_intent(intent_id, {"action": "complete", "message_id": "m1"}, owner_agent=mailer.address)
    assert (resumed["ok"], resumed["applied"]) == (True, True)
    seen = list(sender.observe(intent_id, timeout_seconds=10))
    assert [e["seq"] for e in seen] == list(range(1, len(seen) + 1)), "events are contiguous from 1"
    assert seen[-1]["event_type"] == "intent.completed"
    assert sender.wait_for(intent_id, timeout_seconds=10)["status"] == "COMPLETED"
    done = sender.get_intent(intent_id)["intent"]
    assert (done["status"], done["lifecycle_status"]) == ("COMPLETED", "COMPLETED")
    assert done["result"]["message_id"] == "m1"


def test_resolve_ends_an_intent_in_each_way(campaign: Agent, mailer: Agent, connect: Connect) -> None:
    sender, receiver = connect(campaign.key), connect(mailer.key)
    endings: list[dict[str, Any]] = [
        {"status": "COMPLETED", "result": {"sent": True}},
        {"status": "FAILED", "error": {"code": "mailbox_full", "message": "no room"}},
        {"status": "CANCELED", "reason": "not wanted any more"},
    ]
    for ending in endings:
        intent_id = create(sender, mailer)
        events = sender.list_intent_events(intent_id)["events"]
        assert [e["event_type"] for e in events[:2]] == ["intent.created", "intent.submitted"]
        resolved = receiver.resolve_intent(intent_id, ending)
        assert resolved["event"]["event_type"] == f"intent.{ending['status'].lower()}"
        assert resolved["completion_delivery"] == {"delivered": False, "reason": "reply_to_not_set"}
        assert sender.wait_for(intent_id, timeout_seconds=10)["status"] == ending["status"]
        since = events[-1]["seq"]
        later = sender.list_intent_events(intent_id, since=since)["events"]
        assert later and all(e["seq"] > since for e in later)
