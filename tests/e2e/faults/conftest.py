"""Fixtures of the fault stories. Each story has a database, a network and three replicas of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.disk import Disk
from faults.lone import Lone
from faults.pair import Pair, make_home
from faults.postgres import Missing, make_template, owned_folder
from faults.proxy import Network
from faults.replicas import Replicas

LOG_SHOWN_CHARS = 6_000


class Servers:
    """The pair of this run: made once, since that takes seconds, and anew after a story that broke it."""

    def __init__(self) -> None:
        self.home = make_home()
        self.template = make_template(owned_folder(self.home / "made"))
        self.made: list[Pair] = []

    def whole(self) -> Pair:
        """Both servers as new, with an empty database."""
        if not self.made or not self.made[-1].is_whole():
            self.discard_last()
            self.made.append(Pair(self.template, self.home / f"pair-{len(self.made)}"))
            self.made[-1].start()
        self.made[-1].empty()
        return self.made[-1]

    def discard_last(self) -> None:
        for pair in self.made[-1:]:
            pair.discard()

    def end(self) -> None:
        self.discard_last()
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    try:
        made = Servers()
    except Missing as missing:
        pytest.exit(f"missing: {missing}", returncode=2)
    yield made
    made.end()


@pytest.fixture
def pair(servers: Servers, request: pytest.FixtureRequest) -> Pair:
    """A primary with its synchronous standby, and an empty database for the gateways."""
    request.node.pair = servers.whole()
    made: Pair = request.node.pair
    return made


MakeLone = Callable[[], Lone]


@pytest.fixture
def make_lone(servers: Servers, request: pytest.FixtureRequest) -> Iterator[MakeLone]:
    """Makes a server of the story's own, which is not started yet and ends with the story."""
    made: list[Lone] = []

    def make() -> Lone:
        made.append(Lone(servers.template, servers.home / f"lone-{len(made)}"))
        request.node.pair = made[-1]
        return made[-1]

    yield make
    for lone in made:
        lone.discard()


@pytest.fixture
def disk(servers: Servers) -> Iterator[Disk]:
    """A small disk, empty. It ends after the server that is kept on it: ask for it first."""
    made = Disk(servers.home)
    yield made
    made.discard()


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


@pytest.fixture
def replicas(network: Network, pair: Pair, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Replicas]:
    """Three gateways that serve. Those that a story leaves frozen end here too."""
    made = Replicas(network, pair, tmp_path)
    request.node.gateways = made.all
    try:
        yield made.start()
    finally:
        for replica in made.all:
            replica.discard()
    for replica in made.all:
        assert "panicked" not in replica.log(), replica.log()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure shows what the servers of that story logged; the gateways' logs come beside it."""
    outcome: Any = yield
    report = outcome.get_result()
    servers = getattr(item, "pair", None)
    if report.failed and servers is not None:
        report.sections.append(("PostgreSQL", servers.log()[-LOG_SHOWN_CHARS:]))
