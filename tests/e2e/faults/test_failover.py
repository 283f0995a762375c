"""The primary dies with all its processes, the standby is promoted, and the gateways find it by themselves."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from faults import kills
from faults.kills import Order
from faults.replicas import Replica, Replicas, durability
from faults.scene import ROUNDS, Scene
from gateway import Agent, Api
from process import LONG, SEED, eventually

PROBE_TIMEOUT_S = 5.0


@pytest.mark.bound_s(1500 if LONG else 300)
def test_nothing_acknowledged_is_lost_in_a_failover(replicas: Replicas, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    pair, owner = replicas.pair, replicas.alpha.owner
    stopped: list[Agent] = []
    assert durability(replicas.alpha) == "replicated"
    for number in range(ROUNDS):
        stopped.append(owner.create_agent(f"stopped-{number}"))
        target = owner.create_agent(f"target-{number}")
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            owner.kill(stopped[-1].address)
            pair.kill_primary()
            check_outage(replicas, target)
            pair.promote()
            replicas.await_fresh()
            scene.await_both_flow()
            check_still_stopped(replicas, stopped, scene.mailer)
            repeat_kill(replicas, target)
            order = scene.kill(chance.choice(replicas.all))
            assert all("enforced" in order.states[name] for name in replicas.names), order
            scene.resume(chance.choice(replicas.all), order)
        pair.add_standby()


def check_outage(replicas: Replicas, target: Agent) -> None:
    """Without a store every replica says that it lives, serves nothing, and has recorded no kill."""

    def give(number: int) -> Order:
        return kills.give(replicas.all[number], target.address, "in the outage")

    with ThreadPoolExecutor(len(replicas.all)) as operators:
        for order in operators.map(give, range(len(replicas.all))):
            kills.check_unconfirmed(order)
    for replica in replicas.all:
        probe = Api(replica.url, None)
        assert probe.get("/health", timeout_s=PROBE_TIMEOUT_S).status == 200, "it lives; a restart would not help"
        eventually(f"{replica.name} says that it does not serve", partial(is_not_ready, probe))


def is_not_ready(probe: Api) -> bool:
    """Within a lease: until then its view is proven fresh."""
    return probe.get("/ready", timeout_s=PROBE_TIMEOUT_S).status == 503


def check_still_stopped(replicas: Replicas, stopped: list[Agent], mailer: Agent) -> None:
    """Kills that returned before this or an earlier failover hold at every replica."""
    for replica in replicas.all:
        for agent in stopped:
            kills.await_refused(replica, agent, mailer)


def repeat_kill(replicas: Replicas, target: Agent) -> None:
    """As its answer asked, the order of the outage is repeated until it is confirmed; it may have been recorded."""
    for replica in replicas.all:
        order = eventually(f"{replica.name} confirms the kill", partial(confirmed, replica, target))
        assert order is not None
        kills.check_order(order, replicas.names)


def confirmed(at: Replica, target: Agent) -> Order | None:
    order = kills.give(at, target.address, "repeated after the outage")
    return order if order.answer.status == 200 else None
