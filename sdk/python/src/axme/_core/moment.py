"""Time as a parameter: nothing in the core reads a clock."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """One moment on two clocks, in seconds."""

    mono: float
    """Counts only forward. Does not count while the machine sleeps."""
    wall: float
    """Unix time. Counts while the machine sleeps, and jumps when somebody sets it."""

    def frozen_seconds_since(self, earlier: Moment) -> float:
        """How much longer the wall clock says it was than the monotonic one does."""
        return (self.wall - earlier.wall) - (self.mono - earlier.mono)
