"""Blocking calls to the gateway."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from ._call import (
    Call,
    Json,
    call_headers,
    error_of,
    is_worth_repeating,
    read_answer,
    retry_after,
    transport_options,
)
from ._core.backoff import RETRY_AFTER_SECONDS_MAX
from ._version import VERSION
from .config import AxmeClientConfig


class SyncHttp:
    """One connection pool. After a fork the child makes a new one."""

    def __init__(self, config: AxmeClientConfig, given: httpx.Client | None = None) -> None:
        self._config = config
        self._given = given
        self._own: httpx.Client | None = None

    @property
    def client(self) -> httpx.Client:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = httpx.Client(**transport_options(self._config, VERSION))
        return self._own

    def send(self, call: Call) -> Json:
        """The answer. Raises the SDK's errors, and httpx's where no answer came."""
        headers = call_headers(call, self._config)
        attempts = 1 + (self._config.max_retries if call.retryable else 0)
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                response = self._attempt(call, headers, self._config.timeout_seconds)
            except httpx.TransportError:
                if last:
                    raise
                self._sleep(attempt, None)
                continue
            if last or not is_worth_repeating(response.status_code):
                return read_answer(response)
            self._sleep(attempt, retry_after(response))
        raise AssertionError("the last attempt returns or raises")

    def send_once(self, call: Call, timeout_seconds: float) -> Json:
        """One attempt with a time limit of its own."""
        headers = call_headers(call, self._config)
        return read_answer(self._attempt(call, headers, timeout_seconds))

    @contextmanager
    def lines(self, call: Call, read_seconds: float) -> Generator[Iterator[str], None, None]:
        """The lines of a stream, as long as it stays open."""
        timeout = httpx.Timeout(10.0, read=read_seconds)
        headers = call_headers(call, self._config)
        with self.client.stream(
            call.method,
            call.path,
            params=call.params,
            headers=headers,
            timeout=timeout,
            follow_redirects=False,
        ) as response:
            if response.status_code >= 300:
                response.read()
                raise error_of(response)
            yield response.iter_lines()

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None

    def abandon(self) -> Any:
        """Forgets the connections without touching them: they are those of the parent process.

        Gives back what must be kept, so that nothing is closed when it would be collected.
        """
        inherited, self._own = self._own, None
        return inherited

    def _attempt(self, call: Call, headers: dict[str, str], seconds: float) -> httpx.Response:
        return self.client.request(
            call.method,
            call.path,
            params=call.params,
            json=call.body,
            headers=headers,
            timeout=seconds + call.more_seconds,
            follow_redirects=False,
        )

    def _sleep(self, attempt: int, asked_seconds: int | None) -> None:
        if asked_seconds is not None:
            time.sleep(max(0.0, min(asked_seconds, RETRY_AFTER_SECONDS_MAX)))
        else:
            time.sleep(max(0.0, self._config.retry_backoff_seconds * 2**attempt))
