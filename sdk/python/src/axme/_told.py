"""Which thread or task was told of which stop."""

from __future__ import annotations

from contextvars import ContextVar

REMEMBERED_COUNT_MAX = 16

_told: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("axme_told", default=())


def was_told(instance_id: str, kill_id: str | None) -> bool:
    """Whether this thread (with asyncio: this task) has had the error of this kill raised."""
    return (instance_id, kill_id or "") in _told.get()


def note_told(instance_id: str, kill_id: str | None) -> None:
    told = (*_told.get(), (instance_id, kill_id or ""))
    _told.set(told[-REMEMBERED_COUNT_MAX:])
