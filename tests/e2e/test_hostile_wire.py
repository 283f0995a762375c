"""Bad input below JSON: raw paths, huge and slow heads, cut and lying bodies."""

from __future__ import annotations

import socket
import time

import pytest

from gateway import Agent, Answer, Api
from process import Gateway

HEADER_BOUND_S = 10.0
CUT_AFTER_S = HEADER_BOUND_S + 5.0


def talk(gateway: Gateway, sent: bytes, *, timeout_s: float = CUT_AFTER_S, half_close: bool = False) -> bytes:
    """Sends bytes and returns all that comes back until the gateway closes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=timeout_s) as connection:
        try:
            connection.sendall(sent)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            pass  # it had heard enough; what it answered may still be there
        return read_to_the_end(connection)


def read_to_the_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def status(received: bytes) -> int:
    assert received.startswith(b"HTTP/1.1 "), received[:200]
    return int(received.split(b" ")[1])


def head(gateway: Gateway, *lines: str, request: str = "GET /v1/mesh/agents") -> bytes:
    key = f"x-api-key: {gateway.owner_key}"
    return "\r\n".join([f"{request} HTTP/1.1", "host: x", key, "connection: close", *lines, "", ""]).encode()


def test_huge_heads_are_refused(gateway: Gateway) -> None:
    for size in (70_000, 1_000_000):
        received = talk(gateway, head(gateway, f"x-huge: {'h' * size}"))
        assert not received or 400 <= status(received) < 500, received[:200]
    many = talk(gateway, head(gateway, *(f"x-{number}: y" for number in range(5_000))))
    assert not many or 400 <= status(many) < 500
    long_path = talk(gateway, head(gateway, request=f"GET /v1/intents/{'p' * 100_000}"))
    assert not long_path or 400 <= status(long_path) < 500
    assert gateway.is_ready()


def test_a_head_that_never_ends_is_cut(gateway: Gateway) -> None:
    beginnings = [b"", b"GET / HTTP/1.1\r\n", b"POST /v1/intents HTTP/1.1\r\nhost: x\r\n"]
    silent = [socket.create_connection(("127.0.0.1", gateway.port), timeout=CUT_AFTER_S) for _ in beginnings]
    began = time.monotonic()
    for connection, sent in zip(silent, beginnings, strict=True):
        connection.sendall(sent)
    for connection, sent in zip(silent, beginnings, strict=True):
        received = read_to_the_end(connection)
        connection.close()
        assert time.monotonic() - began < CUT_AFTER_S, sent
        assert not received or 400 <= status(received) < 500, (sent, received)


@pytest.mark.bound_s(90)
def test_a_slow_sender_is_cut_while_others_are_served(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        began = time.monotonic()
        ended = False
        for byte in head(gateway, "x-slow: " + "s" * 500):
            try:
                connection.sendall(bytes([byte]))
                connection.settimeout(0.25)
                ended = connection.recv(1024) == b"" or ended
            except TimeoutError:
                pass
            except (ConnectionResetError, BrokenPipeError):
                ended = True
            if ended or time.monotonic() - began > CUT_AFTER_S:
                break
        assert ended, f"still open after {CUT_AFTER_S} s"
    assert gateway.owner.get("/v1/mesh/agents").status == 200


def test_cut_and_lying_bodies_store_nothing(gateway: Gateway, owner: Api, mailer: Agent) -> None:
    request = "POST /v1/intents"
    body = b'{"to_agent": "agent://default/default/mailer"'
    cut = head(gateway, "content-type: application/json", "content-length: 5000", request=request) + body
    lying = {
        "cut": cut,
        "negative": head(gateway, "content-length: -5", request=request),
        "two lengths": head(gateway, "content-length: 5", "content-length: 6", request=request) + b"12345",
        "bad chunk": head(gateway, "transfer-encoding: chunked", request=request) + b"zz\r\nhello\r\n",
        "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "old": b"GET /health HTTP/0.9\r\n\r\n",
    }
    for what, sent in lying.items():
        received = talk(gateway, sent, half_close=True)
        assert not received or 400 <= status(received) < 500, (what, received[:300])
    assert list(owner.pages("/v1/intents", "intents")) == []


def test_raw_multi_segment_paths_are_not_redirected(gateway: Gateway, owner: Api, mailer: Agent) -> None:
    name = mailer.address.removeprefix("agent://")
    encoded = mailer.address.replace(":", "%3A").replace("/", "%2F")
    for written in (mailer.address, name, encoded, mailer.address_id):
        assert owner.kill(written)["status"] == "killed", written
        assert owner.agent(written)["run_state"] == "killed"
        assert owner.resume(written)["status"] == "active"
    for path in (f"/v1/agents/{name}", f"/v1/agents/{mailer.address}", f"/v1/agents/{encoded}"):
        assert owner.get(path).expect()["agent"]["address"] == mailer.address
    for path in (
        f"/v1/mesh/agents/{mailer.address}/nonsense",
        f"/v1/mesh/agents/{mailer.address}/kill/kill",
        "/v1/mesh/agents//kill",
        "/v1/mesh/agents/agent:///kill",
        "/v1/mesh/agents/agent://default/default/../mailer/kill",
        f"/v1/mesh/agents/{mailer.address}%00/kill",
    ):
        refused(owner.post(path))
    assert owner.agent(mailer.address)["run_state"] == "active"


def refused(answer: Answer) -> None:
    assert 400 <= answer.status < 500, answer.text
    answer.error_shape()
