"""The audit proves itself: to the command line, and to a verifier that shares no code with it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

import pytest

from chain import verify
from cli import Cli
from conftest import MakeGateway
from gateway import Agent, Api
from process import Gateway, database


def busy_day(gateway: Gateway) -> None:
    """Something of everything that is audited."""
    owner = gateway.owner
    agent, mailer = owner.create_agent("sender"), owner.create_agent("mailer")
    for number in range(5):
        owner.kill(agent.address, {"reason": f"round {number}"})
        owner.with_key(agent.key).send(mailer.address).refused(403, "agent_killed")
        owner.resume(agent.address)
    owner.with_key("axme_sa_sak_nobody_" + "0" * 64).get("/v1/keys").refused(401)


def test_the_chains_verify_from_their_own_definition(gateway: Gateway, cli: Cli) -> None:
    busy_day(gateway)
    lengths = verify(gateway.owner)
    assert lengths["control"] >= 14, "two agents, two keys, five kills, five resumes"
    cli.login(gateway)
    assert cli.run("audit", "verify").code == 0


def test_a_workspaces_export_verifies_without_the_bodies_of_others(owner: Api, campaign: Agent) -> None:
    made = owner.post("/v1/organizations", {"name": "Elsewhere", "slug": "elsewhere"}).expect()["organization"]
    fields = {"name": "auditor", "role": "viewer", "scope": "organization", "org_id": made["org_id"]}
    token = owner.post("/v1/keys", fields).expect()["key"]["token"]
    auditor = owner.with_key(token)
    assert verify(auditor)["control"] == verify(owner)["control"]
    export = auditor.get("/v1/audit/chain?chain=control&limit=1000").text
    assert campaign.address not in export, "what others did stays theirs"


def test_events_page_and_filter(gateway: Gateway, owner: Api) -> None:
    busy_day(gateway)
    events = list(owner.pages("/v1/audit/events", "events"))
    ids = [event["event_id"] for event in events]
    assert len(ids) == len(set(ids))
    assert [event["at"] for event in events] == sorted((event["at"] for event in events), reverse=True)
    kills = list(owner.pages("/v1/audit/events?action_prefix=agent.killed", "events"))
    assert [event["reason"] for event in kills] == [f"round {number}" for number in (4, 3, 2, 1, 0)]
    assert kills == [event for event in events if event["action"] == "agent.killed"]
    first = owner.get("/v1/audit/events?action_prefix=agent.killed&limit=2").expect()
    rest = owner.get(f"/v1/audit/events?action_prefix=agent.killed&limit=9&cursor={first['next_cursor']}").expect()
    assert first["events"] + rest["events"] == kills and rest["next_cursor"] is None


Tamper = Callable[[sqlite3.Connection, str, str], None]


def change_body(store: sqlite3.Connection, key: str, body: str) -> None:
    """One byte of one entry in the middle."""
    (row, content) = store.execute(f"SELECT {key}, {body} FROM control_log ORDER BY {key} LIMIT 1 OFFSET 6").fetchone()
    binary = isinstance(content, bytes)
    changed = (content if binary else content.encode()).replace(b"round", b"sound").replace(b"sender", b"bender")
    changed = changed if changed != (content if binary else content.encode()) else changed + b" "
    store.execute(f"UPDATE control_log SET {body} = ? WHERE {key} = ?", (changed if binary else changed.decode(), row))


def remove_entry(store: sqlite3.Connection, key: str, _: str) -> None:
    row = store.execute(f"SELECT {key} FROM control_log ORDER BY {key} LIMIT 1 OFFSET 6").fetchone()
    store.execute(f"DELETE FROM control_log WHERE {key} = ?", row)


@contextlib.contextmanager
def store_of(gateway: Gateway) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(database(gateway))) as connection, connection:
        yield connection


@pytest.mark.parametrize("tamper", [change_body, remove_entry])
def test_a_changed_log_is_found(make_gateway: MakeGateway, cli: Cli, tamper: Tamper) -> None:
    """Found at the next start, which refuses, or by a verification: never unnoticed."""
    gateway = make_gateway().start()
    busy_day(gateway)
    assert gateway.stop() == 0
    with store_of(gateway) as store:
        tamper(store, "revision", "body")
    if not gateway.serves():
        assert "revision" in gateway.log() or "hash" in gateway.log(), gateway.log()
        return
    cli.login(gateway)
    found = cli.run("audit", "verify", code=1)
    assert "control: position" in found.err, found
