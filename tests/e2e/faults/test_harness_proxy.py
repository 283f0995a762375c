"""The network of the fault stories does what they say it does, seen with a plain database client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from faults.pair import Pair
from faults.postgres import DATABASE, GATEWAY_ROLE
from faults.proxy import Network, Proxy
from process import eventually, free_port

DELAY_S = 0.1
QUIET_S = 0.3
INSERT = "INSERT INTO axme.noted VALUES (%s)"
Client = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def proxy(pair: Pair, network: Network) -> Proxy:
    with pair.primary.connect(DATABASE, GATEWAY_ROLE) as connection:
        connection.execute("CREATE SCHEMA axme")
        connection.execute("CREATE TABLE axme.noted (key text PRIMARY KEY)")
    return network.proxy(pair.primary.port)


def connect(proxy: Proxy) -> Client:
    place = f"host=127.0.0.1 port={proxy.port} user={GATEWAY_ROLE} dbname={DATABASE} sslmode=disable"
    return psycopg.connect(place, autocommit=True, connect_timeout=5)


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    connection = connect(proxy)
    yield connection
    connection.close()


def noted(pair: Pair) -> set[str]:
    return {row[0] for row in pair.ask("SELECT key FROM axme.noted")}


class Insert:
    """One INSERT in a thread of its own, and how it ended."""

    def __init__(self, client: Client, key: str) -> None:
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._run, args=(client, key))
        self._thread.start()

    def _run(self, client: Client, key: str) -> None:
        try:
            client.execute(INSERT, [key])
        except psycopg.Error as error:
            self.error = error

    def is_done_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()


def test_bytes_pass_both_ways(client: Client, pair: Pair) -> None:
    long_key = "x" * 2000
    client.execute(INSERT, [long_key])
    assert noted(pair) == {long_key}
    assert client.execute("SELECT repeat('y', 3000000)").fetchone() == ("y" * 3_000_000,)


def test_a_delay_costs_each_round_trip_twice(client: Client, proxy: Proxy) -> None:
    proxy.delay(DELAY_S)
    for _ in range(3):
        began = time.monotonic()
        client.execute("SELECT 1")
        assert time.monotonic() - began >= 2 * DELAY_S
    # Bytes that are on their way together wait together, not one after the other.
    began = time.monotonic()
    client.execute("SELECT repeat('y', 3000000)")
    assert time.monotonic() - began >= 2 * DELAY_S
    proxy.delay(0.0)
    client.execute("SELECT 1")


def test_what_is_stalled_arrives_later(client: Client, proxy: Proxy, pair: Pair) -> None:
    proxy.stall()
    late = Insert(client, "late")
    assert not late.is_done_within(QUIET_S) and noted(pair) == set()
    proxy.pass_on()
    assert late.is_done_within(10) and late.error is None and noted(pair) == {"late"}


def test_what_is_dropped_never_arrives(client: Client, proxy: Proxy, pair: Pair) -> None:
    proxy.drop()
    lost = Insert(client, "lost")
    assert not lost.is_done_within(QUIET_S)
    proxy.pass_on()
    assert lost.is_done_within(10) and lost.error is not None, "the connection is reset when the network heals"
    with connect(proxy) as another:
        another.execute(INSERT, ["afterwards"])
    assert noted(pair) == {"afterwards"}


def test_a_new_connection_gets_nowhere_while_the_network_is_down(proxy: Proxy) -> None:
    proxy.drop()
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        psycopg.connect(f"host=127.0.0.1 port={proxy.port} user={GATEWAY_ROLE} dbname={DATABASE}", connect_timeout=2)
    proxy.pass_on()
    connect(proxy).close()


def test_a_cut_resets_what_is_open_and_takes_what_is_new(client: Client, proxy: Proxy) -> None:
    proxy.cut()
    with pytest.raises(psycopg.OperationalError):
        client.execute("SELECT 1")
    connect(proxy).close()
    assert proxy.accepted_count == 2


def test_a_proxy_without_its_server_resets(network: Network) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(network.proxy(free_port()))


def test_the_statement_with_the_marker_is_held_and_no_other(client: Client, proxy: Proxy, pair: Pair) -> None:
    hold = proxy.hold("marked-1")
    client.execute(INSERT, ["before"])
    held = Insert(client, "marked-1")
    hold.wait_until_held()
    with connect(proxy) as another:
        another.execute(INSERT, ["beside"])
    assert not held.is_done_within(QUIET_S) and noted(pair) == {"before", "beside"}
    hold.release()
    hold.wait_until_answered()
    assert held.is_done_within(10) and held.error is None
    assert noted(pair) == {"before", "beside", "marked-1"}


def test_what_is_held_outlives_its_client(client: Client, proxy: Proxy, pair: Pair) -> None:
    """As the batch of a replica that dies: its bytes are in the network already."""
    hold = proxy.hold("orphan")
    # Sent without waiting for the answer.
    client.pgconn.send_query(b"INSERT INTO axme.noted VALUES ('orphan')")
    client.pgconn.flush()
    hold.wait_until_held()
    client.close()
    assert noted(pair) == set()
    hold.release()
    hold.wait_until_answered()
    eventually("the orphan is stored", lambda: noted(pair) == {"orphan"})


def test_what_is_held_and_cut_is_gone(client: Client, proxy: Proxy, pair: Pair) -> None:
    hold = proxy.hold("gone")
    held = Insert(client, "gone")
    hold.wait_until_held()
    hold.cut()
    assert held.is_done_within(10) and held.error is not None and noted(pair) == set()


def test_a_server_that_ends_the_connection_answers_a_hold(client: Client, proxy: Proxy, pair: Pair) -> None:
    """As when an epoch's sessions are terminated: what was held can never run."""
    hold = proxy.hold("ended")
    Insert(client, "ended")
    hold.wait_until_held()
    pair.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [GATEWAY_ROLE])
    hold.release()
    hold.wait_until_answered()
    assert noted(pair) == set()


def test_a_marker_split_over_two_reads_is_found(proxy: Proxy) -> None:
    hold = proxy.hold("in-two-parts")
    with socket.create_connection(("127.0.0.1", proxy.port)) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.sendall(b"any bytes and then in-two")
        time.sleep(QUIET_S)
        assert not hold.is_held, "half a marker is none"
        raw.sendall(b"-parts")
        hold.wait_until_held()
