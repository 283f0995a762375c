"""An operator's day with nothing but the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from cli import Cli
from conftest import MakeGateway
from gateway import Agent
from process import Gateway


def test_login_keeps_the_key_private(gateway: Gateway, cli: Cli) -> None:
    ran = cli.login(gateway)
    assert gateway.owner_key and gateway.owner_key not in ran.out + ran.err, "a key is never echoed"
    kept = [path for path in (cli.home / "config").rglob("*") if path.is_file()]
    assert kept and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    status = cli.run("status", "--json").json
    assert gateway.url in json.dumps(status)

    wrong = cli.run("login", "--url", gateway.url, stdin="axme_sa_sak_wrong_" + "0" * 64 + "\n", code=None)
    assert wrong.code == 1 and wrong.err
    assert "mailer" in cli.run("agents", "create", "mailer").out, "a failed login changes nothing"


def test_an_operator_stops_and_resumes_a_campaign(gateway: Gateway, cli: Cli) -> None:
    cli.login(gateway)
    made = cli.run("agents", "create", "email-campaign")
    for part in ("agent://default/default/email-campaign", "AXME_BASE_URL", "AXME_API_KEY", "base_url=", gateway.url):
        assert part in made.out, made.out
    mailer = cli.run("agents", "create", "mailer", "--json").json
    assert "agent://default/default/mailer" in json.dumps(mailer)

    listed = cli.run("ps")
    assert "email-campaign" in listed.out and "mailer" in listed.out
    assert len(cli.run("ps", "--json").json["agents"]) == 2

    cli.run("kill", "email-campaign", "--reason", "broken link", "--yes")
    assert gateway.owner.agent("agent://default/default/email-campaign")["run_state"] == "killed"
    assert "killed" in cli.run("ps").out
    one = cli.run("mesh", "get", "email-campaign", "--json").json
    assert one["health_status"] == "killed"
    send = ("intents", "send", "mailer", "--from", "email-campaign", "--type", "intent.mail.v1")
    refused = cli.run(*send, code=1)
    assert "axme resume" in refused.err, "an error says what to do next"
    cli.run("resume", "email-campaign", "--yes")
    assert gateway.owner.agent("agent://default/default/email-campaign")["run_state"] == "active"

    sent = cli.run(*send, "--json")
    intent_id = sent.json["intent_id"]
    assert cli.run("intents", "get", intent_id, "--json").json["intent"]["intent_id"] == intent_id
    assert intent_id in cli.run("intents", "list").out


def test_globs_reach_a_class_of_agents(gateway: Gateway, cli: Cli) -> None:
    cli.login(gateway)
    names = ["mail-a", "mail-b", "report"]
    agents = {name: gateway.owner.create_agent(name) for name in names}

    def states() -> list[str]:
        return [gateway.owner.agent(agents[name].address)["run_state"] for name in names]

    cli.run("kill", "mail-*", "--yes")
    assert states() == ["killed", "killed", "active"]
    cli.run("resume", "mail-*", "--yes")
    assert states() == ["active", "active", "active"]
    assert cli.run("kill", "nothing-*", "--yes", code=None).code == 1
    assert cli.run("kill", "mail-*", code=None).code != 0, "many at once need a yes"
    assert states() == ["active", "active", "active"]


def test_the_audit_tells_the_day(gateway: Gateway, cli: Cli) -> None:
    cli.login(gateway)
    agent: Agent = gateway.owner.create_agent("mailer")
    cli.run("kill", "mailer", "--reason", "for the audit", "--yes")
    cli.run("resume", "mailer", "--yes")
    table = cli.run("audit", "list").out
    assert "agent.killed" in table and "agent.resumed" in table
    events = cli.run("audit", "list", "--json").json["events"]
    killed = next(event for event in events if event["action"] == "agent.killed")
    assert agent.address in json.dumps(killed) and killed["reason"] == "for the audit"
    assert killed["actor_kind"] == "key" and killed["client_address"] and killed["request_id"]
    assert cli.run("audit", "verify", "--json").json["ok"] is True
    assert gateway.owner_key and gateway.owner_key not in json.dumps(events) and agent.key not in json.dumps(events)


def test_keys_are_made_listed_and_revoked(gateway: Gateway, cli: Cli, tmp_path: Path) -> None:
    cli.login(gateway)
    made = cli.run("keys", "create", "night-shift", "--role", "operator", "--json").json["key"]
    other = Cli(tmp_path / "other")
    other.run("login", "--url", gateway.url, stdin=made["token"] + "\n")
    assert "night-shift" in cli.run("keys", "list").out and made["token"] not in cli.run("keys", "list").out
    cli.run("keys", "revoke", made["key_id"], "--yes")
    refused = other.run("ps", code=1)
    assert "revoked" in refused.err and "login" in refused.err


def test_a_locked_out_owner_makes_a_key_on_the_store(make_gateway: MakeGateway, cli: Cli) -> None:
    gateway = make_gateway().start()
    offline = ("keys", "create", "rescue", "--role", "owner", "--offline", "--data-dir", str(gateway.data), "--json")
    assert cli.run(*offline, code=1).err, "not while the gateway holds the store"
    assert gateway.stop() == 0
    token = cli.run(*offline).json["key"]["token"]
    gateway.start()
    rescued = gateway.owner.with_key(token)
    assert rescued.get("/v1/keys/self").expect()["key"]["role"] == "owner"
    events = rescued.get("/v1/audit/events?action_prefix=key.").expect()["events"]
    assert "local" in {event["actor_kind"] for event in events}


def test_exit_codes_tell_how_it_went(gateway: Gateway, cli: Cli) -> None:
    assert cli.run("--version").out.startswith("axme ")
    assert cli.run("nonsense", code=None).code == 2, "wrong use is 2"
    assert cli.run("kill", code=None).code == 2
    nobody = cli.run("ps", code=None)
    assert nobody.code == 2 and "axme login" in nobody.err, "no key yet: it says what to do"
    cli.login(gateway)
    assert cli.run("kill", "nobody", "--yes", code=None).code == 1
    gateway.stop()
    away = cli.run("ps", code=None)
    assert away.code == 1 and gateway.url in away.err
    assert "\x1b[" not in away.err + away.out, "no colours where nobody sees them"
