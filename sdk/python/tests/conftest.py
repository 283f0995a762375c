"""Fixtures of the SDK's tests: clients, a stand-in for faults, and the real gateway."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from axme import AxmeClient, AxmeClientConfig

# `gateway` and `process` are the harness of the black-box tests: the same gateway, from outside.
from gateway import Agent, Api
from process import BINARY, Gateway
from stand_in import StandIn

SOURCE = Path(__file__).resolve().parents[1] / "src"
STORY_BOUND_S = 60
LOG_SHOWN_CHARS = 6_000


@pytest.fixture(autouse=True)
def bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    """A story that hangs fails, with the place where it hung."""
    marker = request.node.get_closest_marker("bound_s")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    seconds: int = marker.args[0] if marker else STORY_BOUND_S  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    def give_up(*_: object) -> None:
        raise TimeoutError(f"the story took longer than {seconds} s")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the caller's own settings reaches the clients."""
    for name in [name for name in os.environ if name.startswith("AXME_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AXME_CONFIG_DIR", str(tmp_path / "no-config"))
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))  # for programs that a story runs


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Whatever a story did: closed clients leave nothing behind."""
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("axme-")]
    assert left == [], left


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as started:
        yield started


Connect = Callable[..., AxmeClient]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes clients that are closed with the test."""
    made: list[AxmeClient] = []

    def client(base_url: str, key: str = "axme_sa_test", **options: Any) -> AxmeClient:
        made.append(AxmeClient(AxmeClientConfig(base_url=base_url, api_key=key, **options)))
        return made[-1]

    yield client
    for each in made:
        each.close()


MakeGateway = Callable[..., Gateway]


@pytest.fixture
def make_gateway(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeGateway]:
    """Makes real gateways that are not started yet; all of them end with the test."""
    if not BINARY.exists():
        pytest.fail(f"missing: {BINARY}\nget it:  cargo build --release --locked -p axme")
    made: list[Gateway] = []

    def make(name: str = "gateway", *arguments: str, **options: Any) -> Gateway:
        made.append(Gateway(tmp_path / name, arguments, **options))
        return made[-1]

    request.node.gateways = made
    yield make
    for gateway in made:
        gateway.discard()
    for gateway in made:
        assert "panicked" not in gateway.log(), gateway.log()


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Gateway:
    named = ("--org", "myorg", "--workspace", "production")
    return make_gateway("gateway", *named).start()


@pytest.fixture
def owner(gateway: Gateway) -> Api:
    return gateway.owner


@pytest.fixture
def campaign(owner: Api) -> Agent:
    return owner.create_agent("email-campaign")


@pytest.fixture
def mailer(owner: Api) -> Agent:
    return owner.create_agent("mailer")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A failure shows what the gateways of that test logged."""
    outcome = yield
    report: Any = outcome.get_result()
    if report.failed:
        for gateway in getattr(item, "gateways", []):
            report.sections.append((str(gateway.log_path), gateway.log()[-LOG_SHOWN_CHARS:]))
