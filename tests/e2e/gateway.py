"""A small typed HTTP client of the gateway, independent of any published client."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

INTENT_TYPE = "intent.mail.v1"
ANSWER_TIMEOUT_S = 15.0
PAGE_COUNT_MAX = 10_000
CATEGORIES = {"validation", "auth", "policy", "transport", "timeout", "internal"}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Json:
        parsed = json.loads(self.text)
        assert isinstance(parsed, dict), f"every body is a JSON object, this one is {self.text!r}"
        return parsed

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    def expect(self, status: int = 200) -> Json:
        """The body, after the status was checked."""
        assert self.status == status, f"wanted {status}, got {self.status}: {self.text}"
        return self.body

    def refused(self, status: int, code: str | None = None) -> Json:
        """The `error` object of a refusal, after its shape was checked."""
        assert self.status == status, f"wanted {status} {code}, got {self.status}: {self.text}"
        error = self.error_shape()
        assert code is None or error["code"] == code, f"wanted {code}: {self.text}"
        return error

    def error_shape(self) -> Json:
        """The one shape that every refusal has."""
        assert 400 <= self.status < 600, f"not a refusal: {self.status} {self.text}"
        assert self.headers["content-type"].startswith("application/json"), self.headers
        body = self.body
        error: Json = body["error"]
        assert set(error) >= {"code", "message", "category", "retryable", "details", "at"}, body
        assert re.fullmatch(r"[a-z0-9_:.\-]{3,128}", error["code"]), body
        assert isinstance(error["message"], str) and error["message"], body
        assert error["category"] in CATEGORIES, body
        assert isinstance(error["retryable"], bool) and isinstance(error["details"], dict), body
        assert error["at"].endswith("Z"), body
        if isinstance(body["detail"], list):
            assert self.status == 422 and body["detail"], body
            assert all({"loc", "msg", "type"} <= set(entry) for entry in body["detail"]), body
        else:
            assert body["detail"] == error["message"], body
        assert body["request_id"] and body["request_id"] == self.headers["x-request-id"], body
        return error


@dataclass(frozen=True)
class Agent:
    """An agent made for a test, with its first key."""

    name: str
    address: str
    address_id: str
    account_id: str
    key_id: str
    key: str


class Api:
    """Calls of one key. With `keep_alive` all calls share one connection (one thread only)."""

    def __init__(
        self, url: str, key: str | None, *, keep_alive: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self.url, self.key, self.tls = url, key, tls
        self.host, self.port = urlsplit(url).hostname or "", urlsplit(url).port or 80
        self._kept: http.client.HTTPConnection | None = None
        self._keep_alive = keep_alive

    def with_key(self, key: str | None) -> Api:
        return Api(self.url, key, tls=self.tls)

    def connect(self, timeout_s: float = ANSWER_TIMEOUT_S) -> http.client.HTTPConnection:
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout_s, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Answer:
        """One request. The path goes out as it stands; `raw` sends bytes instead of JSON."""
        connection = self._kept or self.connect(timeout_s)
        sent = {"content-type": "application/json", **self.auth(), **(headers or {})}
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            text = response.read().decode()
        except BaseException:
            connection.close()
            self._kept = None
            raise
        if self._keep_alive:
            self._kept = connection
        else:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, text)

    def auth(self) -> dict[str, str]:
        return {} if self.key is None else {"x-api-key": self.key}

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> Answer:
        return self.call("POST", path, body, **options)

    def pages(self, path: str, field: str) -> Iterator[Json]:
        """Every entry of a list, page by page."""
        separator = "&" if "?" in path else "?"
        cursor: str | None = None
        for _ in range(PAGE_COUNT_MAX):
            query = f"{separator}limit=500" + (f"&cursor={cursor}" if cursor else "")
            body = self.get(path + query).expect()
            yield from body[field]
            cursor = body["next_cursor"]
            if cursor is None:
                return
        raise AssertionError(f"{path} never ends")

    # What the stories do again and again.

    def create_agent(self, name: str) -> Agent:
        account = self.post("/v1/service-accounts", {"name": name}).expect()["service_account"]
        account_id = account["service_account_id"]
        key = self.post(f"/v1/service-accounts/{account_id}/keys", {}).expect()["key"]
        address, address_id = account["agent_address"], account["address_id"]
        return Agent(name, address, address_id, account_id, key["key_id"], key["token"])

    def kill(self, agent: str, body: Json | None = None) -> Json:
        return self.post(f"/v1/mesh/agents/{agent}/kill", body).expect()

    def resume(self, agent: str, body: Json | None = None) -> Json:
        return self.post(f"/v1/mesh/agents/{agent}/resume", body).expect()

    def agent(self, agent: str) -> Json:
        found: Json = self.get(f"/v1/mesh/agents/{agent}").expect()["agent"]
        return found

    def send(self, to: str, payload: Json | None = None, **fields: Any) -> Answer:
        headers = fields.pop("headers", None)
        return self.post("/v1/intents", intent(to, payload, **fields), headers=headers)


def intent(to: str, payload: Json | None = None, **fields: Any) -> Json:
    """The body of `POST /v1/intents`."""
    correlation_id = str(uuid.uuid4())
    return {
        "intent_type": INTENT_TYPE,
        "correlation_id": correlation_id,
        "to_agent": to,
        "payload": payload or {},
        **fields,
    }
