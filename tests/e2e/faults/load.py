"""Senders through all replicas and a receiver, as a process of their own: python load.py PLAN.json

It works until its standard input closes, waits for what was acknowledged to arrive at the
receiver, and then writes what it knows of every request and every delivery. Where something is
missing the receiver reads once more from the start, as one does that was started again: a frame
that was recorded as handed over may have been lost with its replica. Times are readings of the
machine's one monotonic clock, which the stories read too.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# As a process of its own it stands in a folder below the modules that it shares.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gateway import Agent, Api, intent

ANSWER_TIMEOUT_S = 3.0
STREAM_WAIT_S = 2
# How long the receiver waits for what is missing, on its cursor and then from the start.
# The second pass reads everything again, 64 at a time, also through a far replica.
DRAIN_TIMEOUTS_S = (4.0, 30.0)
END_TIMEOUT_S = 70.0
# Enough to have a batch on its way at any moment, and room for everything else on two cores.
PAUSE_S = 0.03
NO_ANSWER = "no_answer"
# What a refusal with one of these codes did is not known; any other one had no effect.
UNKNOWN_OUTCOMES = frozenset({NO_ANSWER, "outcome_unknown", "internal_error", "delivery_failed", "intent_timeout"})


@dataclass(frozen=True)
class Sender:
    """One connection of one agent to one replica."""

    agent: str
    key: str
    replica: str
    url: str


@dataclass(frozen=True)
class Plan:
    """Who sends what to whom, and where the report goes."""

    senders: list[Sender]
    to: str
    receiver_key: str
    prefix: str
    report: str


@dataclass(frozen=True)
class Call:
    """One request: `code` is empty when it was acknowledged."""

    key: str
    agent: str
    replica: str
    began: float
    ended: float
    code: str
    intent_id: str

    @property
    def acknowledged(self) -> bool:
        return not self.code

    @property
    def in_doubt(self) -> bool:
        return self.code in UNKNOWN_OUTCOMES


@dataclass(frozen=True)
class Arrival:
    """One frame at the receiver."""

    intent_id: str
    from_agent: str
    at: float


@dataclass
class Report:
    """All requests and all frames."""

    calls: list[Call] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def acknowledged(self) -> dict[str, str]:
        return {call.key: call.intent_id for call in self.calls if call.acknowledged}


def key_prefix(prefix: str, agent: str, replica: str) -> str:
    """How the keys begin that one agent sends through one replica."""
    return f"{prefix}/{agent}/{replica}/"


def send_all(plan: Plan, number: int, stop: threading.Event, report: Report) -> None:
    """One sender: one request after the other, on a new connection after every failure."""
    sender = plan.senders[number]
    api = Api(sender.url, sender.key, keep_alive=True)
    sent = 0
    while not stop.wait(PAUSE_S):
        sent += 1
        key = f"{key_prefix(plan.prefix, sender.agent, sender.replica)}{number}-{sent}"
        began = time.monotonic()
        code, intent_id = send(api, plan.to, key)
        call = Call(key, sender.agent, sender.replica, began, time.monotonic(), code, intent_id)
        report.calls.append(call)


def send(api: Api, to: str, key: str) -> tuple[str, str]:
    """The code of a refusal, or the intent's id."""
    try:
        answer = api.post("/v1/intents", intent(to, {"key": key}), timeout_s=ANSWER_TIMEOUT_S)
    except (OSError, http.client.HTTPException):
        return NO_ANSWER, ""
    if answer.status == 200:
        return "", str(answer.body["intent_id"])
    return answer.code, ""


class Receiver:
    """Reads one delivery stream after the other, from one replica after the other, and keeps its cursor."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan, self.report = plan, report
        self.urls = list(dict.fromkeys(sender.url for sender in plan.senders))
        self.since = 0
        self.from_start = threading.Event()
        self.seen: set[str] = set()

    def has_all(self, timeout_s: float) -> bool:
        """Whether everything acknowledged arrives within this time."""
        wanted, until = set(self.report.acknowledged.values()), time.monotonic() + timeout_s
        while not self.seen.issuperset(wanted):
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE_S)
        return True

    def run(self, ended: threading.Event) -> None:
        turn = 0
        while not ended.is_set():
            if self.from_start.is_set():
                # Between two streams: the frames of one that is open would move the cursor on again.
                self.from_start.clear()
                self.since = 0
            try:
                self.read_stream(self.urls[turn % len(self.urls)])
            except (OSError, http.client.HTTPException, ValueError):
                ended.wait(PAUSE_S)  # That replica is gone or stands; a torn frame is no frame.
            turn += 1

    def read_stream(self, url: str) -> None:
        api = Api(url, self.plan.receiver_key)
        connection = api.connect(ANSWER_TIMEOUT_S)
        path = self.plan.to.removeprefix("agent://")
        query = f"since={self.since}&wait_seconds={STREAM_WAIT_S}"
        try:
            connection.request("GET", f"/v1/agents/{path}/intents/stream?{query}", headers=api.auth())
            with connection.getresponse() as response:
                while line := response.readline():
                    if line.startswith(b"data: ") and b'"intent_id"' in line:
                        self.take(json.loads(line.removeprefix(b"data: ")))
        finally:
            connection.close()

    def take(self, frame: dict[str, Any]) -> None:
        arrival = Arrival(frame["intent_id"], frame["from_agent"], time.monotonic())
        self.report.arrivals.append(arrival)
        self.seen.add(arrival.intent_id)
        self.since = max(self.since, int(frame["seq"]))


def run(plan: Plan) -> Report:
    report, stop, ended = Report(), threading.Event(), threading.Event()
    receiver = Receiver(plan, report)
    senders = [
        threading.Thread(target=send_all, args=(plan, number, stop, report)) for number in range(len(plan.senders))
    ]
    receiving = threading.Thread(target=receiver.run, args=(ended,))
    for thread in (*senders, receiving):
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in senders:
        thread.join()
    for timeout_s in DRAIN_TIMEOUTS_S:
        if receiver.has_all(timeout_s):
            break
        receiver.from_start.set()
    ended.set()
    receiving.join()
    return report


class Load:
    """The load as seen by a story; used as `with Load(plan) as running: …`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __enter__(self) -> Load:
        config = Path(self.plan.report).with_suffix(".plan.json")
        config.write_text(json.dumps(asdict(self.plan)))
        self.process = subprocess.Popen([sys.executable, __file__, str(config)], stdin=subprocess.PIPE)
        return self

    def end(self) -> Report:
        """Tells it to stop; what it knows."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(END_TIMEOUT_S) == 0, "the load itself failed"
        known = json.loads(Path(self.plan.report).read_text())
        return Report([Call(**call) for call in known["calls"]], [Arrival(**each) for each in known["arrivals"]])

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def senders(agents: list[Agent], places: list[tuple[str, str]], connections: int) -> list[Sender]:
    """Every agent through every replica, over so many connections each."""
    return [
        Sender(agent.name, agent.key, name, url) for agent in agents for name, url in places for _ in range(connections)
    ]


def main() -> None:
    known = json.loads(Path(sys.argv[1]).read_text())
    plan = Plan(**{**known, "senders": [Sender(**sender) for sender in known["senders"]]})
    Path(plan.report).write_text(json.dumps(asdict(run(plan))))


if __name__ == "__main__":
    main()
