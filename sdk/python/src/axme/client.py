"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

from . import _clock
from ._call import Call, Json, cause_of, is_unreachable
from ._calls.accounts import AccountCalls
from ._calls.intents import IntentCalls
from ._calls.tenancy import TenancyCalls
from ._core.backoff import Backoff
from ._core.control import ControlState
from ._core.decision import Kind
from ._following import AgentIntents, IntentEvents, created_id, is_terminal
from ._core.sse import FrameReader
from ._link import SyncLink
from ._sync_http import SyncHttp
from .config import AxmeClientConfig
from .exceptions import AxmeHttpError
from .mesh import MeshClient

STREAM_SLACK_SECONDS = 15.0
"""How much longer than asked a stream may be silent before it counts as dead."""


class AxmeClient(IntentCalls[Json], AccountCalls[Json], TenancyCalls[Json]):
    """One instance of an agent, or an operator's access. May be shared by threads.

    Close it, or use it in a `with`; what was reported is delivered at exit in any case.
    """

    def __init__(
        self, config: AxmeClientConfig | None = None, *, http_client: httpx.Client | None = None
    ) -> None:
        """`http_client` carries the calls in place of our own: it has its own base URL and headers."""
        self.config = config if config is not None else AxmeClientConfig()
        self._http = SyncHttp(self.config, http_client)
        self._link = SyncLink(self.config, self._http)
        self._mesh = MeshClient(self)

    @property
    def mesh(self) -> MeshClient:
        """Heartbeat, guard, kill and resume."""
        return self._mesh

    def guard(self) -> ControlState:
        """The same as `mesh.guard`."""
        return self._link.guard()

    def close(self) -> None:
        """Delivers what waits (5 s at most), and leaves no thread and no connection."""
        self._link.stop()
        self._http.close()

    def __enter__(self) -> AxmeClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_intent(
        self,
        payload: dict[str, Any],
        *,
        correlation_id: str | None = None,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> str:
        """As `create_intent`; the id of the intent."""
        return created_id(
            self.create_intent(
                payload,
                correlation_id=correlation_id or str(uuid4()),
                idempotency_key=idempotency_key,
                trace_id=trace_id,
            )
        )

    def observe(
        self,
        intent_id: str,
        *,
        since: int = 0,
        wait_seconds: int = 15,
        poll_interval_seconds: float = 1.0,
        timeout_seconds: float | None = None,
        trace_id: str | None = None,
    ) -> Iterator[Json]:
        """What happens to an intent, until it has ended. Raises TimeoutError."""
        plan = IntentEvents(intent_id, since, wait_seconds, poll_interval_seconds, timeout_seconds)
        return self._observe(plan, trace_id)

    def wait_for(
        self,
        intent_id: str,
        *,
        since: int = 0,
        wait_seconds: int = 15,
        poll_interval_seconds: float = 1.0,
        timeout_seconds: float | None = None,
        trace_id: str | None = None,
    ) -> Json:
        """The event with which an intent ended. Raises TimeoutError."""
        for event in self.observe(
            intent_id,
            since=since,
            wait_seconds=wait_seconds,
            poll_interval_seconds=poll_interval_seconds,
            timeout_seconds=timeout_seconds,
            trace_id=trace_id,
        ):
            if is_terminal(event):
                return event
        raise RuntimeError(f"intent observation finished without terminal event for {intent_id}")

    def listen(
        self,
        address: str,
        *,
        since: int = 0,
        wait_seconds: int = 15,
        timeout_seconds: float | None = None,
        status: str | None = None,
        trace_id: str | None = None,
    ) -> Iterator[Json]:
        """Intents for an agent as they arrive. Raises AgentKilled when it is stopped, TimeoutError.

        Streams that are cut are opened again, for as long as `unreachable_wait_seconds` allows.
        """
        plan = AgentIntents(address, since, wait_seconds, timeout_seconds, status)
        return self._listen(plan, trace_id)

    def _send(self, call: Call) -> Json:
        return self._link.send(call)

    def _observe(self, plan: IntentEvents, trace_id: str | None) -> Iterator[Json]:
        plan.begin(time.monotonic())
        while True:
            call = plan.stream_call(time.monotonic(), trace_id)
            try:
                for event in self._events(call, plan.read_seconds):
                    yield plan.saw(event)
                    if is_terminal(event):
                        return
            except AxmeHttpError as error:
                if error.status_code not in (404, 405, 501):
                    raise
            except httpx.TransportError:
                pass  # cut on its way: what was missed is asked for below
            answer = self.list_intent_events(
                plan.intent_id, since=plan.since or None, trace_id=trace_id
            )
            events = plan.polled(answer)
            for event in events:
                yield plan.saw(event)
                if is_terminal(event):
                    return
            if not events:
                time.sleep(plan.poll_pause(time.monotonic()))

    def _listen(self, plan: AgentIntents, trace_id: str | None) -> Iterator[Json]:
        backoff = Backoff(0.1, 2.0, _clock.draw_fraction)
        plan.begin(time.monotonic())
        failing_since: float | None = None
        while True:
            self._link.check(Kind.WORK)
            call = plan.stream_call(time.monotonic(), trace_id)
            try:
                for event in self._events(call, plan.read_seconds):
                    yield plan.saw(event)
                failing_since = None
                backoff.reset()
                continue
            except AxmeHttpError as error:
                told = self._link.translated(error, call)
                if not is_unreachable(told):
                    raise told from None
                cause: Exception = told
            except httpx.TransportError as error:
                cause = error
            moment = time.monotonic()
            failing_since = moment if failing_since is None else failing_since
            if moment - failing_since >= self.config.unreachable_wait_seconds:
                raise cause
            self._link.instance.missed(cause_of(cause))
            time.sleep(backoff.failed(getattr(cause, "retry_after", None)))

    def _events(self, call: Call, read_seconds: float) -> Iterator[Json]:
        """The intents' events of one stream."""
        reader = FrameReader()
        with self._http.lines(call, read_seconds + STREAM_SLACK_SECONDS) as lines:
            for line in lines:
                frame = reader.feed(line)
                if frame is None:
                    continue
                if frame.event == "stream.timeout":
                    return
                if frame.event.startswith("intent."):
                    yield frame.data
