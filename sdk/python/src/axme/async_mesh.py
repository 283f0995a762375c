"""The mesh of an asyncio client: an agent's heartbeat and guard, an operator's kill and resume."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import TYPE_CHECKING, Any

from ._agent_side import check_own_address, progress_of
from ._call import Call, Json
from ._callbacks import Callback
from ._calls.mesh import MeshCalls
from ._clock import now
from ._core.control import ControlState, Turn
from ._core.decision import Kind
from ._core.watching import EVENTS_COUNT_MAX, Watched, all_stopped, sentence

if TYPE_CHECKING:
    from ._async_link import AsyncLink
    from .async_client import AsyncAxmeClient

KILL_POLL_SECONDS = 0.1
KILL_POLL_SECONDS_MAX = 1.0


class AsyncMeshClient(MeshCalls[Awaitable[Json]]):
    """What `client.mesh` offers. All of one event loop."""

    def __init__(self, client: AsyncAxmeClient) -> None:
        self._client = client
        self._link: AsyncLink = client._link

    def _send(self, call: Call) -> Awaitable[Json]:
        return self._link.send(call)

    # The agent's side: beats and metrics.

    async def heartbeat(
        self, *, metrics: dict[str, Any] | None = None, trace_id: str | None = None
    ) -> Json:
        """One heartbeat, with `metrics` or with those that wait; its answer, also when stopped."""
        return await self._link.beat(metrics=metrics, trace_id=trace_id)

    async def start_heartbeat(
        self,
        *,
        interval_seconds: float = 10.0,
        include_metrics: bool = True,
    ) -> None:
        """Beats now and then every `interval_seconds`, and opens the control stream.

        Does nothing when it runs already. With `background=False` it only beats once.

        Raises what `guard` raises: an agent that is killed does not begin. The background runs on after
        AgentKilled, AgentPaused and GatewayUnreachable, so that `wait_until_active` learns of a resume.
        """
        await self._link.start(interval_seconds, include_metrics)

    async def stop_heartbeat(self) -> None:
        """Ends what `start_heartbeat` began, and delivers what waits (5 s at most). No thread is left."""
        await self._link.stop()

    async def report_metric(
        self,
        *,
        success: bool = True,
        latency_ms: float | None = None,
        cost_usd: float | None = None,
    ) -> None:
        """One piece of work was done. It is kept first, and counted once, whatever happens.

        Then raises AgentKilled or AgentPaused when the agent is stopped: begin no further piece.
        Raises ValueError for a negative or infinite figure.
        """
        link = self._link
        link.record(success=success, latency_ms=latency_ms, cost_usd=cost_usd)
        await link.check(Kind.WORK)

    async def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Delivers the metrics that wait; whether the gateway has counted all of them."""
        return await self._link.flush(timeout_seconds)

    async def set_metadata(self, metadata: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """What this instance wants to be kept: the last one is frozen with a kill, and given back by
        `last_state` and by the resume. At most 4096 bytes of JSON, with the labels. Replaces the one
        before.
        """
        self._link.instance.describe(metadata={**(metadata or {}), **named})
        await self._link.check(Kind.READ)

    async def set_progress(self, done: int, total: int | None = None, unit: str | None = None) -> None:
        """How far the work is: `set_progress(6074, 50000, "e-mails")`. Shown, and frozen with a kill."""
        self._link.instance.describe(progress=progress_of(done, total, unit))
        await self._link.check(Kind.READ)

    report_progress = set_progress

    # The agent's side: may it go on?

    async def guard(self) -> ControlState:
        """Asks the gateway, in one round trip that takes waiting metrics along.

        Returns when the agent may go on. Raises AgentKilled or AgentPaused; GatewayUnreachable as
        `on_unreachable` says; AxmeAuthError when the key is not taken.
        """
        return await self._link.guard()

    async def raise_if_killed(self) -> None:
        """Raises AgentKilled or AgentPaused when it is known that the agent is stopped.

        Costs nothing while the heartbeat runs; without a background it asks when the last answer is
        older than a second.
        """
        await self._link.check(Kind.WORK)

    @property
    def state(self) -> str:
        """`active`, `paused`, `quarantined`, `killed`, or `unknown` before the gateway was heard."""
        return self._link.instance.state.run_state

    @property
    def control_state(self) -> ControlState:
        """The run state with its revision and, when stopped, who, why and when."""
        return self._link.instance.state

    @property
    def instance_id(self) -> str:
        """What this running copy of the agent is called. A forked child has another one."""
        return self._link.instance.instance_id

    def on_kill(self, callback: Callback) -> Callback:
        """Calls `callback(stopped)` when the agent is killed or quarantined; also as a decorator.

        It may be a coroutine function; it runs at once when the kill is known already. When it has returned,
        the gateway is told that this instance has stopped: so return only then.
        """
        self._link.callbacks.on_kill(callback)
        state = self.control_state
        if state.is_stopped and not state.is_paused:
            self._link.tell(Turn.STOPPED, state, [callback])
        return callback

    def on_pause(self, callback: Callback) -> Callback:
        """As `on_kill`, for pauses."""
        self._link.callbacks.on_pause(callback)
        state = self.control_state
        if state.is_paused:
            self._link.tell(Turn.STOPPED, state, [callback])
        return callback

    def on_resume(self, callback: Callback) -> Callback:
        """Calls `callback(state)` when the agent may go on; also as a decorator."""
        self._link.callbacks.on_resume(callback)
        return callback

    async def wait_until_active(self, timeout_seconds: float | None = None) -> ControlState:
        """Returns when the agent may go on. Raises TimeoutError, and AxmeAuthError for a dead key."""
        return await self._link.wait_until_active(timeout_seconds)

    async def last_state(self, agent: str | None = None, *, trace_id: str | None = None) -> Json:
        """What the instances of an agent (this one when none is named) said last: metadata and progress.

        After a kill it is what was frozen with it (`frozen`: true).
        """
        if agent is None and self._link.instance.address is None:
            await self._link.beat()
        own = agent or check_own_address(self._link.instance.address)
        return await self._last_state(own, trace_id)

    # The operator's side.

    async def wait_stopped(
        self, kill_id: str, timeout_seconds: float = 30.0, *, trace_id: str | None = None
    ) -> Json:
        """The record of a kill once every instance has said that it stopped.

        Raises TimeoutError, which says how many did.
        """
        began = time.monotonic()
        deadline = began + timeout_seconds
        pause = KILL_POLL_SECONDS
        while True:
            record: Json = (await self.get_kill(kill_id, trace_id=trace_id))["kill"]
            if all_stopped(record, time.monotonic() - began):
                return record
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not every instance stopped in time: {sentence(record)}")
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, KILL_POLL_SECONDS_MAX)

    async def watch(
        self,
        *,
        event_type: str | None = None,
        poll_seconds: float = 1.0,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[Json]:
        """What happens to agents from now on, in order: kills, resumes, changes of health.

        Ends after `timeout_seconds`, never when none is given.
        """
        deadline = None if timeout_seconds is None else now().mono + timeout_seconds
        watched = Watched(await self._newest(event_type))

        async def changes() -> AsyncIterator[Json]:
            while deadline is None or now().mono < deadline:
                await asyncio.sleep(poll_seconds)
                for event in watched.fresh(await self._newest(event_type)):
                    yield event

        # What happens between this call and the first look is told too.
        return changes()

    async def _newest(self, event_type: str | None) -> list[Json]:
        answer = await self.list_events(limit=EVENTS_COUNT_MAX, event_type=event_type)
        return list(answer["events"])
