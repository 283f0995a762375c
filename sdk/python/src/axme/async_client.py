"""The asyncio client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
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
from ._async_link import AsyncLink
from ._async_http import AsyncHttp
from .config import AxmeClientConfig
from .exceptions import AxmeHttpError
from .async_mesh import AsyncMeshClient

STREAM_SLACK_SECONDS = 15.0
"""How much longer than asked a stream may be silent before it counts as dead."""


class AsyncAxmeClient(
    IntentCalls[Awaitable[Json]], AccountCalls[Awaitable[Json]], TenancyCalls[Awaitable[Json]]
):
    """One instance of an agent, or an operator's access. Belongs to one event loop.

    Close it, or use it in an `async with`; what was reported is delivered at exit in any case.
    """

    def __init__(
        self, config: AxmeClientConfig | None = None, *, http_client: httpx.AsyncClient | None = None
    ) -> None:
        """`http_client` carries the calls in place of our own: it has its own base URL and headers."""
        self.config = config if config is not None else AxmeClientConfig()
        if self.config.interrupt_main:
            raise ValueError("interrupt_main is for AxmeClient: with asyncio, cancel from on_kill")
        self._http = AsyncHttp(self.config, http_client)
        self._link = AsyncLink(self.config, self._http)
        self._mesh = AsyncMeshClient(self)

    @property
    def mesh(self) -> AsyncMeshClient:
        """Heartbeat, guard, kill and resume."""
        return self._mesh

    async def guard(self) -> ControlState:
        """The same as `mesh.guard`."""
        return await self._link.guard()

    async def close(self) -> None:
        """Delivers what waits (5 s at most), and leaves no task and no connection."""
        await self._link.stop()
        await self._http.close()

    async def __aenter__(self) -> AsyncAxmeClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send_intent(
        self,
        payload: dict[str, Any],
        *,
        correlation_id: str | None = None,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> str:
        """As `create_intent`; the id of the intent."""
        return created_id(
            await self.create_intent(
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
    ) -> AsyncIterator[Json]:
        """What happens to an intent, until it has ended. Raises TimeoutError."""
        plan = IntentEvents(intent_id, since, wait_seconds, poll_interval_seconds, timeout_seconds)
        return self._observe(plan, trace_id)

    async def wait_for(
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
        async for event in self.observe(
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
    ) -> AsyncIterator[Json]:
        """Intents for an agent as they arrive. Raises AgentKilled when it is stopped, TimeoutError.

        Streams that are cut are opened again, for as long as `unreachable_wait_seconds` allows.
        """
        plan = AgentIntents(address, since, wait_seconds, timeout_seconds, status)
        return self._listen(plan, trace_id)

    def _send(self, call: Call) -> Awaitable[Json]:
        return self._link.send(call)

    async def _observe(self, plan: IntentEvents, trace_id: str | None) -> AsyncIterator[Json]:
        plan.begin(time.monotonic())
        while True:
            call = plan.stream_call(time.monotonic(), trace_id)
            try:
                async for event in self._events(call, plan.read_seconds):
                    yield plan.saw(event)
                    if is_terminal(event):
                        return
            except AxmeHttpError as error:
                if error.status_code not in (404, 405, 501):
                    raise
            except httpx.TransportError:
                pass  # cut on its way: what was missed is asked for below
            answer = await self.list_intent_events(
                plan.intent_id, since=plan.since or None, trace_id=trace_id
            )
            events = plan.polled(answer)
            for event in events:
                yield plan.saw(event)
                if is_terminal(event):
                    return
            if not events:
                await asyncio.sleep(plan.poll_pause(time.monotonic()))

    async def _listen(self, plan: AgentIntents, trace_id: str | None) -> AsyncIterator[Json]:
        backoff = Backoff(0.1, 2.0, _clock.draw_fraction)
        plan.begin(time.monotonic())
        failing_since: float | None = None
        while True:
            await self._link.check(Kind.WORK)
            call = plan.stream_call(time.monotonic(), trace_id)
            try:
                async for event in self._events(call, plan.read_seconds):
                    yield plan.saw(event)
                failing_since = None
                backoff.reset()
                continue
            except AxmeHttpError as error:
                told = await self._link.translated(error, call)
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
            await asyncio.sleep(backoff.failed(getattr(cause, "retry_after", None)))

    async def _events(self, call: Call, read_seconds: float) -> AsyncIterator[Json]:
        """The intents' events of one stream."""
        reader = FrameReader()
        async with self._http.lines(call, read_seconds + STREAM_SLACK_SECONDS) as lines:
            async for line in lines:
                frame = reader.feed(line)
                if frame is None:
                    continue
                if frame.event == "stream.timeout":
                    return
                if frame.event.startswith("intent."):
                    yield frame.data
