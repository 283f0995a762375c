"""Reading what an operator looks at again and again."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

EVENTS_COUNT_MAX = 200
"""Events of one look. More of them between two looks are not told."""

NOBODY_SECONDS = 1.0
"""An instance that was heard of only just before the kill is in its record by then."""


class Watched:
    """Tells events that were not there before, oldest first."""

    def __init__(self, newest_first: list[Json]) -> None:
        self._seen = _ids(newest_first)

    def fresh(self, newest_first: list[Json]) -> list[Json]:
        news = [event for event in newest_first if event.get("event_id") not in self._seen]
        # Those that have left the page cannot come back into it.
        self._seen = _ids(newest_first)
        return news[::-1]


def all_stopped(record: Json, waited_seconds: float) -> bool:
    """Whether every instance in the record of a kill has said that it stopped.

    The record goes on filling: that it names nobody counts only after a while.
    """
    instances: list[Json] = record.get("instances") or []
    if not instances:
        return waited_seconds >= NOBODY_SECONDS
    return all(each.get("state") == "stopped" for each in instances)


def sentence(record: Json) -> str:
    totals: Json = record.get("instance_totals") or {}
    return str(totals.get("sentence") or "no instance is known")


def _ids(events: list[Json]) -> set[str]:
    return {str(event.get("event_id")) for event in events}
