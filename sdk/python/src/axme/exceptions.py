"""What goes wrong, as the caller has to handle it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._core.control import ControlState


class AxmeError(Exception):
    """Base of every error of this SDK."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Errors travel between processes (multiprocessing, pools), whatever their constructors take.
        return _rebuild, (type(self), self.args, self.__dict__)


class AxmeHttpError(AxmeError):
    """The gateway answered with a refusal or a failure."""

    def __init__(
        self,
        status_code: int,
        message: str,
        *,
        body: Any | None = None,
        request_id: str | None = None,
        trace_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"HTTP {status_code}: {message}")
        self.status_code = status_code
        self.message = message
        self.body = body
        self.request_id = request_id
        self.trace_id = trace_id
        self.retry_after = retry_after

    @property
    def code(self) -> str | None:
        """The gateway's stable word for what went wrong, such as `no_agent_bound`."""
        error = self.body.get("error") if isinstance(self.body, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        code = error.get("code") if isinstance(error, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        return code if isinstance(code, str) else None


class AxmeAuthError(AxmeHttpError):
    """401 or 403: no such key, or not allowed."""


class AxmeValidationError(AxmeHttpError):
    """400, 409, 413 or 422: the request cannot be."""


class AxmeRateLimitError(AxmeHttpError):
    """429: a limit was reached."""


class AxmeServerError(AxmeHttpError):
    """5xx: the gateway failed, or cannot answer now."""


class AgentStopped(AxmeAuthError):
    """An operator stopped this agent. Begin nothing new; `wait_until_active` tells when it may go on.

    It is an `AxmeAuthError`, so that code written for older clients sees it too.
    """

    def __init__(
        self,
        state: ControlState,
        *,
        status_code: int = 403,
        body: Any | None = None,
        request_id: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(
            status_code, _sentence(state), body=body, request_id=request_id, trace_id=trace_id
        )
        hold = state.kill
        self.run_state = state.run_state
        """`killed`, `paused` or `quarantined`."""
        self.revision = state.revision
        """Position of the control log at which this was true."""
        self.kill_id = state.kill_id
        self.mode = hold.mode if hold else None
        """`halt`, `pause` or `quarantine`."""
        self.by = hold.by if hold else None
        """Who: the name of the operator's key."""
        self.reason = hold.reason if hold else None
        """Why, where the operator said so."""
        self.at = hold.at if hold else None
        """When: RFC 3339, UTC."""


class AgentKilled(AgentStopped):
    """The agent is killed or quarantined."""


class AgentPaused(AgentStopped):
    """The agent is paused: it is meant to go on later."""


class GatewayUnreachable(AxmeError):
    """The gateway could not be asked whether this agent may go on.

    `waited_seconds`: how long it was tried. `cause`: what went wrong last.
    """

    def __init__(self, base_url: str, cause: str, waited_seconds: float) -> None:
        super().__init__(
            f"the gateway at {base_url} was not reached within {waited_seconds:.1f} s ({cause}), "
            "so nobody can say whether this agent may go on"
        )
        self.base_url = base_url
        self.cause = cause
        self.waited_seconds = waited_seconds


def stopped_error(state: ControlState, **answer: Any) -> AgentStopped:
    """The error that says this state."""
    return AgentPaused(state, **answer) if state.is_paused else AgentKilled(state, **answer)


def _sentence(state: ControlState) -> str:
    hold = state.kill
    who = f" by {hold.by}" if hold and hold.by else ""
    when = f" at {hold.at}" if hold and hold.at else ""
    why = f": {hold.reason}" if hold and hold.reason else ""
    return f"the agent was {state.run_state}{who}{when}{why}"


def _rebuild(kind: type[AxmeError], args: tuple[Any, ...], attributes: dict[str, Any]) -> AxmeError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
