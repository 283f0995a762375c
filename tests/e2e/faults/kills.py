"""A kill as its operator sees it: how long it took, and what its receipt says of each replica."""

from __future__ import annotations

import time
from dataclasses import dataclass

from faults.replicas import Replica
from gateway import Agent, Answer, Api, Json
from process import eventually

# The promise, whatever the other replicas do: the lease, the closing of epochs and one commit.
KILL_BOUND_S = 1.0
# An order that cannot be made durable is given up after two seconds; this is long past it.
KILL_TIMEOUT_S = 8.0
RECEIPT_STATES = {"enforced", "fenced", "left"}
UNCONFIRMED = {"gateway_fenced", "kill_unconfirmed", "store_unavailable"}


@dataclass(frozen=True)
class Order:
    """The answer to one kill, with its times on the machine's monotonic clock."""

    coordinator: str
    answer: Answer
    began: float
    returned: float

    @property
    def took_s(self) -> float:
        return self.returned - self.began

    @property
    def body(self) -> Json:
        return self.answer.expect()

    @property
    def revision(self) -> int:
        return int(self.body["revision"])

    @property
    def states(self) -> dict[str, set[str]]:
        """What became of each replica. An earlier life of it that died is closed, and says nothing of it."""
        replicas = self.body["receipt"]["replicas"]
        last = {replica["replica_id"]: replica["epoch"] for replica in sorted(replicas, key=lambda each: each["epoch"])}
        return {each["replica_id"]: {each["state"]} for each in replicas if last[each["replica_id"]] == each["epoch"]}

    def __str__(self) -> str:
        return f"the kill at {self.coordinator} took {self.took_s:.3f} s: {self.answer.text}"


def give(at: Replica, address: str, reason: str) -> Order:
    """Gives one order to one replica. Raises where the replica dies before it answers."""
    api = Api(at.url, at.owner_key)
    began = time.monotonic()
    answer = api.post(f"/v1/mesh/agents/{address}/kill", {"reason": reason}, timeout_s=KILL_TIMEOUT_S)
    return Order(at.name, answer, began, time.monotonic())


def check_order(order: Order, names: set[str], link_s: float = 0.0) -> None:
    """In time, and with every replica in its receipt. `link_s` is one commit over a slow network."""
    receipt = order.body["receipt"]
    assert set(order.states) >= names, f"a replica is missing: {order}"
    assert set().union(*order.states.values()) <= RECEIPT_STATES, order
    assert 0 < receipt["bound_ms"] <= KILL_BOUND_S * 1000, order
    assert order.took_s <= KILL_BOUND_S + link_s, order
    assert 0 <= receipt["enforced_in_ms"] <= order.took_s * 1000, order


def check_unconfirmed(order: Order) -> None:
    """Refused as not recorded, with a code that says so; the operator repeats it."""
    error = order.answer.refused(503)
    assert error["code"] in UNCONFIRMED, order
    assert error["retryable"] is True, order


def await_refused(at: Replica, agent: Agent, to: Agent) -> None:
    """Until this replica refuses the killed agent by name. Meanwhile it may say that it cannot tell,
    as after its connections were lost, but it never admits."""

    def refused() -> bool:
        answer = Api(at.url, agent.key).send(to.address, {"key": "after the kill"})
        if answer.status != 503:
            answer.refused(403, "agent_killed")
        return answer.status == 403

    eventually(f"{at.name} refuses {agent.name}", refused)


def await_resumed(at: Replica, agent: Agent, order: Order) -> None:
    """Until this replica takes the resume. Meanwhile it may say that it cannot tell."""

    def resumed() -> bool:
        answer = at.owner.post(f"/v1/mesh/agents/{agent.address}/resume", {"revision": order.revision})
        if answer.status != 503:
            answer.expect()
        return answer.status == 200

    eventually(f"{at.name} resumes {agent.name}", resumed)


def await_admitted(at: Replica, agent: Agent, to: Agent, key: str) -> None:
    """Until this replica admits the agent again: a resume does not wait for every replica."""
    api = Api(at.url, agent.key)
    eventually(f"{at.name} admits {agent.name}", lambda: api.send(to.address, {"key": key}).status == 200)
