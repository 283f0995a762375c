"""The disk of the database is full: refused by name, kills told for what they are, and all mended by room alone."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import partial

import pytest

from conftest import MakeGateway
from faults import stored
from faults.conftest import MakeLone
from faults.disk import Disk
from faults.kills import KILL_TIMEOUT_S
from faults.lone import Lone
from faults.test_store_trouble import ANSWERS_WITHIN_S, NOT_RECORDED, await_reason, kill, url_of
from gateway import Agent, Answer, Api
from process import Gateway, eventually

# Of one page of a table or more, so that what the tables have free is soon used up.
PADDING = "x" * 6000
# More than the pages that are begun can take.
ORDERS_MAX = 200
# What says of an intent that nothing is known of it; whoever sent it repeats it.
IN_DOUBT = {"outcome_unknown"}
TROUBLES = {"store_full", "store_unreachable"}
SERVES_AGAIN_WITHIN_S = 30.0


class Sender:
    """One agent that sends to another, with the keys of what was acknowledged and of what is in doubt."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.sender, self.receiver = (gateway.owner.create_agent(name) for name in ("campaign", "mailer"))
        self.acknowledged: set[str] = set()
        self.in_doubt: set[str] = set()
        self._number = itertools.count()

    def send(self) -> Answer:
        key = f"sent/{next(self._number)}"
        began = time.monotonic()
        answer = Api(self.gateway.url, self.sender.key).send(self.receiver.address, {"key": key, "padding": PADDING})
        assert time.monotonic() - began < ANSWERS_WITHIN_S, answer.text
        if answer.status == 200:
            self.acknowledged.add(key)
        elif answer.code in IN_DOUBT:
            self.in_doubt.add(key)
        return answer

    def send_until_refused(self) -> Answer:
        for _ in range(ORDERS_MAX):
            answer = self.send()
            if answer.status != 200:
                return answer
        raise AssertionError("the disk is not full")

    def assert_nothing_lost(self, lone: Lone) -> None:
        found = set(stored.rows(lone, "sent/"))
        assert self.acknowledged <= found, f"gone: {sorted(self.acknowledged - found)}"
        assert found <= self.acknowledged | self.in_doubt, "refused, and yet in the store"


@pytest.fixture
def data_on(disk: Disk, make_lone: MakeLone) -> Lone:
    """A server whose tables are on the small disk, and whose log is not: it lives on when that is full."""
    return make_lone().start(kept_at=disk.folder)


@pytest.fixture
def log_on(disk: Disk, make_lone: MakeLone) -> Lone:
    """A server whose write-ahead log is on the small disk: it ends itself when that is full."""
    lone = make_lone()
    log, moved = lone.server.data / "pg_wal", disk.folder / "pg_wal"
    # `cp` keeps the owner and the modes, on which the server insists.
    subprocess.run(["cp", "--archive", str(log), str(moved)], check=True)
    shutil.rmtree(log)
    log.symlink_to(moved)
    lone.set("wal_keep_size = 0\nmax_wal_size = 8MB\nmin_wal_size = 2MB\n")
    return lone.start()


def test_intents_are_refused_by_the_name_of_the_trouble(make_gateway: MakeGateway, data_on: Lone, disk: Disk) -> None:
    gateway = make_gateway("filled", "--store", url_of(data_on.server)).start()
    sender = Sender(gateway)
    sender.send().expect()
    disk.fill()
    error = sender.send_until_refused().refused(503)
    assert error["code"] in ("store_full", "gateway_fenced") and error["retryable"], error
    assert "store_full" in gateway.log()


@pytest.mark.bound_s(120)
def test_a_kill_on_a_full_disk_is_told_for_what_it_is_and_room_mends_all(
    make_gateway: MakeGateway, data_on: Lone, disk: Disk
) -> None:
    near, far = two_replicas(make_gateway, data_on)
    sender = Sender(near)
    victims = [near.owner.create_agent(f"victim-{number}") for number in range(ORDERS_MAX)]
    await_refusal_is_gone(sender.send)
    disk.fill()
    sender.send_until_refused().refused(503)

    recorded, refused = kill_until_refused(near, victims)
    victim = victims[len(recorded)]
    await_reason(near, "store_full")
    for _ in range(3):
        assert Api(near.url, victim.key).send(sender.receiver.address).status in (403, 503)
        sender.send().refused(503)
    late = victims[len(recorded) + 1]
    told_late = timed_kill(near, late)

    disk.make_room()
    for replica in (near, far):
        eventually("it serves again", replica.is_ready, SERVES_AGAIN_WITHIN_S)
    await_refusal_is_gone(sender.send)
    for replica in (near, far):
        for told, agent in ((refused, victim), (told_late, late)):
            await_truth(replica, told, agent, sender.receiver)
        for agent in recorded:
            Api(replica.url, agent.key).send(sender.receiver.address).refused(403, "agent_killed")
    sender.assert_nothing_lost(data_on)
    kill(near, victims[-1].address).expect()


@pytest.mark.bound_s(120)
def test_a_full_log_ends_the_server_and_nothing_that_was_acknowledged(
    make_gateway: MakeGateway, log_on: Lone, disk: Disk
) -> None:
    """PostgreSQL cannot go on without its log and ends. Room and a start of the server mend all."""
    gateway = make_gateway("filled", "--store", url_of(log_on.server)).start()
    sender = Sender(gateway)
    victim = gateway.owner.create_agent("victim")
    sender.send().expect()
    disk.fill()
    eventually("it is refused", partial(is_refused, sender.send), SERVES_AGAIN_WITHIN_S)
    await_reason(gateway, "store_unreachable")
    told = timed_kill(gateway, victim)
    assert not is_recorded(told), told.text
    sender.send().refused(503)

    disk.make_room()
    process = log_on.server.process
    assert process is not None
    eventually("the server has ended, or has come back", lambda: process.poll() is not None or log_on.server.answers())
    if process.poll() is not None:
        log_on.server.start()
    eventually("it serves again", gateway.is_ready, SERVES_AGAIN_WITHIN_S)
    await_refusal_is_gone(sender.send)
    await_truth(gateway, told, victim, sender.receiver)
    sender.assert_nothing_lost(log_on)
    kill(gateway, victim.address).expect()


def two_replicas(make_gateway: MakeGateway, lone: Lone) -> tuple[Gateway, Gateway]:
    near = make_gateway("near", "--store", url_of(lone.server), "--replica-id", "near").start()
    far = make_gateway("far", "--store", url_of(lone.server), "--replica-id", "far", owner_key=near.owner_key).start()
    return near, far


def timed_kill(gateway: Gateway, victim: Agent) -> Answer:
    began = time.monotonic()
    answer = kill(gateway, victim.address)
    assert time.monotonic() - began < KILL_TIMEOUT_S, answer.text
    return answer


def is_recorded(told: Answer) -> bool:
    """Whether it was recorded. One that was not says so, or that it is not known yet."""
    if told.status == 200:
        return True
    error = told.refused(503)
    assert error["retryable"], error
    if error["code"] == "kill_unconfirmed":
        assert error["details"]["durable"] is False and error["details"]["enforced_here"] is True
        assert error["details"]["store"] in TROUBLES, error
    else:
        assert error["code"] == "gateway_fenced" and error["message"] == NOT_RECORDED, error
    return False


def kill_until_refused(gateway: Gateway, victims: list[Agent]) -> tuple[list[Agent], Answer]:
    """Those whose kill had room in a page that was begun, and the first refusal."""
    for count, victim in enumerate(victims[:-2]):
        told = timed_kill(gateway, victim)
        if not is_recorded(told):
            return victims[:count], told
    raise AssertionError("the disk is not full")


def await_truth(replica: Gateway, told: Answer, victim: Agent, receiver: Agent) -> None:
    """A kill that was not confirmed came to what its answer said, at every replica."""
    api = Api(replica.url, victim.key)
    if told.code == "kill_unconfirmed":
        found = f"/v1/mesh/kills/{told.body['error']['details']['kill_id']}"
        eventually("the kill is recorded", lambda: replica.owner.get(found).status == 200, SERVES_AGAIN_WITHIN_S)
        eventually("the victim is refused", lambda: api.send(receiver.address).status == 403)
    else:
        await_refusal_is_gone(lambda: api.send(receiver.address))


def is_refused(send: Callable[[], Answer]) -> bool:
    answer = send()
    if answer.status != 200:
        answer.refused(503)
    return answer.status != 200


def await_refusal_is_gone(send: Callable[[], Answer]) -> None:
    eventually("it is admitted", lambda: not is_refused(send), SERVES_AGAIN_WITHIN_S)
