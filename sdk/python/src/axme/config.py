"""How a client is set up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ._core.decision import OnUnreachable
from ._core.identity import check_identity
from ._settings import resolve_settings


class _NotGiven(str):
    """Tells an argument that was left out from one that is empty by mistake, which is refused."""


_NOT_GIVEN: Final = _NotGiven()


@dataclass(frozen=True)
class AxmeClientConfig:
    """Where to call, with which key, and how the agent behind it behaves.

    After construction `base_url` and `api_key` hold what was found: the argument, else
    `AXME_BASE_URL` / `AXME_API_KEY`, else what `axme login` stored (a stored key only for the
    gateway that it was stored with), else http://127.0.0.1:8080.

    Raises ValueError for what cannot be used.
    """

    base_url: str = _NOT_GIVEN
    api_key: str = field(default=_NOT_GIVEN, repr=False)
    actor_token: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    timeout_seconds: float = 15.0
    """For one attempt of one call."""
    max_retries: int = 2
    """Further attempts of calls that may be repeated."""
    retry_backoff_seconds: float = 0.2
    auto_trace_id: bool = True
    default_owner_agent: str | None = None
    """Taken for the sake of existing code; no call that this client has uses it."""
    instance_id: str | None = None
    """Name of this running copy of the agent: 1 to 128 of `A-Za-z0-9._:@/-`. Drawn when not given."""
    version: str | None = None
    """Of the agent's code, at most 64 characters."""
    region: str | None = None
    """Where this instance runs, at most 64 characters."""
    labels: Mapping[str, str] | None = None
    """Describe this instance only; with its metadata at most 4096 bytes of JSON."""
    background: bool = True
    """False: no thread and no stream; `guard` and calls ask the gateway themselves."""
    on_unreachable: OnUnreachable = "pause"
    """What guards and calls of an agent do while the gateway is out of reach: `pause` waits, then
    raises GatewayUnreachable; `stop` raises at once; `continue` goes on with what was known last."""
    unreachable_wait_seconds: float = 30.0
    interrupt_main: bool = False
    """A kill breaks into blocking code of the main thread (not on Windows)."""
    ca_cert: str | None = None
    """PEM file of the authority that alone is trusted; else `AXME_CA_CERT`, else the usual ones."""

    def __post_init__(self) -> None:
        if self.actor_token and self.bearer_token and self.actor_token != self.bearer_token:
            raise ValueError("actor_token and bearer_token must match when both are provided")
        if self.on_unreachable not in ("pause", "stop", "continue"):
            raise ValueError("on_unreachable must be 'pause', 'stop' or 'continue'")
        if self.timeout_seconds <= 0 or self.unreachable_wait_seconds < 0:
            raise ValueError("timeout_seconds must be > 0, and unreachable_wait_seconds >= 0")
        check_identity(self.instance_id, self.version, self.region, self.labels)
        found = resolve_settings(
            base_url=None if isinstance(self.base_url, _NotGiven) else self.base_url,
            api_key=None if isinstance(self.api_key, _NotGiven) else self.api_key,
            ca_cert=self.ca_cert,
            environment=os.environ,
        )
        # The only way to set fields of a frozen object while it is made.
        object.__setattr__(self, "base_url", found.base_url)
        object.__setattr__(self, "api_key", found.api_key)
        object.__setattr__(self, "ca_cert", found.ca_cert)
        if self.actor_token is None:
            object.__setattr__(self, "actor_token", self.bearer_token)
