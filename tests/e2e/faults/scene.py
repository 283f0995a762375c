"""One round under load: two agents send through every replica, one of them is killed and resumed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from faults import kills
from faults.checks import (
    Stop,
    check_all_arrived,
    check_final,
    check_nothing_lost,
    check_receiver,
    check_refused_is_absent,
    check_senders,
)
from faults.kills import Order
from faults.load import Load, Plan, Report, key_prefix, senders
from faults.replicas import Replica, Replicas
from faults.stored import Row, rows
from process import LONG, eventually

ROUNDS = 30 if LONG else 5
CONNECTIONS = 2
FLOW_TIMEOUT_S = 15.0
JOIN_TIMEOUT_S = 60.0


class Scene:
    """The agents of a round, its load, and what was ordered in it. Leaving it checks everything."""

    def __init__(self, replicas: Replicas, number: int, directory: Path) -> None:
        self.replicas, self.pair = replicas, replicas.pair
        self.prefix = f"round-{number}"
        owner = replicas.alpha.owner
        self.victim = owner.create_agent(f"victim-{number}")
        self.bystander = owner.create_agent(f"bystander-{number}")
        self.mailer = owner.create_agent(f"mailer-{number}")
        places = [(replica.name, replica.url) for replica in replicas.all]
        sending = senders([self.victim, self.bystander], places, CONNECTIONS)
        report = str(directory / f"{self.prefix}.json")
        self.load = Load(Plan(sending, self.mailer.address, self.mailer.key, self.prefix, report))
        self.stops: list[Stop] = []
        self.report = Report()

    def __enter__(self) -> Scene:
        self.load.__enter__()
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        try:
            if failed is None:
                self.end()
        finally:
            self.load.__exit__()

    def stored(self, agent_name: str = "") -> dict[str, Row]:
        """The rows of this round, or of one agent in it."""
        return rows(self.pair, f"{self.prefix}/{agent_name}/" if agent_name else f"{self.prefix}/")

    def await_flow(self, agent_name: str, through: Sequence[Replica] = ()) -> None:
        """Until intents of this agent that are new to the store came through each of the replicas."""
        before = set(self.stored(agent_name))
        for replica in through or self.replicas.all:
            begin = key_prefix(self.prefix, agent_name, replica.name)
            what = f"{agent_name} sends through {replica.name}"
            eventually(what, partial(self.rows_beside, before, begin), FLOW_TIMEOUT_S)

    def rows_beside(self, before: set[str], begin: str) -> set[str]:
        return set(rows(self.pair, begin)) - before

    def await_both_flow(self, through: Sequence[Replica] = ()) -> None:
        for agent in (self.victim, self.bystander):
            self.await_flow(agent.name, through)

    def kill(self, at: Replica, link_s: float = 0.0) -> Order:
        """Kills the victim, within the bound, and notes what the store holds of it from then on."""
        order = kills.give(at, self.victim.address, self.prefix)
        return self.note(order, link_s)

    def note(self, order: Order, link_s: float = 0.0) -> Order:
        final = self.stored(self.victim.name)
        self.stops.append(Stop(self.victim, order.returned, final))
        kills.check_order(order, self.replicas.names, link_s)
        return order

    def assert_final(self) -> None:
        """Nothing was admitted or delivered since the kills returned that are not resumed yet."""
        stored = self.stored(self.victim.name)
        for stop in self.stops:
            if stop.is_open:
                check_final(stop, stored)

    def await_stopped_at(self, replica: Replica) -> None:
        """A replica that serves again refuses the victim by name, and has not admitted it before."""
        kills.await_refused(replica, self.victim, self.mailer)

    def resume(self, at: Replica, order: Order) -> None:
        """Looks at the store once more before the resume, and waits for the flow after it."""
        self.assert_final()
        now = time.monotonic()
        self.stops = [replace(stop, resumed=now) if stop.is_open else stop for stop in self.stops]
        kills.await_resumed(at, self.victim, order)
        self.await_both_flow()

    def end(self) -> None:
        """Ends the load and checks its report against the store."""
        self.report = report = self.load.end()
        stored = self.stored()
        assert report.acknowledged, "the load was no load"
        check_nothing_lost(report, stored)
        check_refused_is_absent(report, stored)
        for stop in self.stops:
            check_senders(stop, report)
            check_receiver(stop, report)
        check_all_arrived(report)


@contextmanager
def meanwhile(after_s: float, action: Callable[[], object]) -> Iterator[None]:
    """Does something so long after the block has begun; whatever moment that is in the block."""
    failed: list[BaseException] = []

    def run() -> None:
        time.sleep(after_s)
        try:
            action()
        except BaseException as error:  # told to the story below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(JOIN_TIMEOUT_S)
    assert not failed, failed
