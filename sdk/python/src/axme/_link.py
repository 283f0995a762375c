"""How a blocking client keeps in touch with the gateway about its agent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from . import _clock, _processes
from ._call import Call, Json, cause_of, is_unreachable
from ._callbacks import Callback, CallbackThread
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
from ._interrupt import Interrupter
from ._link_base import (
    CONFIRM_SECONDS,
    NAMING_PAUSES_SECONDS,
    ROUND_TRIP_SECONDS,
    LinkBase,
    Patience,
    asked_seconds,
    renamed,
)
from ._sync_http import SyncHttp
from ._told import note_told
from ._worker import Worker
from .config import AxmeClientConfig
from .exceptions import AgentStopped, AxmeHttpError, GatewayUnreachable, stopped_error


class SyncLink(LinkBase):
    """One instance, its background, and the checks before each call."""

    def __init__(self, config: AxmeClientConfig, http: SyncHttp) -> None:
        super().__init__(config)
        self.http = http
        self._callback_thread = CallbackThread(self.callbacks, self._stopped_by_callback)
        self._interrupter = Interrupter(self.instance.stopped_here)
        self._worker: Worker | None = None
        self._wanted: Callable[[], Worker] | None = None
        self._starting = threading.RLock()
        self.instance.listen(self._turned)
        _processes.register(self)

    # Calls.

    def send(self, call: Call) -> Json:
        """Checks, sends, and says it when the answer is that this agent is stopped."""
        self.check(call.kind)
        try:
            return self.http.send(call)
        except AxmeHttpError as error:
            raise self.translated(error, call) from None

    def translated(self, error: AxmeHttpError, call: Call) -> AxmeHttpError:
        """The error to raise for a refusal; a stop that it tells of is confirmed."""
        told = self._translated(error, call)
        return self._stopped(told) if isinstance(told, AgentStopped) else told

    def _named(self, told: AgentStopped) -> AgentStopped:
        """The same with who, why and when: they are recorded a moment after a kill is enforced."""
        for pause in NAMING_PAUSES_SECONDS:
            time.sleep(pause)
            self._carry(self.instance.beat(with_metrics=True), CONFIRM_SECONDS)
            if self.instance.state.kill_id is not None:
                return renamed(told, self.instance.state)
        return told

    def call_back(self, turn: Turn, callback: Callback) -> None:
        """Calls one that was registered after the turn had come."""
        self._callback_thread.run(turn, self.instance.state, [callback])

    def check(self, kind: Kind) -> None:
        """Raises what keeps a call of this kind from going out."""
        self._revive()
        decision = self._decide(kind)
        if decision is Decision.RAISE:
            self._raise_stopped(self.instance.state)
        if decision is Decision.ASK:
            self._ask()

    def guard(self) -> ControlState:
        """One round trip, with the metrics that wait: returns when the agent may go on.

        Raises AgentKilled or AgentPaused, GatewayUnreachable as the configuration says, and AxmeError
        for a key that the gateway does not take.
        """
        self._revive()
        self.watch()
        self._ask()
        return self.instance.state

    def beat(self, *, metrics: Any = None, trace_id: str | None = None) -> Json:
        """One heartbeat with the caller's own metrics; its answer, whatever it says."""
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
            answer = self.http.send(call)
        except BaseException as error:
            self._note_failure(exchange, error)
            raise
        self.instance.answered(exchange, answer, _clock.now())
        return answer

    # The background.

    def start(self, interval_seconds: float, include_metrics: bool, interrupt_main: bool) -> None:
        """Raises what `guard` raises when the first beat shows it; the background runs then too."""
        if interval_seconds <= 0:
            raise ValueError("interval_seconds must be > 0")
        with self._starting:
            if self.is_running:
                return
            self.watch()
            if interrupt_main:
                self._interrupter.arm()
            if self._config.background:

                def make() -> Worker:
                    return Worker(
                        self.instance,
                        self._config,
                        interval_seconds=interval_seconds,
                        include_metrics=include_metrics,
                    )

                self._wanted = make
            self._first_beat()

    def stop(self) -> None:
        """Ends the background, delivers what waits (5 s at most), and leaves no thread."""
        with self._starting:
            worker, self._worker, self._wanted = self._worker, None, None
        self._interrupter.disarm()
        if worker is not None:
            worker.stop()
        self._callback_thread.stop()
        if self.instance.watched or self.instance.has_waiting_metrics:
            self._deliver_last()
        self.instance.watched = False
        _processes.forget(self)

    def flush(self, timeout_seconds: float) -> bool:
        """Delivers the metrics that wait; whether the gateway has counted all of them."""
        deadline = time.monotonic() + timeout_seconds
        backoff = Backoff(0.1, 1.0, _clock.draw_fraction)
        while self.instance.unacknowledged:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self.instance.has_waiting_metrics:
                error = self._carry(self.instance.beat(with_metrics=True), min(left, ATTEMPT_SECONDS))
                if error is None:
                    continue
            # Else the background has them in flight.
            time.sleep(min(left, backoff.failed()))
        return True

    @property
    def is_running(self) -> bool:
        return self._worker is not None and self._worker.is_alive

    # Waiting.

    def wait_until_active(self, timeout_seconds: float | None) -> ControlState:
        """Raises TimeoutError. Pauses and kills of any length are waited for when no time is given."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        backoff = Backoff(0.25, 2.0, _clock.draw_fraction)
        while True:
            self._revive()
            left = None if deadline is None else deadline - time.monotonic()
            if not self.is_running:
                self._carry(self.instance.beat(with_metrics=True), ROUND_TRIP_SECONDS)
            if self.instance.refusal is not None:
                raise self.instance.refusal
            state = self.instance.state
            if state.is_active and self.instance.contact.failure is None:
                return state
            if left is not None and left <= 0:
                raise TimeoutError(f"the agent is still {state.run_state}")
            with self.instance.changed:
                if self.instance.state is state:
                    pause = 5.0 if self.is_running else backoff.failed()
                    self.instance.changed.wait(pause if left is None else min(pause, left))

    # Forks and exits.

    def become_forked_child(self) -> Any:
        """This process is another instance: nothing of the parent's is sent, closed or waited for."""
        inherited = (
            self._worker,
            self._starting,
            self.instance.changed,
            self.http.abandon(),
            self._callback_thread.become_forked_child(),
        )
        self.instance.become_forked_child(self._renamed_for_child())
        self._interrupter.become_forked_child()
        self._worker = None
        self._starting = threading.RLock()
        return inherited

    def say_farewell(self) -> None:
        self.stop()

    # Inside.

    def _revive(self) -> None:
        """A child that uses its client gets the background that its parent had."""
        if self._wanted is None or self.is_running:
            return
        with self._starting:
            if self._wanted is not None and not self.is_running:
                self.watch()
                self._run()

    def _run(self) -> None:
        if self._wanted is None:
            return
        self.instance.ticked(_clock.now())
        self._worker = self._wanted()
        self._worker.start()

    def _first_beat(self) -> None:
        """A killed agent that is started again must not begin its first piece of work."""
        wanted, self._wanted = self._wanted, None
        try:
            self._ask()
        except (AgentStopped, GatewayUnreachable):
            self._wanted = wanted
            self._run()
            raise
        except BaseException:
            self.stop()
            raise
        self._wanted = wanted
        self._run()

    def _ask(self) -> None:
        """A beat; returns when it was answered that the agent may go on. Raises as `guard` says."""
        self._round_trip()
        state = self.instance.state
        if state.is_stopped:
            self._raise_stopped(state)

    def _round_trip(self) -> None:
        patience = Patience(self._config, time.monotonic())
        backoff = Backoff(0.1, 2.0, _clock.draw_fraction)
        while True:
            seconds = patience.attempt_seconds(time.monotonic())
            error = self._carry(self.instance.beat(with_metrics=True), seconds)
            if error is None:
                return
            pause = patience.pause_seconds(
                error, backoff.failed(asked_seconds(error)), time.monotonic()
            )
            if pause is None:
                return
            time.sleep(pause)

    def _carry(self, exchange: Exchange, timeout_seconds: float) -> Exception | None:
        call = Call("POST", exchange.path, Kind.FACT, body=exchange.body)
        try:
            answer = self.http.send_once(call, timeout_seconds)
        except BaseException as error:
            # Also when it is interrupted half way.
            self._note_failure(exchange, error)
            if not isinstance(error, Exception):
                raise
            return error
        self.instance.answered(exchange, answer, _clock.now())
        return None

    def _raise_stopped(self, state: ControlState) -> None:
        raise self._stopped(stopped_error(state))

    def _stopped(self, told: AgentStopped) -> AgentStopped:
        """The error is about to be raised into the agent's code: that is when the instance stopped."""
        if told.kill_id is None and self.instance.watched:
            told = self._named(told)
        kill_id = told.kill_id
        note_told(self.instance.instance_id, kill_id)
        self._interrupter.told(kill_id)
        if self.instance.watched:
            self.instance.stopped_here(kill_id)
            if not self.is_running:
                self._confirm()
        return told

    def _stopped_by_callback(self, kill_id: str | None) -> None:
        # A callback may have closed this client: nobody else would confirm it then.
        if self.instance.stopped_here(kill_id) and not self.is_running:
            self._confirm()
            if not self.instance.watched:
                self.http.close()

    def _confirm(self) -> None:
        """Metrics first, so that what was done before the stop counts as done before it."""
        if self.instance.has_waiting_metrics:
            if self._carry(self.instance.beat(with_metrics=True), CONFIRM_SECONDS) is not None:
                return
        confirmation = self.instance.confirmation()
        if confirmation is not None:
            self._carry(confirmation, CONFIRM_SECONDS)

    def _deliver_last(self) -> None:
        deadline = time.monotonic() + FAREWELL_SECONDS
        backoff = Backoff(0.1, 1.0, _clock.draw_fraction)
        for exchange in last_exchanges(self.instance):
            left = deadline - time.monotonic()
            timeout = max(0.1, min(left, ATTEMPT_SECONDS))
            error = self._carry(exchange, timeout)
            if error is None or is_gone(error, exchange):
                continue
            left = deadline - time.monotonic()
            if left <= 0 or not is_unreachable(error) or not self.instance.has_something_to_say:
                report_undelivered(self.instance, cause_of(error))
                return
            time.sleep(min(left, backoff.failed()))

    def _turned(self, turn: Turn, state: ControlState) -> None:
        if turn is Turn.RESUMED:
            self._interrupter.drop()
        elif not state.is_paused:
            self._interrupter.aim(stopped_error(state))
        self._callback_thread.tell(turn, state)
