"""When `axme serve` must not start: it says why and what to do, and ends with an exit code."""

from __future__ import annotations

import os
import sqlite3

import pytest

from conftest import MakeGateway
from process import Gateway, database

REFUSAL_TIMEOUT_S = 20.0


def refusal(gateway: Gateway) -> str:
    """What a gateway prints that does not start."""
    gateway.log_path.unlink(missing_ok=True)
    gateway.launch()
    code = gateway.wait(REFUSAL_TIMEOUT_S)
    log = gateway.log()
    assert code in (1, 2), f"ended with {code}:\n{log}"
    assert "panicked" not in log and "RUST_BACKTRACE" not in log, log
    return log


def used_once(gateway: Gateway) -> None:
    """A store with something in it, whose gateway has ended."""
    gateway.start()
    gateway.owner.create_agent("mailer")
    assert gateway.stop() == 0


def test_an_unknown_setting_is_named(make_gateway: MakeGateway) -> None:
    gateway = make_gateway("typo", "--config", "axme.toml")
    (gateway.directory / "axme.toml").write_text('data_dirr = "elsewhere"\n')
    assert "data_dirr" in refusal(gateway)
    (gateway.directory / "axme.toml").write_text('org = ["not", "a", "string"]\n')
    assert "org" in refusal(gateway)
    (gateway.directory / "axme.toml").unlink()
    assert "axme.toml" in refusal(gateway)


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--listen", "nowhere"), ("--org", "Not A Slug"), ("--store", "redis://somewhere"), ("--drain-ms", "soon")],
)
def test_a_bad_value_names_its_setting(make_gateway: MakeGateway, flag: str, value: str) -> None:
    gateway = make_gateway("bad", flag, value)
    gateway.listens_by_itself = flag == "--listen"
    log = refusal(gateway)
    assert flag.strip("-") in log and value.split(":")[0] in log, log


def test_a_short_owner_key_is_refused(make_gateway: MakeGateway) -> None:
    log = refusal(make_gateway("short", owner_key="too-short"))
    assert "AXME_OWNER_KEY" in log and "32" in log
    assert "too-short" not in log, "not even a bad secret is logged"


def test_one_data_directory_serves_one_process(make_gateway: MakeGateway) -> None:
    first = make_gateway("first").start()
    second = make_gateway("second")
    second.data = first.data
    log = refusal(second)
    assert str(first.data) in log, log
    assert first.is_ready(), "the first one serves on"
    first.crash()
    second.owner_key = first.owner_key
    second.start()


def test_a_port_in_use_is_named(make_gateway: MakeGateway) -> None:
    first = make_gateway("first").start()
    second = make_gateway("second")
    second.port = first.port
    assert str(first.port) in refusal(second)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "page"])
def test_a_corrupt_database_is_refused(make_gateway: MakeGateway, damage: str) -> None:
    gateway = make_gateway()
    used_once(gateway)
    path = database(gateway)
    content = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(os.urandom(len(content)))
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2 // 4096 * 4096])
    else:
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    damaged = path.read_bytes()
    log = refusal(gateway)
    assert path.name in log or str(gateway.data) in log, log
    assert path.read_bytes() == damaged, "a store that is not understood is not touched"


def test_a_newer_schema_is_refused_and_says_what_it_needs(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    used_once(gateway)
    path = database(gateway)
    with sqlite3.connect(path) as connection:
        (current,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {current + 1}")
    connection.close()
    log = refusal(gateway)
    assert str(current + 1) in log and "schema" in log.lower(), log
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {current}")
    connection.close()
    gateway.start()


def test_a_data_directory_that_cannot_be_written_is_named(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    gateway.data.write_text("a file is in the way")
    assert str(gateway.data) in refusal(gateway)
