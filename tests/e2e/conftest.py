"""Fixtures of the black-box tests. Each test gets a gateway of its own unless it says otherwise."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axme import AxmeClient, AxmeClientConfig

from cli import Cli
from gateway import Agent, Api
from process import BINARY, LONG, SEED, Gateway

STORY_BOUND_S = 60
LOG_SHOWN_CHARS = 6_000


def pytest_sessionstart() -> None:
    if not BINARY.exists():
        pytest.exit(f"missing: {BINARY}\nget it:  cargo build --release --locked -p axme", returncode=2)


def pytest_report_header() -> str:
    return f"seed: E2E_SEED={SEED}" + (", the long stories" if LONG else "")


@pytest.fixture(autouse=True)
def bounded(request: pytest.FixtureRequest) -> Iterator[None]:
    """A story that hangs fails, with the place where it hung."""
    marker = request.node.get_closest_marker("bound_s")
    seconds = marker.args[0] if marker else STORY_BOUND_S

    def give_up(*_: object) -> None:
        raise TimeoutError(f"the story took longer than {seconds} s")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


MakeGateway = Callable[..., Gateway]


@pytest.fixture
def make_gateway(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeGateway]:
    """Makes gateways that are not started yet; all of them end with the test."""
    made: list[Gateway] = []

    def make(name: str = "gateway", *arguments: str, **options: Any) -> Gateway:
        gateway = Gateway(tmp_path / name, arguments, **options)
        made.append(gateway)
        return gateway

    request.node.gateways = made
    yield make
    for gateway in made:
        gateway.discard()
    for gateway in made:
        assert "panicked" not in gateway.log(), gateway.log()


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Gateway:
    return make_gateway().start()


@pytest.fixture
def owner(gateway: Gateway) -> Api:
    return gateway.owner


@pytest.fixture
def campaign(owner: Api) -> Agent:
    return owner.create_agent("email-campaign")


@pytest.fixture
def mailer(owner: Api) -> Agent:
    return owner.create_agent("mailer")


Connect = Callable[..., AxmeClient]


@pytest.fixture
def connect(gateway: Gateway) -> Iterator[Connect]:
    """Makes published clients by their own constructor: only the base URL is ours."""
    made: list[AxmeClient] = []

    def client(key: str | None, base_url: str = "", **options: Any) -> AxmeClient:
        config = AxmeClientConfig(base_url=base_url or gateway.url, api_key=key or "", **options)
        made.append(AxmeClient(config))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "home")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure shows what the gateways of that test logged."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed:
        for gateway in getattr(item, "gateways", []):
            report.sections.append((str(gateway.log_path), gateway.log()[-LOG_SHOWN_CHARS:]))
