"""One running copy of an agent, as this process knows it. Thread-safe; no network.

All transports share it: the background, guards of any thread, and the farewell at exit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ._core.acks import Acks
from ._core.contact import Contact
from ._core.control import ControlState, ControlView, Turn, read_state
from ._core.exchange import ACK_PATH, BEAT_PATH, Exchange
from ._core.identity import Progress, check_description
from ._core.metrics import MetricsBuffer
from ._core.moment import Moment
from .exceptions import AxmeHttpError

LINGER_SECONDS = 0.25
"""How long fresh metrics wait for company: they are to leave within a second."""

Listener = Callable[[Turn, ControlState], None]


class Instance:
    """State, metrics and confirmations of one instance."""

    def __init__(
        self,
        instance_id: str,
        *,
        version: str | None,
        region: str | None,
        labels: Mapping[str, str] | None,
        draw_id: Callable[[], str],
    ) -> None:
        self.instance_id = instance_id
        self.version, self.region = version, region
        self._labels = dict(labels) if labels else None
        self._draw_id = draw_id
        self._listeners: list[Listener] = []
        self._wakers: list[Callable[[], None]] = []
        self._view = ControlView()
        self._metadata: dict[str, Any] | None = None
        self._progress: Progress | None = None
        self.watched = False
        """Whether this client stands for an agent that is to be stopped with it."""
        self._begin()

    def _begin(self) -> None:
        """Everything that belongs to this process alone."""
        self.changed = threading.Condition()
        self.contact = Contact()
        self._metrics = MetricsBuffer(self._draw_id)
        self._acks = Acks()
        self._description = 1
        self._described = 0
        self._beaten_at: float | None = None
        self._stopped_unnamed = False
        self.address: str | None = None
        self.refusal: AxmeHttpError | None = None
        """Why the gateway takes no beats of this key."""
        self.has_ended = False
        """Whether the gateway knows that this instance ended in good order."""

    def become_forked_child(self, instance_id: str) -> None:
        """A child has nothing to report of what its parent did, and its own locks."""
        self.instance_id = instance_id
        self._wakers = []
        self._begin()

    # What the agent's code says.

    def record(
        self, now: Moment, *, success: bool, latency_ms: float | None, cost_usd: float | None
    ) -> None:
        """Keeps one observation; raises ValueError for figures that cannot be."""
        with self.changed:
            first = self._metrics.record(
                now.mono, success=success, latency_ms=latency_ms, cost_usd=cost_usd
            )
        if first:
            self._wake()

    def describe(
        self, *, metadata: Mapping[str, Any] | None = None, progress: Progress | None = None
    ) -> None:
        """Keeps what the next beat tells; raises ValueError for what the gateway would refuse."""
        if metadata is not None:
            check_description(self._labels, metadata)
        with self.changed:
            if metadata is not None:
                self._metadata = dict(metadata)
            if progress is not None:
                self._progress = progress
            self._description += 1
        self._wake()

    def stopped_here(self, kill_id: str | None) -> bool:
        """The agent's code stopped: from now on the stop is to be confirmed. Whether that is news.

        A stop whose kill has no name yet is confirmed once its name is heard.
        """
        with self.changed:
            named = kill_id or (self.state.kill_id if self.state.is_stopped else None)
            self._stopped_unnamed = named is None
            news = self._acks.stopped(named or "", self._view.via)
        if news:
            self._wake()
        return news

    # What the gateway says.

    @property
    def state(self) -> ControlState:
        return self._view.state

    def hear(self, state: ControlState, via: str, now: Moment) -> None:
        """A state arrived, by `stream` or `heartbeat`."""
        with self.changed:
            self.contact.heard(now)
            self.refusal = None
            turn = self._view.hear(state, via)
            if self._stopped_unnamed and not self._view.state.is_stopped:
                self._stopped_unnamed = False
            elif self._stopped_unnamed and self._view.state.kill_id:
                self.stopped_here(self._view.state.kill_id)
            # Only the turn that was made here is told, in order, so the listeners are under the lock;
            # they hand it on and return.
            if turn is not None:
                for listener in self._listeners:
                    listener(turn, self._view.state)
            self.changed.notify_all()

    def heard_something(self, now: Moment) -> None:
        """A comment on the stream: the gateway is there."""
        with self.changed:
            self.contact.heard(now)
            self.changed.notify_all()

    def missed(self, failure: str) -> None:
        """The gateway could not be reached."""
        with self.changed:
            self.contact.missed(failure)
            self.changed.notify_all()

    def refused(self, refusal: AxmeHttpError, now: Moment) -> None:
        """The gateway takes nothing from this key."""
        with self.changed:
            self.contact.heard(now)
            self.refusal = refusal
            self.changed.notify_all()

    def ticked(self, now: Moment) -> None:
        with self.changed:
            self.contact.ticked(now)

    # What goes to the gateway.

    def beat(self, *, with_metrics: bool, ending: bool = False, metrics: Any = None) -> Exchange:
        """A beat. `metrics` are the caller's own; else those that wait go with it."""
        with self.changed:
            body: dict[str, Any] = {"instance_id": self.instance_id}
            fields = {"version": self.version, "region": self.region, "labels": self._labels}
            body |= {name: value for name, value in fields.items() if value is not None}
            if self._metadata is not None:
                body["metadata"] = self._metadata
            if self._progress is not None:
                body["progress"] = self._progress.wire()
            if ending:
                body["ending"] = True
            batch = self._metrics.take() if with_metrics and metrics is None else None
            if batch is not None:
                body["metrics"], body["heartbeat_id"] = batch.metrics, batch.heartbeat_id
            elif metrics:
                body["metrics"], body["heartbeat_id"] = metrics, self._draw_id()
            batch_id = batch.heartbeat_id if batch else None
            return Exchange(BEAT_PATH, body, batch_id, description=self._description)

    def confirmation(self) -> Exchange | None:
        """The confirmation that is due, with what the instance had done."""
        with self.changed:
            due = self._acks.next_due()
            if due is None:
                return None
            kill_id, via = due
            body: dict[str, Any] = {"instance_id": self.instance_id, "kill_id": kill_id, "via": via}
            if self._progress is not None:
                body["progress"] = self._progress.wire()
            if self._metadata is not None:
                body["metadata"] = self._metadata
            return Exchange(ACK_PATH, body, kill_id=kill_id)

    def answered(self, exchange: Exchange, answer: Mapping[str, Any], now: Moment) -> None:
        """The gateway took it."""
        with self.changed:
            if exchange.kill_id is not None:
                self._acks.settle(exchange.kill_id)
                self.contact.heard(now)
                return
            if exchange.batch_id is not None:
                self._metrics.acknowledge(exchange.batch_id)
            self._described = max(self._described, exchange.description)
            self._beaten_at = now.mono
            self.has_ended = bool(exchange.body.get("ending"))
            address = answer.get("address")
            self.address = address if isinstance(address, str) and address else self.address
        self.hear(read_state(answer), "heartbeat", now)

    def failed(self, exchange: Exchange, error: Exception) -> None:
        """It may or may not have arrived."""
        with self.changed:
            if exchange.batch_id is not None:
                self._metrics.give_back(exchange.batch_id)
            gone = isinstance(error, AxmeHttpError) and error.status_code in (404, 422)
            if exchange.kill_id is not None and gone:
                self._acks.settle(exchange.kill_id)

    # What is due.

    def beat_due_at(self, interval_seconds: float, *, with_metrics: bool) -> float:
        """When the next beat should leave, on the monotonic clock; the past means at once."""
        with self.changed:
            if self._beaten_at is None or self._acks.next_due():
                return 0.0
            due = self._beaten_at + interval_seconds
            fresh = self._metrics.due_at(LINGER_SECONDS) if with_metrics else None
            if self._described < self._description:
                due = min(due, self._beaten_at + LINGER_SECONDS)
            return due if fresh is None else min(due, fresh)

    @property
    def has_waiting_metrics(self) -> bool:
        with self.changed:
            return self._metrics.has_waiting

    @property
    def has_something_to_say(self) -> bool:
        """Whether something would be lost if this instance fell silent now."""
        with self.changed:
            return self._metrics.has_waiting or self._acks.next_due() is not None

    @property
    def unacknowledged(self) -> int:
        with self.changed:
            return self._metrics.unacknowledged

    # Who wants to know.

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def on_wake(self, waker: Callable[[], None]) -> None:
        self._wakers.append(waker)

    def forget_waker(self, waker: Callable[[], None]) -> None:
        if waker in self._wakers:
            self._wakers.remove(waker)

    def _wake(self) -> None:
        for waker in list(self._wakers):
            waker()
