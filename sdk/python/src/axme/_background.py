"""What runs beside the agent: beats, the control stream, and a sign that it runs at all.

Written once for asyncio. The blocking client runs it on a thread with a loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import httpx

from . import _clock
from ._async_http import AsyncHttp
from ._call import Call, cause_of, is_unreachable
from ._core.backoff import Backoff
from ._core.contact import TICK_SECONDS
from ._core.control import read_state
from ._core.decision import Kind
from ._core.exchange import Exchange
from ._core.sse import FrameReader
from ._instance import Instance
from ._pause import wait_at_most
from .exceptions import AxmeHttpError

STREAM_PATH = "/v1/mesh/control/stream"
STREAM_SILENCE_SECONDS = 25.0
"""The gateway comments every 10 s: two of them may be lost before the stream counts as dead."""
STREAM_SETTLED_SECONDS = 5.0
"""A stream that lived so long is opened again at once; one that dies sooner is waited for."""
STREAM_REFUSED_SECONDS = 60.0
"""Until a stream that the gateway does not offer to this instance is asked for again."""
EXCHANGE_SECONDS = 5.0
"""For one beat or confirmation: a silent gateway must be noticed soon."""
BEAT_RETRY_SECONDS_MAX = 5.0
STREAM_RETRY_SECONDS_MAX = 5.0

log = logging.getLogger("axme")


class Background:
    """Runs until it is told to end; whatever fails, it goes on."""

    def __init__(
        self,
        instance: Instance,
        http: AsyncHttp,
        *,
        interval_seconds: float,
        include_metrics: bool,
    ) -> None:
        self._instance = instance
        self._http = http
        self._interval_seconds = interval_seconds
        self._include_metrics = include_metrics
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Returns soon after `end`."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(self._wake.set)
            except RuntimeError:  # the loop has just ended, and with it the need to wake it
                pass

        self._instance.on_wake(wake)
        work = (self._tick, self._beat, self._follow)
        tasks = [asyncio.create_task(self._insist(each)) for each in work]
        try:
            await self._ending.wait()
        finally:
            self._instance.forget_waker(wake)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def end(self) -> None:
        """From the loop's own thread."""
        self._ending.set()

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """An agent whose background died would never learn of its kill."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("the background of the axme client failed, and goes on")
                await asyncio.sleep(TICK_SECONDS)

    async def _tick(self) -> None:
        while True:
            self._instance.ticked(_clock.now())
            await asyncio.sleep(TICK_SECONDS)

    # Beats.

    async def _beat(self) -> None:
        backoff = Backoff(0.2, BEAT_RETRY_SECONDS_MAX, _clock.draw_fraction)
        while True:
            await self._until_due()
            error = await self._exchange()
            if error is None:
                backoff.reset()
            else:
                asked = error.retry_after if isinstance(error, AxmeHttpError) else None
                await asyncio.sleep(backoff.failed(asked))

    async def _until_due(self) -> None:
        while True:
            self._wake.clear()
            due = self._instance.beat_due_at(
                self._interval_seconds, with_metrics=self._include_metrics
            )
            seconds = due - _clock.now().mono
            if seconds <= 0:
                return
            await wait_at_most(self._wake, seconds)

    async def _exchange(self) -> Exception | None:
        """A beat, or the confirmation that is due; metrics that wait go before "I have stopped"."""
        instance, error = self._instance, None
        stopped = instance.confirmation() is not None
        if not stopped or instance.has_waiting_metrics:
            error = await self._carry(instance.beat(with_metrics=self._include_metrics or stopped))
        while error is None:
            confirmation = self._instance.confirmation()
            if confirmation is None:
                return None
            error = await self._carry(confirmation)
            if error is not None and self._instance.confirmation() is None:
                error = None  # the gateway will never take it, and that is settled
        return error

    async def _carry(self, exchange: Exchange) -> Exception | None:
        call = Call("POST", exchange.path, Kind.FACT, body=exchange.body)
        try:
            answer = await self._http.send_once(call, EXCHANGE_SECONDS)
        except BaseException as error:
            # Also when it is cancelled half way: the metrics are kept under their id.
            self._instance.failed(exchange, error if isinstance(error, Exception) else OSError())
            if not isinstance(error, Exception):
                raise
            self._note(error)
            return error
        self._instance.answered(exchange, answer, _clock.now())
        return None

    def _note(self, error: Exception) -> None:
        if isinstance(error, AxmeHttpError) and error.status_code in (401, 403):
            if self._instance.refusal is None:
                log.warning("the gateway takes no heartbeats of this key: %s", error)
            self._instance.refused(error, _clock.now())
        elif is_unreachable(error) or not isinstance(error, AxmeHttpError):
            self._instance.missed(cause_of(error))
        else:
            log.warning("the gateway refused a heartbeat: %s", error)

    # The control stream.

    async def _follow(self) -> None:
        backoff = Backoff(0.1, STREAM_RETRY_SECONDS_MAX, _clock.draw_fraction)
        while True:
            opened_at = _clock.now().mono
            delay: float | None = None
            try:
                await self._read_stream()
            except AxmeHttpError as error:
                delay = self._stream_refused(error)
                if delay is None:
                    self._instance.missed(cause_of(error))
                    delay = backoff.failed(error.retry_after)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                self._instance.missed(cause_of(error))
            except Exception as error:
                # A stream that was cut says nothing about the gateway; the next attempt does.
                log.debug("the control stream ended: %s", cause_of(error))
            lived = _clock.now().mono - opened_at
            if delay is None and lived >= STREAM_SETTLED_SECONDS:
                backoff.reset()
                delay = 0.05 * _clock.draw_fraction()
            await asyncio.sleep(backoff.failed() if delay is None else delay)

    async def _read_stream(self) -> None:
        """Reads until the stream ends; every state that it brings is heard."""
        instance = self._instance
        params = {"instance_id": instance.instance_id}
        named = {"version": instance.version, "region": instance.region}
        params |= {name: value for name, value in named.items() if value}
        if instance.state.revision is not None:
            params["since"] = str(instance.state.revision)
        call = Call("GET", STREAM_PATH, Kind.FACT, params=params)
        reader = FrameReader()
        async with self._http.lines(call, STREAM_SILENCE_SECONDS) as lines:
            async for line in lines:
                frame = reader.feed(line)
                if frame is None:
                    if line.startswith(":"):
                        instance.heard_something(_clock.now())
                elif frame.event.startswith("control."):
                    instance.hear(read_state(frame.data), "stream", _clock.now())
                elif frame.event == "stream.timeout":
                    return

    def _stream_refused(self, error: AxmeHttpError) -> float | None:
        """Seconds until it is tried again, where trying sooner is of no use."""
        if error.status_code in (401, 403):
            self._instance.refused(error, _clock.now())
            return STREAM_RETRY_SECONDS_MAX
        if error.status_code in (404, 405, 501) or error.code == "too_many_instances":
            log.info("no control stream for this instance (%s); its beats tell", error)
            return STREAM_REFUSED_SECONDS
        return None
