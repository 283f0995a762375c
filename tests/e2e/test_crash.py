"""The gateway is killed with SIGKILL at random moments under load, again and again, on one store.

Whatever it acknowledged is there afterwards: intents, kills, resumes, resolves.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chain import verify
from cli import Cli
from conftest import MakeGateway
from flood import Flood, Plan, Report, body
from gateway import Agent, Api
from process import LONG, SEED, Gateway

ROUNDS = 60 if LONG else 20
CONNECTIONS = 32
LIFE_SECONDS_MIN, LIFE_SECONDS_MAX = 0.05, 0.9
SAMPLE_COUNT = 50


@dataclass
class Orders:
    """What an operator and a receiver were told in the life of one process."""

    victim: Agent
    victim_kill: str = ""
    kills: list[str] = field(default_factory=list)
    resumes: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)


@dataclass
class World:
    """All that was ever acknowledged, over all crashes."""

    sender: Agent
    mailer: Agent
    toggled: Agent
    intents: dict[str, str] = field(default_factory=dict)
    in_doubt: list[str] = field(default_factory=list)
    orders: list[Orders] = field(default_factory=list)
    chain_lengths: dict[str, int] = field(default_factory=dict)


@pytest.mark.bound_s(900 if LONG else 300)
def test_nothing_acknowledged_is_lost(make_gateway: MakeGateway, cli: Cli, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    gateway = make_gateway().start()
    owner = gateway.owner
    world = World(owner.create_agent("sender"), owner.create_agent("mailer"), owner.create_agent("toggled"))
    for number in range(ROUNDS):
        live_and_crash(gateway, world, number, chance, tmp_path)
        gateway.start()
        check_intents(owner, world, chance)
        check_orders(owner, world)
        check_chains(owner, world)
    assert len(world.intents) > ROUNDS, "the load was no load"
    assert any(order.kills for order in world.orders) and any(order.resolved for order in world.orders)
    cli.login(gateway)
    assert cli.run("audit", "verify").code == 0
    assert gateway.stop() == 0


def live_and_crash(gateway: Gateway, world: World, number: int, chance: random.Random, directory: Path) -> None:
    """One life of the process: a flood, an operator, a receiver; then SIGKILL."""
    owner = gateway.owner
    orders = Orders(owner.create_agent(f"victim-{number}"))
    world.orders.append(orders)
    target = owner.send(world.mailer.address, from_agent=world.sender.address).expect()["intent_id"]
    world.intents[f"by-hand-{number}"] = target
    report = str(directory / f"flood-{number}.json")
    plan = Plan(gateway.port, world.sender.key, world.mailer.address, f"r{number}", CONNECTIONS, 30.0, report)
    with Flood(plan) as flood:
        people = [
            threading.Thread(target=until_the_crash, args=(lambda: toggle(owner, world.toggled, orders),)),
            threading.Thread(target=until_the_crash, args=(lambda: resolve(owner, world, orders),)),
        ]
        for person in people:
            person.start()
        wait_s = chance.uniform(LIFE_SECONDS_MIN, LIFE_SECONDS_MAX)
        threading.Event().wait(wait_s / 2)
        orders.victim_kill = owner.kill(orders.victim.address)["kill_id"]
        threading.Event().wait(wait_s / 2)
        gateway.crash()
        for person in people:
            person.join(30)
        remember(world, flood.end())


def until_the_crash(life: Callable[[], None]) -> None:
    """Runs until the gateway is gone: the request at that moment is in doubt and not recorded."""
    try:
        while True:
            life()
    except (OSError, http.client.HTTPException):
        pass


def toggle(owner: Api, agent: Agent, orders: Orders) -> None:
    kill_id = owner.kill(agent.address, {"reason": "crash test"})["kill_id"]
    orders.kills.append(kill_id)
    owner.resume(agent.address)
    orders.resumes.append(kill_id)


def resolve(owner: Api, world: World, orders: Orders) -> None:
    sent = owner.send(world.mailer.address, from_agent=world.sender.address).expect()["intent_id"]
    world.intents[f"resolved-{sent}"] = sent
    ended = owner.post(f"/v1/intents/{sent}/resolve", {"status": "COMPLETED", "result": {"n": 1}})
    assert ended.expect()["intent"]["status"] == "COMPLETED"
    orders.resolved.append(sent)


def remember(world: World, report: Report) -> None:
    assert not report.refused, f"nothing stops this sender: {report.refused}"
    world.intents |= report.acknowledged
    world.in_doubt = report.in_doubt


def check_intents(owner: Api, world: World, chance: random.Random) -> None:
    """Every acknowledged intent is there; one in doubt is there or not, and never twice."""
    sender = Api(owner.url, world.sender.key, keep_alive=True)
    for key in world.in_doubt:
        again = sender.post("/v1/intents", body(world.mailer.address, key), headers={"idempotency-key": key})
        world.intents[key] = again.expect()["intent_id"]
    for key in chance.sample(sorted(world.intents), min(SAMPLE_COUNT, len(world.intents))):
        intent = sender.get(f"/v1/intents/{world.intents[key]}").expect()["intent"]
        assert intent["payload"].get("key", key) == key
    stored = [entry["intent_id"] for entry in owner.pages("/v1/intents", "intents")]
    assert len(stored) == len(set(stored)), "an intent is listed twice"
    lost = set(world.intents.values()) - set(stored)
    assert not lost, f"{len(lost)} acknowledged intents are gone, of {len(world.intents)}"
    for orders in world.orders[-1:]:
        for intent_id in orders.resolved:
            status = sender.get(f"/v1/intents/{intent_id}").expect()["intent"]["status"]
            assert status == "COMPLETED", f"{intent_id} was resolved and is {status}"


def check_orders(owner: Api, world: World) -> None:
    """A killed agent is still killed, in every later life; each kill and resume has its record."""
    for orders in world.orders:
        victim = owner.agent(orders.victim.address)
        assert victim["run_state"] == "killed" and victim["kill"]["kill_id"] == orders.victim_kill
        refused = owner.with_key(orders.victim.key).send(world.mailer.address)
        refused.refused(403, "agent_killed")
    latest = world.orders[-1]
    for kill_id in latest.kills:
        kill = owner.get(f"/v1/mesh/kills/{kill_id}").expect()["kill"]
        assert kill["address"] == world.toggled.address
        assert kill["resumed_at"] or kill_id not in latest.resumes, f"{kill_id} was resumed: {kill}"
    owner.resume(world.toggled.address)


def check_chains(owner: Api, world: World) -> None:
    """The audit chains verify, and none is shorter than before."""
    lengths = verify(owner)
    for chain, length in world.chain_lengths.items():
        assert lengths.get(chain, 0) >= length, f"{chain} lost entries"
    world.chain_lengths = lengths
