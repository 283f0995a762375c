"""A database that is down, goes away, or cannot be used: said by name, never a hang, and mended without a restart."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli import Cli
from conftest import MakeGateway
from faults.kills import KILL_TIMEOUT_S
from faults.pair import Pair
from faults.postgres import DATABASE, GATEWAY_ROLE, Server
from faults.proxy import Network, Proxy
from gateway import Answer, Api
from process import Gateway, eventually

NOT_RECORDED = "This replica admits nothing. The kill is NOT recorded; repeat it until it is."
ANSWERS_WITHIN_S = 5.0
STATEMENTS_A_SECOND_MAX = 10
SETTLED_AFTER_S = 2.0
WATCHED_FOR_S = 5.0
STATEMENT = re.compile(r"LOG:  (?:execute [^:]*|statement): .*")
SILENT_FOR_S = 1.5


def url_of(server: Server, *, user: str = GATEWAY_ROLE, database: str = DATABASE, port: int = 0, rest: str = "") -> str:
    return f"postgres://{user}@127.0.0.1:{port or server.port}/{database}{rest}"


def readiness(gateway: Gateway) -> Answer:
    return Api(gateway.url, None).get("/ready", timeout_s=ANSWERS_WITHIN_S)


def is_not_ready_for(gateway: Gateway, reason: str) -> bool:
    try:
        answer = readiness(gateway)
    except ConnectionError:
        return False
    if answer.status == 200:
        return False
    found: Any = answer.refused(503, "not_ready")["details"]["reason"]
    return bool(found == reason)


def await_reason(gateway: Gateway, reason: str) -> None:
    """Until `/ready` gives this reason; the log names it too."""
    eventually(f"not ready: {reason}", lambda: is_not_ready_for(gateway, reason))
    eventually(f"the log names {reason}", lambda: reason in gateway.log())
    assert Api(gateway.url, None).get("/health").status == 200, "health never depends on the store"


@pytest.fixture
def line(network: Network, pair: Pair) -> Proxy:
    """The only way from a gateway to the primary."""
    return network.proxy(pair.primary.port)


def test_a_database_that_is_down_at_the_start_is_waited_for(
    make_gateway: MakeGateway, pair: Pair, line: Proxy
) -> None:
    line.drop()
    gateway = make_gateway("waiting", "--store", url_of(pair.primary, port=line.port))
    gateway.launch()
    await_reason(gateway, "store_unreachable")
    refused = gateway.owner.post("/v1/mesh/agents/nobody/kill", {}).refused(503, "not_ready")
    assert "Nothing was done" in refused["message"] and refused["retryable"]
    line.pass_on()
    eventually("it serves once the database is there", gateway.is_ready, 20.0)
    gateway.owner.create_agent("mailer")


def test_a_database_that_goes_away_fences_and_comes_back_without_a_restart(
    make_gateway: MakeGateway, pair: Pair, line: Proxy
) -> None:
    gateway = make_gateway("fenced", "--store", url_of(pair.primary, port=line.port))
    gateway.start()
    owner = gateway.owner
    mailer, campaign = owner.create_agent("mailer"), owner.create_agent("campaign")
    with listening(gateway, mailer.key, mailer.address) as heard:
        line.drop()
        eventually("it is not ready", lambda: readiness(gateway).status == 503)
        eventually("it admits nothing", lambda: not is_admitted(gateway, campaign.key, mailer.address))
        assert readiness(gateway).status == 503
        seen = owner.get("/v1/mesh/agents").expect()
        assert seen["stale_since"].endswith("Z") and len(seen["agents"]) == 2, "last known, and marked"
        refused = kill(gateway, campaign.address).refused(503, "gateway_fenced")
        assert refused["message"] == NOT_RECORDED and refused["retryable"]
        assert not heard.ended.wait(SILENT_FOR_S), "the stream stays open, and silent"
        line.pass_on()
        eventually("it serves again", gateway.is_ready, 20.0)
        assert "stale_since" not in owner.get("/v1/mesh/agents").expect()
        sent = owner.with_key(campaign.key).send(mailer.address, {"key": "afterwards"}).expect()
        eventually("the open stream goes on", lambda: sent["intent_id"] in heard.text(), 20.0)
    kill(gateway, campaign.address).expect()


@pytest.mark.parametrize("case", ["role", "database", "standby"])
def test_what_is_wrong_with_the_store_is_named(case: str, make_gateway: MakeGateway, pair: Pair) -> None:
    url, reason = {
        "role": (url_of(pair.primary, user="nobody"), "store_credentials"),
        "database": (url_of(pair.primary, database="elsewhere"), "store_missing"),
        "standby": (url_of(pair.standby, rest="?target_session_attrs=any"), "store_read_only"),
    }[case]
    gateway = make_gateway("named", "--store", url)
    gateway.launch()
    await_reason(gateway, reason)


def test_a_server_that_may_lose_commits_is_refused(make_gateway: MakeGateway, pair: Pair) -> None:
    pair.primary.ask("ALTER SYSTEM SET full_page_writes = off")
    pair.primary.ask("SELECT pg_reload_conf()")
    try:
        gateway = make_gateway("unsafe", "--store", url_of(pair.primary))
        gateway.launch()
        await_reason(gateway, "store_unsafe")
    finally:
        pair.primary.ask("ALTER SYSTEM RESET full_page_writes")
        pair.primary.ask("SELECT pg_reload_conf()")
    eventually("it serves once the setting is mended", gateway.is_ready, 20.0)


def test_a_schema_that_is_newer_is_left_alone(make_gateway: MakeGateway, pair: Pair) -> None:
    first = make_gateway("first", "--store", url_of(pair.primary))
    first.start()
    assert first.stop() == 0
    pair.ask("INSERT INTO axme.schema_version (version, reads_from) VALUES (1000, 1000)")
    gateway = make_gateway("older", "--store", url_of(pair.primary))
    gateway.launch()
    await_reason(gateway, "store_schema_newer")


def test_too_few_connections_are_named_and_waited_for(make_gateway: MakeGateway, pair: Pair) -> None:
    pair.primary.ask(f"ALTER ROLE {GATEWAY_ROLE} CONNECTION LIMIT 1")
    gateway = make_gateway("busy", "--store", url_of(pair.primary))
    gateway.launch()
    try:
        await_reason(gateway, "store_busy")
    finally:
        pair.primary.ask(f"ALTER ROLE {GATEWAY_ROLE} CONNECTION LIMIT -1")
    eventually("it serves once there are enough", gateway.is_ready, 20.0)


def test_an_idle_replica_asks_little_of_the_database(make_gateway: MakeGateway, pair: Pair) -> None:
    """At most ten statements a second, most of them renewals."""
    pair.primary.ask(f"ALTER ROLE {GATEWAY_ROLE} SET log_statement = 'all'")
    try:
        make_gateway("idle", "--store", url_of(pair.primary)).start()
        # What follows the start is over then: the first looks at the other replicas.
        time.sleep(SETTLED_AFTER_S)
        began = len(pair.primary.log())
        time.sleep(WATCHED_FOR_S)
        heard = STATEMENT.findall(pair.primary.log()[began:])
    finally:
        pair.primary.ask(f"ALTER ROLE {GATEWAY_ROLE} RESET log_statement")
    assert 0 < len(heard) <= STATEMENTS_A_SECOND_MAX * WATCHED_FOR_S, heard


def test_the_suite_proves_a_server_and_leaves_nothing_there(pair: Pair, cli: Cli) -> None:
    ran = cli.run("store", "conformance", "--store", url_of(pair.primary), "--json", timeout_s=120.0)
    assert ran.json["ok"] and len(ran.json["stories"]) >= 40, ran
    left = pair.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'axme%%'")
    assert left == []


def test_the_suite_says_why_a_server_cannot_be_used(pair: Pair, cli: Cli) -> None:
    url = url_of(pair.primary, database="elsewhere")
    ran = cli.run("store", "conformance", "--store", url, code=1)
    assert "store_missing" in ran.err, ran


def kill(gateway: Gateway, address: str) -> Answer:
    return gateway.owner.post(f"/v1/mesh/agents/{address}/kill", {}, timeout_s=KILL_TIMEOUT_S)


def is_admitted(gateway: Gateway, key: str, to: str) -> bool:
    answer = Api(gateway.url, key).send(to, {"key": "while it is gone"})
    assert answer.status in (200, 503), answer.text
    return answer.status == 200


class Heard:
    """What an open stream has said so far."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        self._parts.append(part)

    def text(self) -> str:
        return b"".join(self._parts).decode()


@contextmanager
def listening(gateway: Gateway, key: str, address: str) -> Iterator[Heard]:
    """Reads the agent's delivery stream in a thread of its own."""
    heard = Heard()
    api = Api(gateway.url, key)
    connection = api.connect(timeout_s=60.0)
    connection.request("GET", f"/v1/agents/{address.removeprefix('agent://')}/intents/stream?wait_seconds=60", headers=api.auth())
    response = connection.getresponse()
    assert response.status == 200

    def read() -> None:
        while part := response.read1(4096):
            heard.add(part)
        heard.ended.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        connection.close()
