"""A replica stands still (SIGSTOP) before or during a kill, and wakes when it is over."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from faults.checks import check_served
from faults.replicas import Replicas, epochs
from faults.scene import ROUNDS, Scene, meanwhile
from process import LONG, SEED

MOMENT_S_MAX = 0.015
# Up to twice a lease after the kill: the replica wakes as fenced, or as long forgotten.
ASLEEP_S_MAX = 1.4


@pytest.mark.bound_s(900 if LONG else 240)
def test_a_replica_frozen_before_a_kill_is_fenced_and_admits_nothing(replicas: Replicas, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        coordinator, frozen = chance.sample(replicas.all, 2)
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            epoch = epochs(frozen)[frozen.name]
            frozen.freeze()
            order = scene.kill(coordinator)
            assert order.states[frozen.name] == {"fenced"}, order
            for other in replicas.others(frozen):
                assert order.states[other.name] == {"enforced"}, order
                scene.await_flow(scene.bystander.name, [other])
            with meanwhile(chance.uniform(0, ASLEEP_S_MAX), frozen.thaw):
                scene.assert_final()
            replicas.await_fresh()
            assert epochs(coordinator)[frozen.name] > epoch, "it was fenced, so this is another life"
            scene.await_stopped_at(frozen)
            scene.resume(frozen, order)
        for other in replicas.others(frozen):
            check_served(scene.report, scene.bystander, other.name, order.began, order.returned)


@pytest.mark.bound_s(900 if LONG else 240)
def test_a_kill_is_final_though_a_replica_freezes_in_the_middle(replicas: Replicas, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        coordinator, frozen = chance.sample(replicas.all, 2)
        with Scene(replicas, number, tmp_path) as scene:
            scene.await_both_flow()
            with meanwhile(chance.uniform(0, MOMENT_S_MAX), frozen.freeze):
                order = scene.kill(coordinator)
            assert order.states[frozen.name] <= {"enforced", "fenced"}, order
            for other in replicas.others(frozen):
                assert order.states[other.name] == {"enforced"}, order
            with meanwhile(chance.uniform(0, ASLEEP_S_MAX), frozen.thaw):
                scene.assert_final()
            replicas.await_fresh()
            scene.await_stopped_at(frozen)
            scene.resume(frozen, order)
