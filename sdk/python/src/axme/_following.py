"""Following an intent, or the intents of an agent, over streams that end and are opened again."""

from __future__ import annotations

from typing import Any, cast

from ._call import Call, agent_path, segment
from ._calls.accounts import plain_address
from .exceptions import AxmeHttpError
from ._core.decision import Kind

Json = dict[str, Any]

TERMINAL_STATUSES = ("COMPLETED", "FAILED", "CANCELED", "TIMED_OUT")


class _Following:
    """A cursor and a deadline. Raises ValueError for arguments that cannot be."""

    what = ""

    def __init__(self, since: int, wait_seconds: int, timeout_seconds: float | None) -> None:
        if since < 0:
            raise ValueError("since must be >= 0")
        if wait_seconds < 1:
            raise ValueError("wait_seconds must be >= 1")
        if timeout_seconds is not None and timeout_seconds <= 0:
            raise ValueError("timeout_seconds must be > 0 when provided")
        self.since = since
        self.read_seconds = float(wait_seconds)
        self._wait_seconds = wait_seconds
        self._timeout_seconds = timeout_seconds
        self._deadline: float | None = None

    def begin(self, now: float) -> None:
        if self._timeout_seconds is not None:
            self._deadline = now + self._timeout_seconds

    def saw(self, event: Json) -> Json:
        seq = event.get("seq")
        if isinstance(seq, int) and seq > self.since:
            self.since = seq
        return event

    def _call(self, path: str, now: float, trace_id: str | None, **more: str) -> Call:
        wait_seconds = self._wait_seconds
        if self._deadline is not None:
            left = self._deadline - now
            if left <= 0:
                raise TimeoutError(f"timed out while {self.what}")
            wait_seconds = max(1, min(wait_seconds, int(left)))
        params = {"since": str(self.since), "wait_seconds": str(wait_seconds), **more}
        return Call("GET", path, Kind.READ, params=params, trace_id=trace_id)


class IntentEvents(_Following):
    """The events of one intent."""

    def __init__(
        self,
        intent_id: str,
        since: int,
        wait_seconds: int,
        poll_interval_seconds: float,
        timeout_seconds: float | None,
    ) -> None:
        if poll_interval_seconds < 0:
            raise ValueError("poll_interval_seconds must be >= 0")
        super().__init__(since, wait_seconds, timeout_seconds)
        self.intent_id = intent_id
        self.what = f"observing intent {intent_id}"
        self._poll_seconds = poll_interval_seconds

    def stream_call(self, now: float, trace_id: str | None) -> Call:
        path = f"/v1/intents/{segment(self.intent_id)}/events/stream"
        return self._call(path, now, trace_id)

    def polled(self, answer: Json) -> list[Json]:
        """The events of a list; raises AxmeHttpError when it is none."""
        events = answer.get("events")
        if not isinstance(events, list):
            message = "invalid intent events payload: events must be list"
            raise AxmeHttpError(502, message, body=answer)
        found = cast("list[Any]", events)
        return [cast("Json", event) for event in found if isinstance(event, dict)]

    def poll_pause(self, now: float) -> float:
        """Seconds until the next look. Raises TimeoutError when there is no time left."""
        if self._deadline is None:
            return self._poll_seconds
        left = self._deadline - now
        if left <= 0:
            raise TimeoutError(f"timed out while {self.what}")
        return min(self._poll_seconds, left)


class AgentIntents(_Following):
    """The intents that arrive for one agent."""

    def __init__(
        self,
        address: str,
        since: int,
        wait_seconds: int,
        timeout_seconds: float | None,
        status: str | None,
    ) -> None:
        plain = plain_address(address)
        super().__init__(since, wait_seconds, timeout_seconds)
        self.what = f"listening on {address}"
        self._path = f"/v1/agents/{agent_path(plain)}/intents/stream"
        self._more = {"status": status} if status else {}

    def stream_call(self, now: float, trace_id: str | None) -> Call:
        return self._call(self._path, now, trace_id, **self._more)


def is_terminal(event: Json) -> bool:
    """Whether an intent has ended with this event."""
    status, event_type = event.get("status"), event.get("event_type")
    ends = tuple(f"intent.{each.lower()}" for each in TERMINAL_STATUSES)
    return status in TERMINAL_STATUSES or event_type in ends


def created_id(created: Json) -> str:
    """The id in the answer to `create_intent`; raises ValueError when there is none."""
    intent_id = created.get("intent_id")
    if not isinstance(intent_id, str) or not intent_id:
        raise ValueError("create_intent response does not include string intent_id")
    return intent_id
