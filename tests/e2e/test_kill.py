"""What a kill and a resume promise to the operator who gives them."""

from __future__ import annotations

from gateway import Agent, Api


def test_a_kill_answers_with_a_receipt_and_a_record(owner: Api, campaign: Agent, mailer: Agent) -> None:
    owner.send(campaign.address, from_agent=mailer.address).expect()
    stream = f"/v1/agents/{campaign.address.removeprefix('agent://')}/intents/stream?wait_seconds=1"
    owner.with_key(campaign.key).get(stream)
    killed = owner.kill(campaign.address, {"reason": "broken link", "mode": "halt", "actor": "night shift"})
    told = {key: killed[key] for key in ("status", "health_status", "address", "address_id", "mode", "reason")}
    assert told == {
        "status": "killed",
        "health_status": "killed",
        "address": campaign.address,
        "address_id": campaign.address_id,
        "mode": "halt",
        "reason": "broken link",
    }
    assert killed["already"] is False and killed["kill_id"].startswith("kill_")
    receipt = killed["receipt"]
    assert receipt["durability"] == "single" and 0 < receipt["bound_ms"] <= 1000
    assert [replica["state"] for replica in receipt["replicas"]] == ["enforced"]
    assert 0 <= receipt["enforced_in_ms"] <= receipt["bound_ms"]
    assert (receipt["delivered_unfinished"], receipt["streams_closed"]) == (1, 0)

    path = f"/v1/mesh/kills/{killed['kill_id']}"
    record = owner.get(path).expect()["kill"]
    assert (record["revision"], record["killed_by"], record["resumed_at"]) == (
        killed["revision"],
        killed["killed_by"],
        None,
    )
    resumed = owner.resume(campaign.address, {"revision": killed["revision"], "reason": "fixed"})
    assert resumed["lifted"] == [killed["kill_id"]] and resumed["status"] == "active"
    record = owner.get(path).expect()["kill"]
    assert record["resumed_at"] and record["resumed_by"] == resumed["resumed_by"]


def test_a_resume_lifts_nothing_newer_than_its_operator_saw(owner: Api, campaign: Agent) -> None:
    first = owner.kill(campaign.address, {"reason": "one"})
    second = owner.kill(campaign.address, {"reason": "two"})
    assert second["already"] is True and second["revision"] > first["revision"]
    refused = owner.post(f"/v1/mesh/agents/{campaign.address}/resume", {"revision": first["revision"]})
    details = refused.refused(409, "killed_again")["details"]
    assert (details["kill_id"], details["revision"], details["reason"]) == (
        second["kill_id"],
        second["revision"],
        "two",
    )
    assert owner.agent(campaign.address)["run_state"] == "killed"
    resumed = owner.resume(campaign.address, {"revision": second["revision"]})
    assert set(resumed["lifted"]) == {first["kill_id"], second["kill_id"]}
    assert owner.resume(campaign.address)["already"] is True


def test_what_waits_is_held_and_flows_after_the_resume(owner: Api, campaign: Agent, mailer: Agent) -> None:
    sender, receiver = owner.with_key(campaign.key), owner.with_key(mailer.key)
    waiting = [sender.send(mailer.address, {"n": n}).expect()["intent_id"] for n in range(3)]
    stream = f"/v1/agents/{mailer.address.removeprefix('agent://')}/intents/stream?wait_seconds=1"
    owner.kill(mailer.address)
    receiver.get(stream).refused(403, "agent_killed")
    sender.send(mailer.address).refused(403, "agent_killed")
    owner.resume(mailer.address)
    delivered = receiver.get(stream).text
    places = [delivered.find(intent_id) for intent_id in waiting]
    assert -1 not in places and places == sorted(places), "held intents flow in order"


def test_facts_are_accepted_while_stopped_and_marked_late(owner: Api, campaign: Agent, mailer: Agent) -> None:
    receiver = owner.with_key(mailer.key)
    intent_id = owner.send(mailer.address, from_agent=campaign.address).expect()["intent_id"]
    stream = f"/v1/agents/{mailer.address.removeprefix('agent://')}/intents/stream?wait_seconds=1"
    assert intent_id in receiver.get(stream).text
    killed = owner.kill(mailer.address)
    assert killed["receipt"]["delivered_unfinished"] == 1
    done = receiver.post(f"/v1/intents/{intent_id}/resolve", {"status": "COMPLETED", "result": {"sent": 1}}).expect()
    assert (done["intent"]["status"], done["intent"]["late"]) == ("COMPLETED", True)
    assert receiver.get(f"/v1/intents/{intent_id}").expect()["intent"]["result"] == {"sent": 1}
    assert owner.agent(mailer.address)["run_state"] == "killed"


def test_every_intent_names_the_revision_that_admitted_it(owner: Api, campaign: Agent, mailer: Agent) -> None:
    killed = owner.kill(campaign.address)
    resumed = owner.resume(campaign.address)
    intent_id = owner.with_key(campaign.key).send(mailer.address).expect()["intent_id"]
    admitted = owner.get(f"/v1/intents/{intent_id}").expect()["intent"]["admitted_at_revision"]
    assert admitted >= resumed["revision"] > killed["revision"]
