"""`axme serve` in the hands of an operator: first start, settings, a clean end.

When it must not start: test_serve_refuses.py.
"""

from __future__ import annotations

import os
import pty
import re
import secrets
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from conftest import MakeGateway
from gateway import Api
from process import Gateway, clean_environment, eventually, free_port


def key_file(gateway: Gateway) -> Path:
    return gateway.data / "owner.key"


def test_first_start_leaves_one_key_in_a_private_file(make_gateway: MakeGateway) -> None:
    gateway = make_gateway("first", owner_key=None).start()
    path = key_file(gateway)
    key = path.read_text().strip()
    assert len(key) >= 32 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in gateway.log(), "it says where the key is"
    assert key not in gateway.log() and key.split("_")[-1] not in gateway.log(), "the key itself is never logged"
    own = Api(gateway.url, key).get("/v1/keys/self").expect()["key"]
    assert (own["role"], own["scope"]) == ("owner", "installation")
    assert gateway.stop() == 0

    gateway.log_path.unlink()
    gateway.start()
    assert path.read_text().strip() == key, "a second start makes no second key"
    assert len(Api(gateway.url, key).get("/v1/keys").expect()["keys"]) == 1


def test_on_a_terminal_the_key_is_printed_once_and_not_stored(make_gateway: MakeGateway) -> None:
    gateway = make_gateway("terminal", owner_key=None)
    ours, theirs = pty.openpty()
    gateway.process = subprocess.Popen(
        gateway.command(),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=clean_environment(gateway.directory),
        start_new_session=True,
    )
    os.close(theirs)
    eventually("ready", gateway.is_ready)
    printed = re.findall(r"axme_sa_[A-Za-z0-9_]+", os.read(ours, 65536).decode())
    os.close(ours)
    assert len(printed) == 1 and not key_file(gateway).exists()
    assert Api(gateway.url, printed[0]).get("/v1/keys/self").expect()["key"]["role"] == "owner"


def test_flags_go_before_environment_before_file(make_gateway: MakeGateway) -> None:
    ports = {source: free_port() for source in ("flag", "environment", "file")}
    listen = {source: f"127.0.0.1:{port}" for source, port in ports.items()}
    gateway = make_gateway("precedence")
    gateway.listens_by_itself = True
    config = gateway.directory / "axme.toml"
    config.write_text(f'listen = "{listen["file"]}"\norg = "from-file"\nworkspace = "from-file"\n')

    def started_with(port: int, *flags: str, **environment: str) -> Api:
        gateway.environment = environment
        gateway.arguments = ["--config", str(config), *flags]
        gateway.port, gateway.url = port, f"http://127.0.0.1:{port}"
        gateway.start()
        return gateway.owner

    owner = started_with(
        ports["flag"], "--listen", listen["flag"], AXME_LISTEN=listen["environment"], AXME_ORG="from-environment"
    )
    own = owner.get("/v1/keys/self").expect()
    assert own["organization"]["slug"] == "from-environment", "the environment goes before the file"
    assert own["workspace"]["slug"] == "from-file", "the file goes before the default"
    assert gateway.stop() == 0
    started_with(ports["environment"], AXME_LISTEN=listen["environment"], AXME_ORG="from-environment")
    assert gateway.stop() == 0
    started_with(ports["file"], AXME_ORG="from-environment")
    assert gateway.stop() == 0


def test_secrets_come_from_files_too(make_gateway: MakeGateway, tmp_path: Path) -> None:
    key = secrets.token_hex(32)
    (tmp_path / "key-file").write_text(f"{key}\n")
    gateway = make_gateway("secret", owner_key=None, environment={"AXME_OWNER_KEY_FILE": str(tmp_path / "key-file")})
    gateway.start()
    assert Api(gateway.url, key).get("/v1/keys/self").expect()["key"]["role"] == "owner"
    assert not key_file(gateway).exists()


def test_a_changed_owner_key_replaces_the_old_one_and_is_audited(make_gateway: MakeGateway) -> None:
    gateway = make_gateway().start()
    old = gateway.owner
    assert gateway.stop() == 0
    gateway.owner_key = secrets.token_hex(32)
    gateway.start()
    old.get("/v1/keys/self").refused(401)
    gateway.owner.get("/v1/keys/self").expect()
    events = gateway.owner.get("/v1/audit/events?limit=100").expect()["events"]
    actions = [event["action"] for event in events if event["action"].startswith("key.")]
    assert actions, [event["action"] for event in events]
    assert old.key is not None and old.key not in str(events) and str(gateway.owner_key) not in str(events)


def test_sigterm_drains_and_ends_cleanly(make_gateway: MakeGateway) -> None:
    gateway = make_gateway("drained", "--drain-ms", "1000").start()
    mailer = gateway.owner.create_agent("mailer")
    streams = [gateway.owner.with_key(mailer.key).connect(30) for _ in range(3)]
    ends: list[bytes] = []
    for stream in streams:
        headers = {"x-api-key": mailer.key}
        stream.request("GET", "/v1/agents/default/default/mailer/intents/stream?wait_seconds=30", headers=headers)

    def read_to_the_end(number: int) -> None:
        response = streams[number].getresponse()
        assert response.status == 200
        ends.append(response.read())  # raises IncompleteRead when the stream is cut

    readers = [threading.Thread(target=read_to_the_end, args=(number,)) for number in range(len(streams))]
    for reader in readers:
        reader.start()
    eventually("streams are open", lambda: gateway.owner.agent(mailer.address)["open_streams"] == 3)
    idle = gateway.owner.connect(10)
    idle.connect()
    gateway.signal(signal.SIGTERM)
    began = time.monotonic()
    not_ready = eventually("/ready says no", lambda: ready_refusal(gateway), 1.0) or {}
    assert not_ready["code"] == "not_ready" and not_ready["details"]["reason"]
    assert gateway.wait() == 0
    assert 0.5 < time.monotonic() - began < 15
    for reader in readers:
        reader.join(5)
    assert len(ends) == 3, "every stream ended with its last chunk"
    idle.close()
    gateway.start()
    assert gateway.owner.agent(mailer.address)["address"] == mailer.address


def ready_refusal(gateway: Gateway) -> dict[str, Any] | None:
    answer = Api(gateway.url, None).get("/ready", timeout_s=2)
    return answer.refused(503) if answer.status == 503 else None


def test_health_and_ready_need_no_key(gateway: Gateway) -> None:
    nobody = Api(gateway.url, None)
    assert nobody.get("/health").expect()["ok"] is True
    assert nobody.get("/ready").expect()["ok"] is True
    nobody.get("/v1/mesh/agents").refused(401)
    bearer = nobody.get("/v1/mesh/agents", headers={"authorization": f"Bearer {gateway.owner_key}"})
    assert bearer.expect()["agents"] == []
