"""Metrics on their way: summed up, sealed into batches, kept until the gateway has counted them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass
class Sums:
    """What was reported since the last batch was sealed. Bounded, however much is reported."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    latency_ms_sum: float = 0.0
    latency_count: int = 0
    cost_usd: float = 0.0
    has_cost: bool = False

    def add(self, success: bool, latency_ms: float | None, cost_usd: float | None) -> None:
        self.total += 1
        if success:
            self.succeeded += 1
        else:
            self.failed += 1
        if latency_ms is not None:
            self.latency_ms_sum += latency_ms
            self.latency_count += 1
        if cost_usd is not None:
            self.cost_usd += cost_usd
            self.has_cost = True

    def wire(self) -> Json:
        """As the gateway takes it. The average is over those observations that had a latency."""
        body: Json = {"intents_total": self.total}
        if self.succeeded:
            body["intents_succeeded"] = self.succeeded
        if self.failed:
            body["intents_failed"] = self.failed
        if self.latency_count:
            body["avg_latency_ms"] = self.latency_ms_sum / self.latency_count
        if self.has_cost:
            body["cost_usd"] = self.cost_usd
        return body


@dataclass(frozen=True)
class Batch:
    """Metrics under one id. However often it is sent, the gateway counts it once."""

    heartbeat_id: str
    metrics: Json


class MetricsBuffer:
    """Nothing is lost and nothing counts twice: a batch leaves only when it was acknowledged."""

    def __init__(self, draw_id: Callable[[], str]) -> None:
        self._draw_id = draw_id
        self._open = Sums()
        self._open_since: float | None = None
        self._waiting: list[Batch] = []
        self._in_flight: dict[str, Batch] = {}

    def record(
        self, now: float, *, success: bool, latency_ms: float | None, cost_usd: float | None
    ) -> bool:
        """Adds one observation; whether it is the first that waits for a batch.

        Raises ValueError for figures that cannot be.
        """
        _check("latency_ms", latency_ms)
        _check("cost_usd", cost_usd)
        first = self._open.total == 0
        if first:
            self._open_since = now
        self._open.add(success, latency_ms, cost_usd)
        return first

    def take(self) -> Batch | None:
        """The next batch to send: one that failed before, else all that was reported since."""
        if self._waiting:
            batch = self._waiting.pop(0)
        elif self._open.total:
            batch = Batch(self._draw_id(), self._open.wire())
            self._open, self._open_since = Sums(), None
        else:
            return None
        self._in_flight[batch.heartbeat_id] = batch
        return batch

    def acknowledge(self, heartbeat_id: str) -> None:
        self._in_flight.pop(heartbeat_id, None)

    def give_back(self, heartbeat_id: str) -> None:
        """It may or may not have arrived: it goes out again under the same id."""
        batch = self._in_flight.pop(heartbeat_id, None)
        if batch is not None:
            self._waiting.append(batch)

    def due_at(self, linger_seconds: float) -> float | None:
        """When something here should leave: batches that failed at once, fresh ones after a while."""
        if self._waiting:
            return -math.inf
        return None if self._open_since is None else self._open_since + linger_seconds

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting) or self._open.total > 0

    @property
    def unacknowledged(self) -> int:
        """Observations that the gateway has not said to have counted."""
        batches = [*self._waiting, *self._in_flight.values()]
        return self._open.total + sum(int(batch.metrics["intents_total"]) for batch in batches)


def _check(name: str, figure: float | None) -> None:
    if figure is not None and not (math.isfinite(figure) and figure >= 0):
        raise ValueError(f"{name} must be a finite number and not negative, not {figure!r}")
