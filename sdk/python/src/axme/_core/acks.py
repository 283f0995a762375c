"""Which stops this instance has to confirm to the gateway."""

from __future__ import annotations

REMEMBERED_COUNT_MAX = 64


class Acks:
    """One confirmation per kill: "this instance has stopped". Due once its code really stopped."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._due: list[str] = []

    def stopped(self, kill_id: str, via: str) -> bool:
        """The instance stopped because of this kill; whether that is news."""
        if not kill_id or kill_id in self._known:
            return False
        self._known[kill_id] = via
        self._due.append(kill_id)
        while len(self._known) > REMEMBERED_COUNT_MAX:
            self._known.pop(next(iter(self._known)))
        return True

    def next_due(self) -> tuple[str, str] | None:
        """The oldest that the gateway does not have, and how the instance learned of it."""
        if not self._due:
            return None
        kill_id = self._due[0]
        return kill_id, self._known.get(kill_id, "heartbeat")

    def settle(self, kill_id: str) -> None:
        """The gateway has it, or will never take it."""
        if kill_id in self._due:
            self._due.remove(kill_id)
