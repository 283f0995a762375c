"""One replica's way to the store is slow, cut off or cut through."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from faults import kills
from faults.proxy import Proxy
from faults.replicas import Replica, Replicas, epochs
from faults.scene import ROUNDS, Scene, meanwhile
from gateway import Api
from process import LONG, SEED

FAR_S = 0.1
# Many renewals of a lease; a replica that is fenced at rest is fenced within a few of them.
REST_S = 5.0
CUT_OFF_S = 2.0
MOMENT_S_MAX = 0.015
# A kill whose connection is cut may need another one, and so long, until it is committed.
COMMIT_DEADLINE_S = 2.0


@pytest.mark.bound_s(900 if LONG else 240)
def test_a_far_replica_is_not_fenced_and_kills_stay_in_the_bound(replicas: Replicas, tmp_path: Path) -> None:
    near, far = replicas.alpha, replicas.gamma
    far.link.each(lambda proxy: proxy.delay(FAR_S))
    replicas.await_fresh()
    before = epochs(near)
    until = time.monotonic() + REST_S
    while time.monotonic() < until:
        assert epochs(near) == before, "a replica was fenced at rest"
        assert far.is_ready()
    for number in range(ROUNDS):
        # At the far replica each of the three statements of a kill (commit, list, close) takes a
        # round trip more.
        coordinator, link_s = ((near, 0.0), (far, 3 * 2 * FAR_S))[number % 2]
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            order = scene.kill(coordinator, link_s)
            for other in replicas.others(far):
                assert order.states[other.name] == {"enforced"}, order
            # It answers after two round trips and its own batch, which may come too late.
            replicas.await_fresh()
            scene.await_stopped_at(far)
            scene.resume(coordinator, order)


@pytest.mark.bound_s(900 if LONG else 240)
@pytest.mark.parametrize("break_network", [Proxy.drop, Proxy.stall], ids=["dropped", "stalled"])
def test_a_replica_cut_off_is_fenced_and_comes_back(
    break_network: Callable[[Proxy], None], replicas: Replicas, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        coordinator, lonely = chance.sample(replicas.all, 2)
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            lonely.link.each(break_network)
            broken_at = time.monotonic()
            order = scene.kill(coordinator)
            assert order.states[lonely.name] == {"fenced"}, order
            assert_denies(lonely, scene)
            scene.assert_final()
            time.sleep(max(0.0, broken_at + CUT_OFF_S - time.monotonic()))
            lonely.link.each(Proxy.pass_on)
            replicas.await_fresh()
            scene.await_stopped_at(lonely)
            scene.resume(lonely, order)


def assert_denies(lonely: Replica, scene: Scene) -> None:
    """Without proof of a fresh view it admits nothing, of nobody."""
    sent = Api(lonely.url, scene.bystander.key).send(scene.mailer.address, {"key": "never"})
    sent.refused(503, "gateway_fenced")


@pytest.mark.bound_s(900 if LONG else 240)
def test_a_kill_gets_through_though_connections_are_cut(replicas: Replicas, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        coordinator, other = chance.sample(replicas.all, 2)
        struck = (coordinator, other)[number % 2]
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            with meanwhile(chance.uniform(0, MOMENT_S_MAX), partial(struck.link.each, Proxy.cut)):
                order = kills.give(coordinator, scene.victim.address, "while connections are cut")
            if order.answer.status != 200:
                assert struck is coordinator, f"its network was in order: {order}"
                kills.check_unconfirmed(order)
                order = scene.kill(other)
            else:
                scene.note(order, COMMIT_DEADLINE_S if struck is coordinator else 0.0)
            replicas.await_fresh()
            scene.await_stopped_at(struck)
            scene.resume(coordinator, order)
