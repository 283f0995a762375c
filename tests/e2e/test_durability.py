"""An answer waits for the disk: seen from outside with strace.

Each request carries its own marker (its request id, which the answer repeats), so
that its arrival, the write, the sync and its answer are told apart from others'.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import syscalls
from conftest import MakeGateway
from gateway import Answer, Api, intent
from process import Gateway

SEQUENTIAL_COUNT = 10
CONCURRENT_COUNT = 24


def marked(api: Api, marker: str, path: str, body: object) -> Answer:
    answer = api.post(path, body, headers={"x-request-id": marker})
    answer.expect()
    assert answer.headers["x-request-id"] == marker
    return answer


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "strace.log"


@pytest.fixture
def gateway(make_gateway: MakeGateway, log: Path) -> Gateway:
    return make_gateway("traced", tracer=syscalls.command(log)).start()


def assert_synced(gateway: Gateway, log: Path, markers: list[str]) -> None:
    assert gateway.stop() == 0
    seen = syscalls.calls(log)
    assert seen, log.read_text()[:2000]
    for marker in markers:
        between = syscalls.exchange(seen, marker, gateway.data)
        assert between.written, f"{marker} was answered before anything was written"
        assert between.synced, f"{marker} was answered before its write was synced"


def test_each_answer_waits_for_its_sync(gateway: Gateway, log: Path) -> None:
    owner = gateway.owner
    sender, mailer = owner.create_agent("sender"), owner.create_agent("mailer")
    api = owner.with_key(sender.key)
    intents = [f"intent-{number}-x" for number in range(SEQUENTIAL_COUNT)]
    ids = [marked(api, marker, "/v1/intents", intent(mailer.address)).body["intent_id"] for marker in intents]
    orders = {
        "resolve-x": (f"/v1/intents/{ids[0]}/resolve", {"status": "COMPLETED", "result": {}}),
        "kill-x": (f"/v1/mesh/agents/{sender.address}/kill", {"reason": "durability"}),
        "resume-x": (f"/v1/mesh/agents/{sender.address}/resume", {}),
        "key-x": (f"/v1/service-accounts/{sender.account_id}/keys", {}),
        "account-x": ("/v1/service-accounts", {"name": "another"}),
    }
    for marker, (path, body) in orders.items():
        marked(owner, marker, path, body)
    beat = "beat-x"
    marked(api, beat, "/v1/mesh/heartbeat", {"metrics": {"intents_total": 1}})
    assert_synced(gateway, log, [*intents, *orders, beat])


def test_answers_of_a_shared_batch_wait_for_its_sync(gateway: Gateway, log: Path) -> None:
    owner = gateway.owner
    sender, mailer = owner.create_agent("sender"), owner.create_agent("mailer")
    api = owner.with_key(sender.key)
    markers = [f"shared-{number}-x" for number in range(CONCURRENT_COUNT)]
    failed: list[BaseException] = []

    def send(marker: str) -> Callable[[], None]:
        def run() -> None:
            try:
                marked(api, marker, "/v1/intents", intent(mailer.address))
            except BaseException as error:  # told to the story below
                failed.append(error)

        return run

    threads = [threading.Thread(target=send(marker)) for marker in markers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed, failed
    assert_synced(gateway, log, markers)
