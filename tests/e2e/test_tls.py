"""TLS on the gateway's own listeners: who can talk to it, which files it takes, how they are renewed."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from axme import AxmeClient, AxmeClientConfig
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cli import Cli
from conftest import MakeGateway
from gateway import Api, intent
from process import Gateway, eventually, free_port
from published import Listener
from test_serve_refuses import refusal

HOST = "127.0.0.1"


class Files:
    """A certificate, its key and its authority as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.cert, self.key, self.authority = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
        self.renew()

    def renew(self, host: str = HOST, kind: trustme.KeyType = trustme.KeyType.ECDSA) -> None:
        """Another authority, certificate and key in the same files."""
        authority = trustme.CA(key_type=kind)
        issued = authority.issue_cert(host, "localhost", key_type=kind)
        authority.cert_pem.write_to_path(str(self.authority))
        issued.private_key_pem.write_to_path(str(self.key))
        self.cert.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))

    def key_as(self, form: PrivateFormat, passphrase: bytes | None = None) -> None:
        """The same key written in another way."""
        key = load_pem_private_key(self.key.read_bytes(), None)
        encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        self.key.write_bytes(key.private_bytes(Encoding.PEM, form, encryption))

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def flags(self) -> list[str]:
        return ["--tls-cert", str(self.cert), "--tls-key", str(self.key)]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "tls")


MakeEncrypted = Callable[..., Gateway]


@pytest.fixture
def make_encrypted(make_gateway: MakeGateway, files: Files) -> MakeEncrypted:
    def make(*arguments: str) -> Gateway:
        gateway = make_gateway("gateway", *files.flags(), *arguments)
        gateway.url = gateway.url.replace("http://", "https://")
        gateway.tls = files.trust()
        return gateway

    return make


def test_operators_and_published_clients_come_in_over_tls(
    make_encrypted: MakeEncrypted, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator_port = free_port()
    gateway = make_encrypted("--operator-listen", f"{HOST}:{operator_port}").start()
    assert f"https://{HOST}:{gateway.port}" in gateway.log() and f"https://{HOST}:{operator_port}" in gateway.log()
    mailer = gateway.owner.create_agent("mailer")

    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
    with AxmeClient(AxmeClientConfig(base_url=gateway.url, api_key=mailer.key)) as client:
        listener = Listener(client, mailer.address)
        gateway.owner.with_key(gateway.owner.create_agent("campaign").key).send(mailer.address).expect()
        eventually("the intent is delivered", lambda: listener.events)
        operator = Api(f"https://{HOST}:{operator_port}", gateway.owner_key, tls=gateway.tls)
        assert operator.kill(mailer.name)["receipt"]["streams_closed"] == 1
        assert listener.join(10.0) is not None
    assert gateway.stop() == 0


def test_an_agent_on_the_operators_listener_is_refused_over_tls_too(make_encrypted: MakeEncrypted) -> None:
    port = free_port()
    gateway = make_encrypted("--operator-listen", f"{HOST}:{port}").start()
    agent = gateway.owner.create_agent("mailer")
    Api(f"https://{HOST}:{port}", agent.key, tls=gateway.tls).get("/v1/keys/self").refused(503, "gateway_busy")


def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(make_encrypted: MakeEncrypted, files: Files) -> None:
    gateway = make_encrypted().start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = files.trust()
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection((HOST, gateway.port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname=HOST) as encrypted:
                assert encrypted.version() == version.name.replace("_", ".")
                assert encrypted.selected_alpn_protocol() == "http/1.1"
    with pytest.raises(http.client.HTTPException):
        Api(gateway.url.replace("https://", "http://"), None).get("/ready")


@pytest.mark.parametrize("kind", list(trustme.KeyType))
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_keys_in_each_usual_form_serve(
    make_encrypted: MakeEncrypted, files: Files, kind: trustme.KeyType, form: PrivateFormat
) -> None:
    files.renew(kind=kind)
    files.key_as(form)
    expected = {"PKCS8": "BEGIN PRIVATE KEY", "RSA": "BEGIN RSA PRIVATE KEY", "ECDSA": "BEGIN EC PRIVATE KEY"}
    assert expected["PKCS8" if form is PrivateFormat.PKCS8 else kind.name] in files.key.read_text()
    make_encrypted().start()


def test_settings_come_from_the_environment_and_the_file_too(make_gateway: MakeGateway, files: Files) -> None:
    gateway = make_gateway("given", "--config", "axme.toml", environment={"AXME_TLS_CERT": str(files.cert)})
    (gateway.directory / "axme.toml").write_text(f'tls_key = "{files.key}"\n')
    gateway.url, gateway.tls = gateway.url.replace("http://", "https://"), files.trust()
    gateway.start()


def test_off_loopback_only_plain_text_is_warned_of(make_encrypted: MakeEncrypted, make_gateway: MakeGateway) -> None:
    warning = "without TLS"
    for gateway, warned in [(make_encrypted(), False), (make_gateway("plain"), True)]:
        gateway.listens_by_itself = True
        gateway.arguments += ["--listen", f"0.0.0.0:{gateway.port}"]
        gateway.start()
        assert (warning in gateway.log()) == warned, gateway.log()


def test_certificates_are_renewed_without_a_restart(make_encrypted: MakeEncrypted, files: Files) -> None:
    gateway = make_encrypted().start()
    kept = Api(gateway.url, gateway.owner_key, keep_alive=True, tls=gateway.tls)
    kept.get("/v1/keys/self").expect()
    good = files.key.read_bytes()

    files.key.write_text("not a key\n")
    eventually("it tells of the bad key", lambda: "holds no private key" in gateway.log())
    assert gateway.is_ready(), "the old pair goes on"
    files.key.write_bytes(good)

    files.renew()
    old, gateway.tls = gateway.tls, files.trust()
    eventually("new connections get the new certificate", gateway.is_ready)
    with pytest.raises(ssl.SSLCertVerificationError):
        Api(gateway.url, None, tls=old).get("/health")
    kept.get("/v1/keys/self").expect()


def spoil_nothing_given(files: Files) -> str:
    files.key.unlink()
    return "key.pem"


def spoil_swapped(files: Files) -> str:
    cert, key = files.cert.read_bytes(), files.key.read_bytes()
    files.cert.write_bytes(key)
    files.key.write_bytes(cert)
    return "swapped"


def spoil_other_key(files: Files) -> str:
    cert = files.cert.read_bytes()
    files.renew()
    files.cert.write_bytes(cert)
    return "does not belong"


def spoil_encrypted(files: Files) -> str:
    files.key_as(PrivateFormat.PKCS8, b"sesame")
    return "encrypted"


def spoil_half(files: Files) -> str:
    files.cert.write_bytes(files.cert.read_bytes()[:300])
    return "damaged PEM"


@pytest.mark.parametrize(
    "spoil", [spoil_nothing_given, spoil_swapped, spoil_other_key, spoil_encrypted, spoil_half], ids=lambda s: s.__name__
)
def test_bad_files_end_the_start_and_leave_nothing_behind(
    make_encrypted: MakeEncrypted, files: Files, spoil: Callable[[Files], str]
) -> None:
    says = spoil(files)
    gateway = make_encrypted()
    log = refusal(gateway)
    assert says in log and str(files.cert.parent) in log, log
    assert not gateway.data.exists(), "no store was made"


def test_half_of_the_settings_names_the_other_half(make_gateway: MakeGateway, files: Files) -> None:
    assert "tls_key" in refusal(make_gateway("no-key", "--tls-cert", str(files.cert)))
    assert "tls_cert" in refusal(make_gateway("no-cert", "--tls-key", str(files.key)))


def test_the_command_line_trusts_a_private_authority(make_encrypted: MakeEncrypted, files: Files, cli: Cli) -> None:
    gateway = make_encrypted().start()
    mailer = gateway.owner.create_agent("mailer")
    authority = cli.home / "ca.pem"
    authority.write_bytes(files.authority.read_bytes())
    login = ["login", "--url", gateway.url]

    distrusted = cli.run(*login, stdin=f"{gateway.owner_key}\n", code=1)
    assert "UnknownIssuer" in distrusted.err and "Nothing was sent" in distrusted.err, distrusted
    assert "--ca-cert" in distrusted.err

    signed_in = cli.run(*login, "--ca-cert", "ca.pem", stdin=f"{gateway.owner_key}\n")
    assert str(authority) in signed_in.out, "as a path that holds in other folders too"
    assert cli.run("kill", "mailer", "--json").json["receipt"]["replicas"][0]["state"] == "enforced"
    assert cli.run("ps", "--json").json["agents"][0]["address"] == mailer.address
    cli.login(gateway)
    cli.run("resume", "mailer")

    authority.unlink()
    assert str(authority) in cli.run("ps", code=2).err
    cli.run("ps", environment={"AXME_CA_CERT": str(files.authority)})


def test_the_command_line_notices_a_certificate_of_somebody_else(
    make_encrypted: MakeEncrypted, files: Files, cli: Cli
) -> None:
    files.renew(host="gate.example")
    gateway = make_encrypted()
    gateway.tls.check_hostname = False
    gateway.start()
    given = {"AXME_API_KEY": str(gateway.owner_key), "AXME_CA_CERT": str(files.authority)}
    refused = cli.run("--url", gateway.url, "ps", code=1, environment=given)
    assert "not valid for name" in refused.err and "Nothing was sent" in refused.err, refused


def test_an_https_address_of_a_gateway_without_tls_is_told(gateway: Gateway, cli: Cli) -> None:
    url = gateway.url.replace("http://", "https://")
    told = cli.run("--url", url, "ps", code=1, environment={"AXME_API_KEY": str(gateway.owner_key)})
    assert "begins with http://" in told.err, told


def test_an_http_address_of_a_gateway_with_tls_is_told(make_encrypted: MakeEncrypted, cli: Cli) -> None:
    gateway = make_encrypted().start()
    url = gateway.url.replace("https://", "http://")
    told = cli.run("--url", url, "ps", code=1, environment={"AXME_API_KEY": str(gateway.owner_key)})
    assert "begins with https://" in told.err, told
