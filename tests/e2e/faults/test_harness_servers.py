"""The database of the fault stories keeps what these rely on, seen without any gateway."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import psycopg
import pytest

from faults.pair import Pair
from faults.postgres import DATABASE, GATEWAY_ROLE
from process import eventually

BLOCKED_S = 0.3


def make_table(pair: Pair) -> None:
    with pair.primary.connect(DATABASE, GATEWAY_ROLE) as connection:
        connection.execute("CREATE SCHEMA axme")
        connection.execute("CREATE TABLE axme.noted (n integer PRIMARY KEY)")


def note(pair: Pair, number: int) -> None:
    """One acknowledged row."""
    with pair.primary.connect(DATABASE, GATEWAY_ROLE) as connection:
        connection.execute("INSERT INTO axme.noted VALUES (%s)", [number])


def noted(pair: Pair) -> list[int]:
    return [row[0] for row in pair.ask("SELECT n FROM axme.noted ORDER BY n")]


def test_the_pair_is_durable_and_its_standby_acknowledges(pair: Pair) -> None:
    settings = ("fsync", "full_page_writes", "synchronous_commit")
    assert {pair.primary.value(f"SHOW {name}") for name in settings} == {"on"}
    assert pair.primary.value("SHOW synchronous_standby_names") == pair.standby.name
    assert pair.is_synchronous()
    assert pair.standby.value("SELECT pg_is_in_recovery()") is True
    make_table(pair)
    note(pair, 1)
    assert pair.count("axme.noted") == 1


def test_a_commit_waits_while_the_standby_stands_still(pair: Pair) -> None:
    make_table(pair)
    pair.standby.freeze()
    writing = threading.Thread(target=note, args=(pair, 1))
    writing.start()
    writing.join(BLOCKED_S)
    assert writing.is_alive(), "nobody but the primary has it"
    pair.standby.thaw()
    writing.join(10)
    assert not writing.is_alive() and noted(pair) == [1]


def test_a_frozen_primary_answers_when_it_is_thawed(pair: Pair) -> None:
    make_table(pair)
    pair.primary.freeze()
    writing = threading.Thread(target=note, args=(pair, 1))
    writing.start()
    writing.join(BLOCKED_S)
    assert writing.is_alive()
    pair.primary.thaw()
    writing.join(10)
    assert noted(pair) == [1]


@pytest.mark.bound_s(120)
def test_what_was_acknowledged_survives_one_failover_after_the_other(pair: Pair) -> None:
    make_table(pair)
    acknowledged: list[int] = []
    for turn in range(3):
        ended = threading.Event()
        writing = threading.Thread(target=write_until_it_fails, args=(pair, acknowledged, ended))
        writing.start()
        eventually("rows are acknowledged", partial(reaches, acknowledged, turn * 20 + 20))
        old = pair.primary
        pair.kill_primary()
        assert ended.wait(10)
        pair.promote()
        assert pair.primary is not old
        assert set(acknowledged) <= set(noted(pair))
        note(pair, -turn - 1)
        pair.add_standby()
        assert pair.is_synchronous() and pair.standby is old


def reaches(acknowledged: list[int], count: int) -> bool:
    return len(acknowledged) >= count


def write_until_it_fails(pair: Pair, acknowledged: list[int], ended: threading.Event) -> None:
    try:
        with pair.primary.connect(DATABASE, GATEWAY_ROLE) as connection:
            (start,) = connection.execute("SELECT coalesce(max(n), 0) FROM axme.noted").fetchone() or (0,)
            for number in range(start + 1, start + 100_000):
                connection.execute("INSERT INTO axme.noted VALUES (%s)", [number])
                acknowledged.append(number)
    except psycopg.Error:
        pass
    ended.set()


def test_a_client_with_both_hosts_finds_the_one_that_leads(pair: Pair) -> None:
    hosts = ",".join("127.0.0.1" for _ in pair.servers)
    ports = ",".join(str(server.port) for server in pair.servers)
    url = f"host={hosts} port={ports} user={GATEWAY_ROLE} dbname={DATABASE} target_session_attrs=read-write"
    for _ in range(2):
        with psycopg.connect(url) as connection:
            assert connection.info.port == pair.primary.port
        pair.kill_primary()
        pair.promote()
        pair.add_standby()


def test_a_killed_server_leaves_no_process_behind(pair: Pair) -> None:
    processes = pair.primary.processes()
    assert len(processes) > 3, "the server has helpers"
    pair.kill_primary()
    for process_id in processes:
        eventually(f"{process_id} is gone", partial(is_gone, process_id))


def is_gone(process_id: int) -> bool:
    """Also as a zombie, which waits for whoever reaps orphans."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def test_a_stopped_server_starts_again_with_its_data(pair: Pair) -> None:
    make_table(pair)
    note(pair, 1)
    pair.primary.stop()
    pair.primary.start()
    eventually("the standby is back", pair.is_synchronous)
    assert noted(pair) == [1]
    note(pair, 2)
    assert noted(pair) == [1, 2]
