"""A real pooler before the database: refused by name while it lends sessions for less than a connection."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from conftest import MakeGateway
from faults.conftest import Servers
from faults.pair import Pair
from faults.pooler import Missing, Pooler
from faults.test_store_trouble import await_reason, kill, readiness, url_of
from gateway import Answer
from process import Gateway, eventually

REFUSED = "store_pooler"
# What a pool is started with when nobody says otherwise, and the smallest ones.
USUAL_COUNT = 20
# In session mode every connection of a gateway needs a session of the server.
WHOLE_COUNT = 60
# Dozens of attempts.
WATCHED_FOR_S = 8.0

MakePooler = Callable[[str, int], Pooler]


@pytest.fixture
def make_pooler(servers: Servers, pair: Pair) -> Iterator[MakePooler]:
    made: list[Pooler] = []

    def make(mode: str, session_count: int) -> Pooler:
        folder = servers.home / f"pooler-{uuid.uuid4()}"
        made.append(Pooler(pair.primary, folder, mode, session_count))
        try:
            return made[-1].start()
        except Missing as missing:
            pytest.exit(f"missing: {missing}", returncode=2)

    yield make
    for pooler in made:
        pooler.discard()


@pytest.mark.parametrize(
    ("mode", "session_count"), [("transaction", USUAL_COUNT), ("transaction", 2), ("transaction", 1), ("statement", 4)]
)
def test_a_pooler_is_refused_by_name_until_it_lends_whole_sessions(
    mode: str, session_count: int, make_gateway: MakeGateway, make_pooler: MakePooler, pair: Pair
) -> None:
    pooler = make_pooler(mode, session_count)
    gateway = make_gateway("pooled", "--store", url_of(pair.primary, port=pooler.port))
    gateway.launch()
    await_reason(gateway, REFUSED)
    for answer in (kill(gateway, "nobody"), gateway.owner.send("agent://default/default/nobody")):
        assert_refused(answer)
    pooler.switch("session", WHOLE_COUNT)
    eventually("it serves once sessions are lent whole", gateway.is_ready, 20.0)
    mailer = gateway.owner.create_agent("mailer")
    kill(gateway, mailer.address).expect()


@pytest.mark.parametrize("session_count", [USUAL_COUNT, 4])
def test_several_gateways_at_one_pooler_are_refused_and_stay_refused(
    session_count: int, make_gateway: MakeGateway, make_pooler: MakePooler, pair: Pair
) -> None:
    """They lend each other's sessions, with whatever was left in them; no attempt comes through by luck."""
    pooler = make_pooler("transaction", session_count)
    url = url_of(pair.primary, port=pooler.port)
    gateways = [make_gateway(name, "--store", url) for name in ("one", "two", "three")]
    for gateway in gateways:
        gateway.launch()
    for gateway in gateways:
        await_reason(gateway, REFUSED)
    until = time.monotonic() + WATCHED_FOR_S
    while time.monotonic() < until:
        for gateway in gateways:
            assert_refused(readiness(gateway))
    assert pair.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'axme%%'") == [], "nothing was made through it"
    for gateway in gateways:
        assert named_only(gateway), gateway.log()


def test_a_pooler_that_lends_whole_sessions_is_served_through(
    make_gateway: MakeGateway, make_pooler: MakePooler, pair: Pair
) -> None:
    pooler = make_pooler("session", WHOLE_COUNT)
    one, two = (make_gateway(name, "--store", url_of(pair.primary, port=pooler.port)) for name in ("one", "two"))
    one.start()
    two.owner_key = one.owner_key
    two.start()
    mailer = one.owner.create_agent("mailer")
    killed = kill(two, mailer.address).expect()
    assert {each["state"] for each in killed["receipt"]["replicas"]} == {"enforced"}, killed


def assert_refused(answer: Answer) -> None:
    error = answer.refused(503, "not_ready")
    assert error["details"]["reason"] == REFUSED and error["retryable"], error


def named_only(gateway: Gateway) -> bool:
    """Whether the log gave this one name to the trouble, and never said that it was over."""
    told = gateway.log()
    return "can be used again" not in told and "store_unreachable" not in told
