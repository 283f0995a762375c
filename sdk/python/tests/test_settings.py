"""Which gateway and which key, and that no key goes to somebody else's host."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from axme import AgentKilled, AxmeClientConfig, AxmeHttpError
from axme._base_url import normal_base_url
from axme._core.control import ControlState, Hold
from axme._small_toml import parse_small_toml
from conftest import Connect
from stand_in import StandIn

LOGIN = """current = "work"

[profiles.work]
url = "https://gate.example/axme"
key = "axme_sa_stored"

[profiles."other one"]
url = "http://10.0.0.1:8080"
key = "axme_sa_other"
"""


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config" / "profiles.toml"
    path.parent.mkdir()
    path.write_text(LOGIN)
    monkeypatch.setenv("AXME_CONFIG_DIR", str(path.parent))
    return path


def test_without_anything_it_is_the_local_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXME_API_KEY", "axme_sa_env")
    config = AxmeClientConfig()
    assert (config.base_url, config.api_key) == ("http://127.0.0.1:8080", "axme_sa_env")


def test_arguments_then_environment_then_login(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = AxmeClientConfig()
    assert (stored.base_url, stored.api_key) == ("https://gate.example/axme", "axme_sa_stored")
    monkeypatch.setenv("AXME_BASE_URL", "http://env:1")
    monkeypatch.setenv("AXME_API_KEY", "axme_sa_env")
    env = AxmeClientConfig()
    assert (env.base_url, env.api_key) == ("http://env:1", "axme_sa_env")
    given = AxmeClientConfig(base_url="http://arg:2/", api_key="axme_sa_arg")
    assert (given.base_url, given.api_key) == ("http://arg:2", "axme_sa_arg")


def test_a_stored_key_goes_only_where_it_was_stored_for(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="stored key is for https://gate.example/axme"):
        AxmeClientConfig(base_url="https://evil.example")
    monkeypatch.setenv("AXME_BASE_URL", "https://evil.example")
    with pytest.raises(ValueError, match="goes nowhere else"):
        AxmeClientConfig()
    monkeypatch.setenv("AXME_BASE_URL", "HTTPS://Gate.Example/axme/")
    assert AxmeClientConfig().api_key == "axme_sa_stored", "the same gateway, written otherwise"


def test_a_named_profile_is_used_or_missed(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXME_PROFILE", "other one")
    assert AxmeClientConfig().api_key == "axme_sa_other"
    monkeypatch.setenv("AXME_PROFILE", "none")
    with pytest.raises(ValueError, match="no such profile"):
        AxmeClientConfig()


def test_a_broken_file_is_named_and_never_quoted(login: Path) -> None:
    login.write_text("[profiles.work]\nkey = axme_sa_secret")
    with pytest.raises(ValueError, match="profiles.toml") as caught:
        AxmeClientConfig()
    assert "axme_sa_secret" not in str(caught.value)
    AxmeClientConfig(base_url="http://a", api_key="k")  # needs no file, so reads none


def test_the_small_reader_reads_what_login_writes() -> None:
    document = parse_small_toml(LOGIN + "ca_cert = '/etc/ca.pem' # whom to trust\n")
    assert document["current"] == "work"
    assert document["profiles"]["work"]["url"] == "https://gate.example/axme"
    assert document["profiles"]["other one"]["ca_cert"] == "/etc/ca.pem"
    with pytest.raises(ValueError, match="line 1"):
        parse_small_toml("key = [1]")


@pytest.mark.parametrize("url", ["gate", "ftp://a", "http://", "http://k@h", "http://h?x=1", " ", ""])
def test_what_is_no_gateway_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        AxmeClientConfig(base_url=url, api_key="k")


def test_arguments_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert normal_base_url(" http://h/ ") == "http://h"
    for key in ("", "  ", "two words", "line\nline"):
        with pytest.raises(ValueError, match="api_key"):
            AxmeClientConfig(base_url="http://h", api_key=key)
    with pytest.raises(ValueError, match="no api_key"):
        AxmeClientConfig(base_url="http://h")
    with pytest.raises(ValueError, match="must match"):
        AxmeClientConfig(base_url="http://h", api_key="k", actor_token="a", bearer_token="b")
    with pytest.raises(ValueError, match="on_unreachable"):
        AxmeClientConfig(base_url="http://h", api_key="k", on_unreachable="ignore")  # type: ignore[arg-type]


def test_the_key_is_not_shown() -> None:
    config = AxmeClientConfig(base_url="http://h", api_key="axme_sa_secret", bearer_token="token_x")
    assert "axme_sa_secret" not in repr(config) and "token_x" not in repr(config)


def test_no_redirect_takes_the_key_away(stand_in: StandIn, connect: Connect) -> None:
    with StandIn() as evil:
        stand_in.redirect_to = evil.url
        client = connect(stand_in.url)
        for call in (client.health, client.mesh.heartbeat, lambda: client.mesh.kill("a"), client.guard):
            with pytest.raises(AxmeHttpError, match="redirects are not followed"):
                call()
        assert evil.heard == []


def test_a_proxy_of_the_environment_sees_no_key(
    stand_in: StandIn, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        client = connect(stand_in.url)
        client.mesh.start_heartbeat()
        client.health()
        client.close()
        assert proxy.heard == [] and stand_in.heard


def test_errors_travel_between_processes() -> None:
    state = ControlState("killed", 5, Hold("kill_1", "halt", "why", "ops", "when", 5))
    error = pickle.loads(pickle.dumps(AgentKilled(state)))
    assert isinstance(error, AgentKilled)
    assert (error.by, error.reason, error.at, error.kill_id) == ("ops", "why", "when", "kill_1")
    assert str(error) == "HTTP 403: the agent was killed by ops at when: why"
