"""A flood of intents from one agent, as its own process: python flood.py CONFIG.json

It sends over many connections until it is told to stop (its standard input
closes), the time is up or the gateway goes away, and then writes what it knows:
which requests were acknowledged, which were refused, and which are in doubt.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway import INTENT_TYPE

ANSWER_TIMEOUT_S = 10.0
END_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Plan:
    """What to send, and where the report goes."""

    port: int
    key: str
    to: str
    prefix: str
    connections: int
    seconds_max: float
    report: str


@dataclass
class Report:
    """Acknowledged: idempotency key → intent id. In doubt: sent, but no answer came."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    in_doubt: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def body(to: str, key: str) -> dict[str, Any]:
    """The same request for the same key, so that it can be sent again."""
    correlation_id = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
    return {"intent_type": INTENT_TYPE, "to_agent": to, "correlation_id": correlation_id, "payload": {"key": key}}


def request(plan: Plan, key: str) -> bytes:
    content = json.dumps(body(plan.to, key)).encode()
    head = (
        "POST /v1/intents HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
        f"x-api-key: {plan.key}\r\nidempotency-key: {key}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length:")[1].split("\r\n")[0])
    return int(head.split(" ")[1]), json.loads(await reader.readexactly(length))


async def send_all(plan: Plan, number: int, stop: asyncio.Event, report: Report) -> None:
    """One connection: one request after the other."""
    key = ""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", plan.port)
        sent = 0
        while not stop.is_set():
            sent += 1
            key = f"{plan.prefix}-{number}-{sent}"
            writer.write(request(plan, key))
            status, content = await asyncio.wait_for(answer(reader), ANSWER_TIMEOUT_S)
            if status == 200:
                report.acknowledged[key] = content["intent_id"]
            else:
                report.refused[f"{status} {content['error']['code']}"] += 1
            key = ""
        writer.close()
    except (OSError, EOFError, TimeoutError):
        if key:
            report.in_doubt.append(key)


async def flood(plan: Plan) -> Report:
    report, stop = Report(), asyncio.Event()
    loop = asyncio.get_running_loop()
    told = loop.run_in_executor(None, sys.stdin.read)
    told.add_done_callback(lambda _: stop.set())
    loop.call_later(plan.seconds_max, stop.set)
    await asyncio.gather(*(send_all(plan, number, stop, report) for number in range(plan.connections)))
    return report


class Flood:
    """The flood as seen by a test; used as `with Flood(plan) as running: …`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __enter__(self) -> Flood:
        config = Path(self.plan.report).with_suffix(".plan.json")
        config.write_text(json.dumps(asdict(self.plan)))
        self.process = subprocess.Popen([sys.executable, __file__, str(config)], stdin=subprocess.PIPE)
        return self

    def end(self) -> Report:
        """Tells it to stop; what it knows."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(END_TIMEOUT_S) == 0, "the flood itself failed"
        known = json.loads(Path(self.plan.report).read_text())
        return Report(known["acknowledged"], known["in_doubt"], Counter(known["refused"]))

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def main() -> None:
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    report = asyncio.run(flood(plan))
    Path(plan.report).write_text(json.dumps(vars(report)))


if __name__ == "__main__":
    main()
