"""A replica is killed with SIGKILL while a kill is under way, as a bystander or as the one that was asked."""

from __future__ import annotations

import http.client
import random
from pathlib import Path

import pytest

from faults import kills
from faults.kills import Order
from faults.replicas import Replica, Replicas
from faults.scene import ROUNDS, Scene, meanwhile
from process import LONG, SEED

# A kill takes some milliseconds, so most of these moments lie before, in or shortly after it.
MOMENT_S_MAX = 0.015


@pytest.mark.bound_s(900 if LONG else 240)
def test_a_kill_is_final_though_another_replica_dies_in_the_middle(replicas: Replicas, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        coordinator, dying = chance.sample(replicas.all, 2)
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            with meanwhile(chance.uniform(0, MOMENT_S_MAX), dying.crash):
                order = scene.kill(coordinator)
            for other in replicas.others(dying):
                assert "enforced" in order.states[other.name], order
            dying.start()
            replicas.await_fresh()
            scene.await_stopped_at(dying)
            scene.resume(chance.choice(replicas.all), order)


@pytest.mark.bound_s(900 if LONG else 240)
def test_a_kill_whose_replica_dies_is_repeated_at_another(replicas: Replicas, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        coordinator, second = chance.sample(replicas.all, 2)
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            with meanwhile(chance.uniform(0, MOMENT_S_MAX), coordinator.crash):
                order = answered(coordinator, scene)
            if order is not None:
                scene.note(order)
            repeated = scene.kill(second)
            for other in replicas.others(coordinator):
                assert "enforced" in repeated.states[other.name], repeated
            coordinator.start()
            replicas.await_fresh()
            scene.await_stopped_at(coordinator)
            scene.resume(chance.choice(replicas.all), repeated)


def answered(coordinator: Replica, scene: Scene) -> Order | None:
    """The answer, when it came before the replica died; the operator knows nothing otherwise."""
    try:
        return kills.give(coordinator, scene.victim.address, "first try")
    except (OSError, http.client.HTTPException):
        return None
