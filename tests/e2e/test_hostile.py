"""Bad input over whole requests: never a 5xx, always the one error shape, nothing half done.

What is wrong below HTTP (slow, huge, cut): test_hostile_wire.py.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from gateway import Agent, Answer, Api, intent
from process import Gateway

DEEP = b'{"payload":' + b'{"a":' * 100_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One gateway for all of it: what one bad request breaks, the next one finds."""
    gateway = Gateway(tmp_path_factory.mktemp("hostile")).start()
    yield gateway
    assert gateway.is_ready(), "after all of it the gateway still serves"
    assert "panicked" not in gateway.log(), gateway.log()
    assert gateway.stop() == 0


@pytest.fixture(scope="module")
def sender(gateway: Gateway) -> Agent:
    return gateway.owner.create_agent("sender")


@pytest.fixture(scope="module")
def mailer(gateway: Gateway) -> Agent:
    return gateway.owner.create_agent("mailer")


@pytest.fixture(scope="module")
def api(gateway: Gateway, sender: Agent) -> Api:
    return gateway.owner.with_key(sender.key)


def client_error(answer: Answer) -> dict[str, Any]:
    assert 400 <= answer.status < 500, f"{answer.status}: {answer.text}"
    return answer.error_shape()


MALFORMED = {
    "cut": b'{"to_agent": "agent://',
    "not JSON": b"to_agent=x",
    "not UTF-8": b'{"to_agent": "\xff\xfe"}',
    "nothing": b"",
    "null": b"null",
    "array": b"[]",
    "string": b'"agent"',
    "number": b"1e999",
    "deep": DEEP,
    "NUL": b"\x00",
    "two": b"{}{}",
}


@pytest.mark.parametrize("what", MALFORMED)
@pytest.mark.parametrize("path", ["/v1/intents", "/v1/service-accounts", "/v1/keys"])
def test_malformed_json_is_refused(owner: Api, path: str, what: str) -> None:
    client_error(owner.post(path, raw=MALFORMED[what]))


WRONG: dict[str, Any] = {
    "intent_type": [1, None, "", "nodots", "Intent.Mail.v1", "intent.mail", "x" * 5000, "intent.mail.v1\n"],
    "to_agent": [
        1,
        None,
        "",
        "x",
        "agent://",
        "agent://a/b/c/d/e",
        "agent://A/B/C",
        "http://host",
        f"agent://{400 * 'x'}",
    ],
    "payload": [1, "text", [1, 2], True],
    "correlation_id": [1, "", "not-a-uuid", {}],
    "deadline_at": ["tomorrow", 5, "2020-13-45T00:00:00Z", {}],
    "max_delivery_attempts": [0, -1, "3", 1.5, 10**30],
    "remind_after_seconds": [0, -5, "soon"],
    "reply_to": [7, "x", {}],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in WRONG.items() for v in values])
def test_a_wrong_field_is_refused_and_named(owner: Api, api: Api, mailer: Agent, field: str, value: Any) -> None:
    before = len(list(owner.pages("/v1/intents", "intents")))
    answer = api.post("/v1/intents", {**intent(mailer.address), field: value})
    error = client_error(answer)
    assert answer.status in (400, 404, 422), error
    assert field in answer.text or error["code"] == "agent_not_found", error
    assert len(list(owner.pages("/v1/intents", "intents"))) == before, "nothing was stored"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "-0.5", "1e999", '"5"', "{}", "true", "9" * 23])
@pytest.mark.parametrize("field", ["intents_total", "cost_usd", "avg_latency_ms"])
def test_impossible_metrics_are_refused(owner: Api, api: Api, sender: Agent, field: str, number: str) -> None:
    answer = api.post("/v1/mesh/heartbeat", raw=f'{{"metrics": {{"{field}": {number}}}}}'.encode())
    if answer.status == 200:
        assert number.startswith("9999") and field != "intents_total", f"{field}={number} was accepted"
    else:
        client_error(answer)
    found = owner.get(f"/v1/mesh/agents/{sender.address}").expect()["metrics"]
    assert found["intents_total"] == 0, found


def test_an_empty_body_with_a_json_type_is_normal(owner: Api, api: Api, sender: Agent) -> None:
    api.post("/v1/mesh/heartbeat", raw=b"").expect()
    owner.post(f"/v1/mesh/agents/{sender.address}/kill", raw=b"").expect()
    owner.post(f"/v1/mesh/agents/{sender.address}/resume", raw=b"").expect()
    key = owner.post(f"/v1/service-accounts/{sender.account_id}/keys", raw=b"").expect()["key"]
    owner.post(f"/v1/service-accounts/{sender.account_id}/keys/{key['key_id']}/revoke", raw=b"").expect()


def test_large_payloads_have_a_limit(api: Api, mailer: Agent) -> None:
    api.send(mailer.address, {"text": "x" * 120_000}).expect()
    api.send(mailer.address, {"text": "x" * 132_000}).refused(413, "payload_too_large")
    api.send(mailer.address, {"text": "x" * 5_000_000}).refused(413, "payload_too_large")


UNKNOWN = ["/v1/intents/{uuid}", "/v1/intents/not-a-uuid", "/v1/intents/{uuid}/events", "/v1/mesh/agents/addr_{hex}",
           "/v1/mesh/agents/agent://default/default/nobody", "/v1/mesh/agents/%00", "/v1/mesh/kills/kill_{hex}",
           "/v1/service-accounts/sa_{hex}", "/v1/agents/default/default/nobody", "/v1/agents/a%2F..%2Fb",
           "/v1/nothing", "/v1/inbox", "/v1/sessions", "//", "/v1/../v1/keys", "/v1/organizations/{uuid}",
           "/v1/intents/{uuid}/events/stream", "/v1/agents/default/default/nobody/intents/stream",
           "/v1/mesh/agents/" + "a/" * 500]  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
def test_unknown_things_are_404_in_json(owner: Api, path: str) -> None:
    answer = owner.get(path.replace("{uuid}", str(uuid.uuid4())).replace("{hex}", uuid.uuid4().hex))
    client_error(answer)
    assert answer.status in (404, 422), answer.text


QUERIES = [
    "limit=0",
    "limit=-1",
    "limit=x",
    "limit=" + "9" * 20,
    "cursor=%00",
    "cursor=nonsense",
    "status=NONSENSE",
]


@pytest.mark.parametrize("path", ["/v1/intents", "/v1/mesh/agents", "/v1/mesh/events", "/v1/audit/events", "/v1/keys"])
@pytest.mark.parametrize("query", QUERIES)
def test_odd_queries_are_answered(owner: Api, path: str, query: str) -> None:
    answer = owner.get(f"{path}?{query}")
    if answer.status != 200:
        client_error(answer)


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/health", "/v1/intents", "/v1/mesh/heartbeat"])
def test_other_methods_are_refused(owner: Api, method: str, path: str) -> None:
    answer = owner.call(method, path)
    client_error(answer)
    assert answer.status in (404, 405)


def test_a_reused_idempotency_key_with_another_payload_is_409(api: Api, mailer: Agent) -> None:
    headers = {"idempotency-key": "one-key"}
    body = intent(mailer.address, {"n": 1})
    first = api.post("/v1/intents", body, headers=headers).expect()
    assert api.post("/v1/intents", body, headers=headers).expect() == first
    api.post("/v1/intents", {**body, "payload": {"n": 2}}, headers=headers).refused(409, "idempotency_key_reused")
    api.post("/v1/intents", body, headers={"idempotency-key": ""}).refused(422)
    api.post("/v1/intents", body, headers={"idempotency-key": "k" * 300}).refused(422)


def test_a_terminal_intent_cannot_end_again(gateway: Gateway, api: Api, mailer: Agent) -> None:
    receiver = gateway.owner.with_key(mailer.key)
    intent_id = api.send(mailer.address).expect()["intent_id"]
    path = f"/v1/intents/{intent_id}"
    receiver.post(f"{path}/resolve", {"status": "NONSENSE"}).refused(422)
    receiver.post(f"{path}/resolve", {"status": "DELIVERED"}).refused(422)
    receiver.post(f"{path}/resolve", {"status": "COMPLETED", "result": {}}).expect()
    receiver.post(f"{path}/resolve", {"status": "COMPLETED", "result": {}}).refused(409, "intent_terminal")
    receiver.post(f"{path}/resume", {"action": "complete"}).refused(409)
    assert api.get(path).expect()["intent"]["status"] == "COMPLETED"


def test_only_halt_is_a_mode_yet(owner: Api, mailer: Agent) -> None:
    for mode in ("pause", "quarantine", "nonsense", 5):
        owner.post(f"/v1/mesh/agents/{mailer.address}/kill", {"mode": mode}).refused(422)
    assert owner.agent(mailer.address)["run_state"] == "active"
