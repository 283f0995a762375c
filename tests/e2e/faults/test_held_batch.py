"""A batch that was decided and is still on its way to the store when the kill returns has no effect.

The proxy holds the batch's bytes back. Its replica is frozen, dead or cut off meanwhile; another
one kills the sender; then the bytes arrive.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable

import pytest

from faults import kills
from faults.checks import Stop, check_final
from faults.load import NO_ANSWER
from faults.replicas import Replica, Replicas
from faults.scene import ROUNDS
from faults.stored import rows
from gateway import Agent, Api
from process import LONG

JOIN_TIMEOUT_S = 30.0


class Sending:
    """One intent on its way, in a thread of its own."""

    def __init__(self, at: Replica, sender: Agent, to: Agent, key: str) -> None:
        self.code = ""
        self._thread = threading.Thread(target=self._send, args=(Api(at.url, sender.key), to.address, key))
        self._thread.start()

    def _send(self, api: Api, to: str, key: str) -> None:
        try:
            answer = api.send(to, {"key": key})
            self.code = "acknowledged" if answer.status == 200 else answer.code
        except (OSError, http.client.HTTPException):
            self.code = NO_ANSWER

    def outcome(self) -> str:
        """`acknowledged`, or the code of the refusal."""
        self._thread.join(JOIN_TIMEOUT_S)
        assert self.code, "the sender never got an answer"
        return self.code


def freeze(replica: Replica) -> None:
    replica.freeze()


def crash(replica: Replica) -> None:
    replica.crash()


def leave_running(_replica: Replica) -> None:
    """Only its one connection stands; it renews, and knows that its batch has no outcome."""


def thaw(replica: Replica) -> None:
    replica.thaw()


def start_again(replica: Replica) -> None:
    replica.start()


Fate = Callable[[Replica], None]
# How a replica is struck, how it comes back, and what a receipt may say of it.
FATES: dict[str, tuple[Fate, Fate, set[str]]] = {
    "frozen": (freeze, thaw, {"fenced"}),
    "dead": (crash, start_again, {"fenced"}),
    "running": (leave_running, leave_running, {"fenced", "left"}),
}


def test_a_held_batch_that_is_released_in_time_is_admitted(replicas: Replicas) -> None:
    """The hold itself changes nothing: without a kill the intent is stored when the bytes arrive."""
    owner = replicas.alpha.owner
    campaign, mailer = owner.create_agent("campaign"), owner.create_agent("mailer")
    for number in range(ROUNDS):
        key = f"held-in-time-{number}"
        hold = replicas.alpha.link.hold(key)
        sending = Sending(replicas.alpha, campaign, mailer, key)
        hold.wait_until_held()
        stored_while_held = rows(replicas.pair, key)
        hold.release()
        assert sending.outcome() == "acknowledged"
        assert not stored_while_held and set(rows(replicas.pair, key)) == {key}


@pytest.mark.bound_s(600 if LONG else 180)
@pytest.mark.parametrize("fate", FATES)
def test_a_batch_held_while_its_sender_is_killed_has_no_effect(fate: str, replicas: Replicas) -> None:
    strike, recover, states = FATES[fate]
    owner = replicas.alpha.owner
    mailer = owner.create_agent("mailer")
    for number in range(ROUNDS):
        struck, coordinator, bystander = (replicas.all[(number + turn) % 3] for turn in range(3))
        campaign = owner.create_agent(f"campaign-{number}")
        key = f"held/{fate}/{number}/"
        hold = struck.link.hold(key)
        sending = Sending(struck, campaign, mailer, key)
        hold.wait_until_held()
        strike(struck)
        order = kills.give(coordinator, campaign.address, "while its batch is held")
        stop = Stop(campaign, order.returned, rows(replicas.pair, key))
        kills.check_order(order, replicas.names)
        assert not stop.final, "the batch was held, so nothing can be in the store"
        assert order.states[struck.name] <= states, order
        assert order.states[bystander.name] == {"enforced"}, order

        hold.release()
        hold.wait_until_answered()
        check_final(stop, rows(replicas.pair, key))
        recover(struck)
        assert sending.outcome() != "acknowledged"
        replicas.await_fresh()
        kills.await_refused(struck, campaign, mailer)
        check_final(stop, rows(replicas.pair, key))
        owner.resume(campaign.address, {"revision": order.revision})
        kills.await_admitted(struck, campaign, mailer, f"after/{fate}/{number}")
        check_final(stop, rows(replicas.pair, key))
