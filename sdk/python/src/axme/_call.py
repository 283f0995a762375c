"""One call of the API as a value, and what its answer means: shared by all transports."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote
from uuid import uuid4

import httpx

from ._core.control import read_refusal
from ._core.decision import Kind
from .exceptions import (
    AxmeAuthError,
    AxmeError,
    AxmeHttpError,
    AxmeRateLimitError,
    AxmeServerError,
    AxmeValidationError,
    stopped_error,
)

if TYPE_CHECKING:
    from .config import AxmeClientConfig

Json = dict[str, Any]
STOPPED_CODES = ("agent_killed", "agent_paused", "agent_quarantined")
MESSAGE_CHARS_MAX = 2_000


@dataclass(frozen=True)
class Call:
    """What to send, and how to treat it."""

    method: str
    path: str
    kind: Kind = Kind.WORK
    params: Mapping[str, str] | None = None
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    idempotency_key: str | None = None
    trace_id: str | None = None
    retryable: bool = False
    """A repetition does no harm: at most `max_retries` more attempts."""
    more_seconds: float = 0.0
    """How much longer than usual the answer may take."""


def segment(text: str) -> str:
    """One segment of a path; nothing in it can become another path or a query."""
    return quote(text, safe="")


def agent_path(agent: str) -> str:
    """An agent's id or address in a path; addresses go as they are."""
    return quote(agent, safe=":/@")


def call_headers(call: Call, config: AxmeClientConfig) -> dict[str, str]:
    """Headers of one call. Its repetitions share them, so that they can be told to be repetitions."""
    headers = {"content-type": "application/json", **call.headers}
    if call.idempotency_key is not None:
        headers["idempotency-key"] = call.idempotency_key
    trace_id = call.trace_id or (str(uuid4()) if config.auto_trace_id else None)
    if trace_id is not None:
        headers["x-trace-id"] = trace_id
    return headers


def default_headers(config: AxmeClientConfig, version: str) -> dict[str, str]:
    headers = {"x-api-key": config.api_key, "x-axme-client": f"axme-sdk-python/{version}"}
    if config.actor_token:
        headers["authorization"] = f"Bearer {config.actor_token}"
    return headers


def transport_options(config: AxmeClientConfig, version: str) -> dict[str, Any]:
    """What every HTTP client of ours is made with. No redirect is followed: it would take the key to
    where somebody else points.

    Proxies of the environment count for https only, where they see a tunnel and not the key.
    """
    return {
        "base_url": config.base_url,
        "timeout": config.timeout_seconds,
        "headers": default_headers(config, version),
        "follow_redirects": False,
        "trust_env": config.base_url.startswith("https://"),
        "verify": _trust(config.ca_cert),
    }


@cache
def _trust(ca_cert: str | None) -> ssl.SSLContext:
    """Loaded once: reading the usual authorities takes tens of milliseconds."""
    if ca_cert is None:
        return httpx.create_ssl_context()
    return ssl.create_default_context(cafile=ca_cert)


def read_answer(response: httpx.Response) -> Json:
    """The JSON object of an answer that was read; raises what it stands for otherwise."""
    if response.status_code >= 300:
        raise error_of(response)
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AxmeServerError(
            response.status_code,
            "the answer is no JSON object; is this the URL of a gateway?",
            body=body,
        )
    return cast("Json", body)


def error_of(response: httpx.Response) -> AxmeHttpError:
    """The error that an answer with a refusal stands for."""
    status = response.status_code
    body = _json_or_none(response)
    known: dict[str, Any] = {
        "body": body,
        "request_id": response.headers.get("x-request-id") or response.headers.get("request-id"),
        "trace_id": response.headers.get("x-trace-id") or response.headers.get("trace-id"),
        "retry_after": retry_after(response),
    }
    if 300 <= status < 400:
        target = response.headers.get("location", "another address")
        return AxmeHttpError(status, f"redirected to {target}; redirects are not followed", **known)
    message = _message(body) or response.text[:MESSAGE_CHARS_MAX]
    if status in (401, 403):
        return AxmeAuthError(status, message, **known)
    if status in (400, 409, 413, 422):
        return AxmeValidationError(status, message, **known)
    if status == 429:
        return AxmeRateLimitError(status, message, **known)
    if status >= 500:
        return AxmeServerError(status, message, **known)
    return AxmeHttpError(status, message, **known)


def about_ourselves(error: AxmeHttpError, call: Call, own_address: str | None) -> AxmeHttpError:
    """`AgentKilled` or `AgentPaused` in place of a refusal that says so of the caller itself.

    A stopped receiver is refused with the same code, and its address tells the two apart.
    """
    code = error.code
    if code not in STOPPED_CODES:
        return error
    said: Json = cast("Json", error.body)["error"]
    details: Json = said.get("details") or {}
    stopped: Any = details.get("address")
    receiver = (call.body or {}).get("to_agent")
    someone_else = stopped != own_address if own_address else stopped == receiver
    if stopped is not None and someone_else:
        return error
    return stopped_error(
        read_refusal(code, details),
        status_code=error.status_code,
        body=error.body,
        request_id=error.request_id,
        trace_id=error.trace_id,
    )


def is_worth_repeating(status_code: int) -> bool:
    return status_code == 429 or status_code >= 500


def is_unreachable(error: Exception) -> bool:
    """Whether an attempt failed for want of a gateway that can answer, so that another may succeed."""
    if isinstance(error, AxmeHttpError):
        return is_worth_repeating(error.status_code) or error.status_code == 408
    return isinstance(error, httpx.TransportError)


def cause_of(error: Exception) -> str:
    """One line for people."""
    if isinstance(error, AxmeError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def retry_after(response: httpx.Response) -> int | None:
    try:
        return int(response.headers.get("retry-after", ""))
    except ValueError:
        return None


def _json_or_none(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _message(body: Any) -> str | None:
    if isinstance(body, str):
        return body
    if not isinstance(body, dict):
        return None
    fields = cast("Json", body)
    error = fields.get("error")
    nested = cast("Json", error).get("message") if isinstance(error, dict) else None
    texts: list[Any] = [error, nested, fields.get("message"), fields.get("detail")]
    for text in texts:
        if isinstance(text, str):
            return text
    return None
