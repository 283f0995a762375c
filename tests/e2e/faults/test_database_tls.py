"""TLS to the database: whom the gateway trusts, what it refuses by name, and that no password goes out in clear."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import MakeGateway
from faults.conftest import MakeLone
from faults.lone import Lone
from faults.postgres import DATABASE, GATEWAY_ROLE, SUPERUSER
from faults.proxy import Hold, Network
from faults.test_store_trouble import await_reason, kill, readiness
from process import Gateway, eventually
from test_tls import HOST, Files

PASSWORD = "correct-horse-battery"
# Which the server's certificate is not for.
OTHER_HOST = "db.example"
REFUSED = "store_tls"
# With TLS the password is proven without being sent. Without, this server asks for it as it is.
WHO_MAY_COME = f"""
host all {SUPERUSER} 127.0.0.1/32 trust
hostssl {DATABASE} {GATEWAY_ROLE} 127.0.0.1/32 scram-sha-256
hostnossl {DATABASE} {GATEWAY_ROLE} 127.0.0.1/32 password
"""
ENCRYPTED = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = %s"
CAME_IN = f"connection authorized: user={GATEWAY_ROLE}"


class Place:
    """One server and the only way to it, on which a password in clear is seen."""

    def __init__(self, lone: Lone, network: Network) -> None:
        self.lone = lone
        self.line = network.proxy(lone.server.port)
        self.password: Hold = self.line.hold(PASSWORD)

    def url(self, security: str) -> str:
        return f"postgres://{GATEWAY_ROLE}:{PASSWORD}@{HOST}:{self.line.port}/{DATABASE}?{security}"


MakePlace = Callable[[bool], Place]


@pytest.fixture
def make_place(make_lone: MakeLone, network: Network, files: Files) -> MakePlace:
    def make(offers_tls: bool) -> Place:
        lone = make_lone()
        (lone.server.data / "pg_hba.conf").write_text(WHO_MAY_COME)
        lone.set("log_connections = on\n")
        if offers_tls:
            lone.set("ssl = on\n")
            give(files.cert, lone.server.data / "server.crt")
            give(files.key, lone.server.data / "server.key")
        lone.start()
        lone.server.ask(f"ALTER ROLE {GATEWAY_ROLE} PASSWORD '{PASSWORD}'")
        return Place(lone, network)

    return make


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "tls")


def give(file: Path, to: Path) -> None:
    """A copy that belongs to the server's user and nobody else may read, on which the server insists."""
    shutil.copyfile(file, to)
    to.chmod(0o600)
    owner = to.parent.stat()
    os.chown(to, owner.st_uid, owner.st_gid)


@pytest.mark.parametrize("mode", ["verify-full", "require"])
def test_a_server_of_a_trusted_authority_is_served_from_encrypted(
    mode: str, make_gateway: MakeGateway, make_place: MakePlace, files: Files
) -> None:
    place = make_place(True)
    gateway = start(make_gateway, place, f"sslmode={mode}&sslrootcert={files.authority}").start()
    mailer = gateway.owner.create_agent("mailer")
    kill(gateway, mailer.address).expect()
    assert place.lone.ask(ENCRYPTED, [GATEWAY_ROLE]) == [(True,)]
    assert not place.password.is_held and PASSWORD not in gateway.log()


def test_without_an_authority_it_is_encrypted_to_whoever_it_is(
    make_gateway: MakeGateway, make_place: MakePlace
) -> None:
    place = make_place(True)
    start(make_gateway, place, "sslmode=require").start()
    assert place.lone.ask(ENCRYPTED, [GATEWAY_ROLE]) == [(True,)]


@pytest.mark.parametrize("mode", ["verify-full", "require"])
def test_a_server_of_another_authority_is_refused(
    mode: str, make_gateway: MakeGateway, make_place: MakePlace, files: Files, tmp_path: Path
) -> None:
    place = make_place(True)
    gateway = start(make_gateway, place, f"sslmode={mode}&sslrootcert={Files(tmp_path / 'other').authority}")
    assert_refused(gateway, place, "UnknownIssuer")
    gateway.discard()
    gateway = start(make_gateway, place, f"sslmode={mode}&sslrootcert={files.authority}")
    gateway.start()


def test_without_a_file_the_authorities_of_the_public_web_are_meant(
    make_gateway: MakeGateway, make_place: MakePlace
) -> None:
    place = make_place(True)
    assert_refused(start(make_gateway, place, "sslmode=verify-full"), place, "UnknownIssuer")


def test_a_certificate_for_another_host_is_refused(
    make_gateway: MakeGateway, make_place: MakePlace, files: Files
) -> None:
    files.renew(host=OTHER_HOST)
    place = make_place(True)
    gateway = start(make_gateway, place, f"sslmode=verify-full&sslrootcert={files.authority}")
    assert_refused(gateway, place, "not valid for name")


@pytest.mark.parametrize("security", ["sslmode=require", "sslmode=verify-full&sslrootcert={authority}"])
def test_a_server_without_tls_is_refused_and_gets_no_password(
    security: str, make_gateway: MakeGateway, make_place: MakePlace, files: Files
) -> None:
    place = make_place(False)
    gateway = start(make_gateway, place, security.format(authority=files.authority))
    assert_refused(gateway, place, "server does not support TLS")


def test_a_password_in_clear_would_have_been_seen(make_gateway: MakeGateway, make_place: MakePlace) -> None:
    place = make_place(False)
    gateway = start(make_gateway, place, "sslmode=disable")
    gateway.launch()
    place.password.wait_until_held()
    place.password.release()
    eventually("it serves", gateway.is_ready, 20.0)


def test_a_file_of_authorities_that_cannot_be_read_ends_the_start(
    make_gateway: MakeGateway, make_place: MakePlace, tmp_path: Path
) -> None:
    place = make_place(True)
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    for missing in (tmp_path / "nowhere.pem", empty):
        gateway = start(make_gateway, place, f"sslmode=verify-full&sslrootcert={missing}")
        gateway.launch()
        assert gateway.wait() in (1, 2)
        assert str(missing) in gateway.log() and PASSWORD not in gateway.log(), gateway.log()


def start(make_gateway: MakeGateway, place: Place, security: str) -> Gateway:
    return make_gateway("gateway", environment={"AXME_STORE": place.url(security)})


def assert_refused(gateway: Gateway, place: Place, why: str) -> None:
    """By its code and in words that say why, for requests too. The server never got as far as a name."""
    gateway.launch()
    await_reason(gateway, REFUSED)
    told = readiness(gateway).text
    assert why in told and why in gateway.log(), told
    gateway.owner.post("/v1/mesh/agents/nobody/kill", {}).refused(503, "not_ready")
    assert CAME_IN not in place.lone.server.log()
    assert not place.password.is_held and PASSWORD not in gateway.log() + told
