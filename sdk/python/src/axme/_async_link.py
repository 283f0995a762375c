"""How an asyncio client keeps in touch with the gateway about its agent."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from typing import Any

from . import _clock, _processes
from ._async_http import AsyncHttp
from ._background import Background
from ._call import Call, Json, cause_of, is_unreachable
from ._callbacks import Callback, call_with
from ._core.backoff import Backoff
from ._core.control import ControlState, Turn
from ._core.decision import Decision, Kind
from ._core.exchange import Exchange
from ._farewell import (
    ATTEMPT_SECONDS,
    FAREWELL_SECONDS,
    is_gone,
    last_exchanges,
    report_undelivered,
)
from ._link_base import (
    CONFIRM_SECONDS,
    NAMING_PAUSES_SECONDS,
    ROUND_TRIP_SECONDS,
    LinkBase,
    Patience,
    asked_seconds,
    renamed,
)
from ._pause import wait_at_most
from ._sync_http import SyncHttp
from ._told import note_told
from .config import AxmeClientConfig
from .exceptions import AgentStopped, AxmeHttpError, GatewayUnreachable, stopped_error

log = logging.getLogger("axme")


class AsyncLink(LinkBase):
    """One instance, its background tasks, and the checks before each call. Of one event loop."""

    def __init__(self, config: AxmeClientConfig, http: AsyncHttp) -> None:
        super().__init__(config)
        self.http = http
        self._background: Background | None = None
        self._task: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self.instance.listen(self._turned)
        _processes.register(self)

    # Calls.

    async def send(self, call: Call) -> Json:
        await self.check(call.kind)
        try:
            return await self.http.send(call)
        except AxmeHttpError as error:
            raise await self.translated(error, call) from None

    async def translated(self, error: AxmeHttpError, call: Call) -> AxmeHttpError:
        """The error to raise for a refusal; a stop that it tells of is confirmed."""
        told = self._translated(error, call)
        return await self._stopped(told) if isinstance(told, AgentStopped) else told

    async def _named(self, told: AgentStopped) -> AgentStopped:
        """The same with who, why and when: they are recorded a moment after a kill is enforced."""
        for pause in NAMING_PAUSES_SECONDS:
            await asyncio.sleep(pause)
            await self._carry(self.instance.beat(with_metrics=True), CONFIRM_SECONDS)
            if self.instance.state.kill_id is not None:
                return renamed(told, self.instance.state)
        return told

    async def check(self, kind: Kind) -> None:
        """Raises what keeps a call of this kind from going out."""
        decision = self._decide(kind)
        if decision is Decision.RAISE:
            await self._raise_stopped(self.instance.state)
        if decision is Decision.ASK:
            await self._ask()

    async def guard(self) -> ControlState:
        """One round trip, with the metrics that wait: returns when the agent may go on."""
        self.watch()
        await self._ask()
        return self.instance.state

    async def beat(self, *, metrics: Any = None, trace_id: str | None = None) -> Json:
        """One heartbeat; its answer, whatever it says."""
        _processes.keep_open(self)
        exchange = self.instance.beat(with_metrics=metrics is None, metrics=metrics)
        call = Call(
            "POST",
            exchange.path,
            Kind.FACT,
            body=exchange.body,
            trace_id=trace_id,
            retryable=True,
        )
        try:
            answer = await self.http.send(call)
        except BaseException as error:
            self._note_failure(exchange, error)
            raise
        self.instance.answered(exchange, answer, _clock.now())
        return answer

    # The background.

    async def start(self, interval_seconds: float, include_metrics: bool) -> None:
        if interval_seconds <= 0:
            raise ValueError("interval_seconds must be > 0")
        if self.is_running:
            return
        self.watch()
        try:
            await self._ask()
        except (AgentStopped, GatewayUnreachable):
            self._run(interval_seconds, include_metrics)
            raise
        except BaseException:
            await self.stop()
            raise
        self._run(interval_seconds, include_metrics)

    def _run(self, interval_seconds: float, include_metrics: bool) -> None:
        if not self._config.background:
            return
        self.instance.ticked(_clock.now())
        self._background = Background(
            self.instance,
            self.http,
            interval_seconds=interval_seconds,
            include_metrics=include_metrics,
        )
        self._task = asyncio.create_task(self._background.run(), name="axme-control")

    async def stop(self) -> None:
        """Ends the background, delivers what waits (5 s at most), and leaves no task."""
        background, task = self._background, self._task
        self._background = self._task = None
        if background is not None and task is not None:
            background.end()
            await asyncio.gather(task, return_exceptions=True)
        own = asyncio.current_task()
        await asyncio.gather(*(t for t in self._telling if t is not own), return_exceptions=True)
        if self.instance.watched or self.instance.has_waiting_metrics:
            await self._deliver_last()
        self.instance.watched = False
        _processes.forget(self)

    async def flush(self, timeout_seconds: float) -> bool:
        """Delivers the metrics that wait; whether the gateway has counted all of them."""
        deadline = time.monotonic() + timeout_seconds
        backoff = Backoff(0.1, 1.0, _clock.draw_fraction)
        while self.instance.unacknowledged:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self.instance.has_waiting_metrics:
                beat = self.instance.beat(with_metrics=True)
                if await self._carry(beat, min(left, ATTEMPT_SECONDS)) is None:
                    continue
            await asyncio.sleep(min(left, backoff.failed()))
        return True

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def wait_until_active(self, timeout_seconds: float | None) -> ControlState:
        """Raises TimeoutError."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        backoff = Backoff(0.25, 2.0, _clock.draw_fraction)
        while True:
            self._news.clear()
            left = None if deadline is None else deadline - time.monotonic()
            if not self.is_running:
                await self._carry(self.instance.beat(with_metrics=True), ROUND_TRIP_SECONDS)
            if self.instance.refusal is not None:
                raise self.instance.refusal
            state = self.instance.state
            if state.is_active and self.instance.contact.failure is None:
                return state
            if left is not None and left <= 0:
                raise TimeoutError(f"the agent is still {state.run_state}")
            pause = 1.0 if self.is_running else backoff.failed()
            await wait_at_most(self._news, pause if left is None else min(pause, left))

    def tell(self, turn: Turn, state: ControlState, callbacks: list[Callback]) -> None:
        """Calls in order, beside whoever waits for the network."""
        if not callbacks:
            return
        task = asyncio.get_running_loop().create_task(self._call_all(turn, state, callbacks))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # Forks and exits.

    def become_forked_child(self) -> Any:
        inherited = (self._background, self._task, self.instance.changed, self.http.abandon())
        self.instance.become_forked_child(self._renamed_for_child())
        self._background = self._task = None
        return inherited

    def say_farewell(self) -> None:
        """The event loop is gone at exit, so this blocks."""
        http = SyncHttp(self._config)
        deadline = time.monotonic() + FAREWELL_SECONDS
        for exchange in last_exchanges(self.instance):
            call = Call("POST", exchange.path, Kind.FACT, body=exchange.body)
            try:
                answer = http.send_once(call, ATTEMPT_SECONDS)
            except Exception as error:
                self._note_failure(exchange, error)
                if is_gone(error, exchange):
                    continue
                spent = time.monotonic() >= deadline or not is_unreachable(error)
                if spent or not self.instance.has_something_to_say:
                    report_undelivered(self.instance, cause_of(error))
                    break
                time.sleep(0.2)
            else:
                self.instance.answered(exchange, answer, _clock.now())
        http.close()
        _processes.forget(self)

    # Inside.

    async def _ask(self) -> None:
        await self._round_trip()
        state = self.instance.state
        if state.is_stopped:
            await self._raise_stopped(state)

    async def _round_trip(self) -> None:
        patience = Patience(self._config, time.monotonic())
        backoff = Backoff(0.1, 2.0, _clock.draw_fraction)
        while True:
            seconds = patience.attempt_seconds(time.monotonic())
            error = await self._carry(self.instance.beat(with_metrics=True), seconds)
            if error is None:
                return
            pause = patience.pause_seconds(
                error, backoff.failed(asked_seconds(error)), time.monotonic()
            )
            if pause is None:
                return
            await asyncio.sleep(pause)

    async def _carry(self, exchange: Exchange, timeout_seconds: float) -> Exception | None:
        call = Call("POST", exchange.path, Kind.FACT, body=exchange.body)
        try:
            answer = await self.http.send_once(call, timeout_seconds)
        except BaseException as error:
            self._note_failure(exchange, error)
            if not isinstance(error, Exception):
                raise
            return error
        self.instance.answered(exchange, answer, _clock.now())
        return None

    async def _raise_stopped(self, state: ControlState) -> None:
        raise await self._stopped(stopped_error(state))

    async def _stopped(self, told: AgentStopped) -> AgentStopped:
        """The error is about to be raised into the agent's code: that is when the instance stopped."""
        if told.kill_id is None and self.instance.watched:
            told = await self._named(told)
        kill_id = told.kill_id
        note_told(self.instance.instance_id, kill_id)
        if self.instance.watched:
            self.instance.stopped_here(kill_id)
            if not self.is_running:
                await self._confirm()
        return told

    async def _confirm(self) -> None:
        """Metrics first, so that what was done before the stop counts as done before it."""
        if self.instance.has_waiting_metrics:
            beat = self.instance.beat(with_metrics=True)
            if await self._carry(beat, CONFIRM_SECONDS) is not None:
                return
        confirmation = self.instance.confirmation()
        if confirmation is not None:
            await self._carry(confirmation, CONFIRM_SECONDS)

    async def _deliver_last(self) -> None:
        deadline = time.monotonic() + FAREWELL_SECONDS
        backoff = Backoff(0.1, 1.0, _clock.draw_fraction)
        for exchange in last_exchanges(self.instance):
            left = deadline - time.monotonic()
            error = await self._carry(exchange, max(0.1, min(left, ATTEMPT_SECONDS)))
            if error is None or is_gone(error, exchange):
                continue
            left = deadline - time.monotonic()
            if left <= 0 or not is_unreachable(error) or not self.instance.has_something_to_say:
                report_undelivered(self.instance, cause_of(error))
                return
            await asyncio.sleep(min(left, backoff.failed()))

    def _turned(self, turn: Turn, state: ControlState) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # said at exit, when no loop runs any more
            return
        self._news.set()
        self.tell(turn, state, self.callbacks.of(turn, state))

    async def _call_all(
        self, turn: Turn, state: ControlState, callbacks: list[Callback]
    ) -> None:
        for callback in callbacks:
            try:
                result = call_with(callback, turn, state)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                log.exception("a callback failed after the agent was %s", state.run_state)
                return
        if turn is Turn.STOPPED:
            self.instance.stopped_here(state.kill_id)
