"""Whether what we know of the gateway is fresh enough to begin something new."""

from __future__ import annotations

from .moment import Moment

TICK_SECONDS = 1.0
"""How often the background work says that it runs."""
TICK_MISSED_SECONDS = 3.0
"""A background that was silent for so long was frozen, or never got the processor."""
CLOCK_JUMP_SECONDS = 2.0
"""The wall clock ran ahead of the monotonic one: the machine slept."""
CHECK_SECONDS = 1.0
"""Without a background, an answer that is older says nothing any more."""


class Contact:
    """When the gateway was heard, when an attempt failed, and whether this process was frozen."""

    def __init__(self) -> None:
        self._heard: Moment | None = None
        self._ticked: Moment | None = None
        self._failure: str | None = None

    def heard(self, at: Moment) -> None:
        """An answer, a frame or a comment arrived."""
        self._heard = at
        self._failure = None

    def missed(self, failure: str) -> None:
        """An attempt failed for want of a gateway, and nothing was heard since."""
        self._failure = failure

    def ticked(self, at: Moment) -> None:
        """The background runs."""
        self._ticked = at

    @property
    def failure(self) -> str | None:
        """Why the gateway is out of reach; None while it is not."""
        return self._failure

    def is_fresh(self, now: Moment, *, background: bool) -> bool:
        """Whether the state can be acted on without asking.

        A thawed process must ask first: it may have been killed while it was frozen, and the pushed
        kill may still be in a buffer that its background has not read.
        """
        if self._heard is None:
            return False
        if now.frozen_seconds_since(self._heard) > CLOCK_JUMP_SECONDS:
            return False
        if not background:
            return now.mono - self._heard.mono <= CHECK_SECONDS
        return self._ticked is not None and now.mono - self._ticked.mono <= TICK_MISSED_SECONDS
