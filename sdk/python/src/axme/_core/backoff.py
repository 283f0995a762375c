"""How long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Callable

RETRY_AFTER_SECONDS_MAX = 5.0


class Backoff:
    """Doubles from `first_seconds` to `most_seconds`, with jitter, so that a fleet spreads out."""

    def __init__(self, first_seconds: float, most_seconds: float, draw: Callable[[], float]) -> None:
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._draw = draw
        self._failures = 0

    def failed(self, retry_after_seconds: float | None = None) -> float:
        """Seconds to wait after one more failure: between half of the step and all of it.

        What the gateway asks for counts up to a cap: nobody may put an agent to sleep for hours.
        """
        # The exponent is capped as well: a long outage must not build huge numbers.
        step = min(self._most_seconds, self._first_seconds * 2 ** min(self._failures, 16))
        self._failures += 1
        delay = step * (0.5 + 0.5 * self._draw())
        if retry_after_seconds is None:
            return delay
        return max(delay, min(retry_after_seconds, RETRY_AFTER_SECONDS_MAX))

    def reset(self) -> None:
        self._failures = 0
