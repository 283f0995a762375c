"""A kill wins against the flood that it is for, and nothing of that agent is admitted after it.

The only time asserted is the promised bound; ratios and percentiles are the benchmark's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flood import Flood, Plan, Report
from gateway import Agent, Api
from process import LONG, Gateway, eventually

CONNECTIONS = 64
KILLS = 100 if LONG else 20
KILL_BOUND_S = 1.0
WATCHED_S = 0.2


def newest(owner: Api) -> list[str]:
    """The newest intents of the store: the only agent that sends here is the killed one."""
    listed = owner.get("/v1/intents?limit=100").expect()["intents"]
    return [entry["intent_id"] for entry in listed]


def others_than(owner: Api, seen: list[str]) -> Callable[[], bool]:
    return lambda: not set(seen).issuperset(newest(owner))


@pytest.mark.bound_s(600 if LONG else 180)
def test_kills_during_a_flood_are_final_and_in_time(
    gateway: Gateway, owner: Api, campaign: Agent, mailer: Agent, tmp_path: Path
) -> None:
    report = str(tmp_path / "flood.json")
    plan = Plan(gateway.port, campaign.key, mailer.address, "flood", CONNECTIONS, 500.0, report)
    with Flood(plan) as flood:
        eventually("the flood runs", lambda: len(newest(owner)) == 100)
        for number in range(KILLS):
            began = time.monotonic()
            killed = owner.kill(campaign.address, {"reason": f"round {number}"})
            took_s = time.monotonic() - began
            final = newest(owner)
            admitted = owner.agent(campaign.address)["counts"]["admitted"]
            assert took_s < KILL_BOUND_S, f"kill {number} took {took_s:.3f} s"
            assert killed["receipt"]["replicas"][0]["state"] == "enforced"
            time.sleep(WATCHED_S)
            assert newest(owner) == final, f"kill {number}: intents were admitted after it returned"
            assert owner.agent(campaign.address)["counts"]["admitted"] == admitted
            began = time.monotonic()
            owner.resume(campaign.address, {"revision": killed["revision"]})
            assert time.monotonic() - began < KILL_BOUND_S, f"resume {number}"
            eventually("the flood goes on", others_than(owner, final))
        known = flood.end()
    check_counts(owner, campaign, known)


def check_counts(owner: Api, campaign: Agent, known: Report) -> None:
    """What the sender knows, what the store holds and what the gateway counted agree."""
    assert not known.in_doubt
    assert set(known.refused) <= {"403 agent_killed", "429 agent_busy"}, known.refused
    assert known.refused["403 agent_killed"] > 0
    stored = {entry["intent_id"] for entry in owner.pages("/v1/intents", "intents")}
    assert stored == set(known.acknowledged.values())
    counts = owner.agent(campaign.address)["counts"]
    assert (counts["admitted"], counts["source"]) == (len(stored), "gateway")
    assert counts["denied"] >= known.refused["403 agent_killed"]
