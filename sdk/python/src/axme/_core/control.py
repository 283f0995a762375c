"""What an operator has ordered about this agent, as far as it was heard."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

ACTIVE = "active"
PAUSED = "paused"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Hold:
    """The strictest order in force: who stopped the agent, why and when."""

    kill_id: str
    mode: str
    """`halt`, `quarantine` or `pause`."""
    reason: str | None
    by: str | None
    """Name of the key that gave the order."""
    at: str | None
    """RFC 3339, UTC."""
    revision: int | None = None


@dataclass(frozen=True)
class ControlState:
    """The run state of the agent at one revision of the gateway's control log."""

    run_state: str = UNKNOWN
    """`active`, `paused`, `quarantined`, `killed`; `unknown` until the gateway was heard."""
    revision: int | None = None
    kill: Hold | None = None

    @property
    def is_active(self) -> bool:
        return self.run_state == ACTIVE

    @property
    def is_paused(self) -> bool:
        return self.run_state == PAUSED

    @property
    def is_stopped(self) -> bool:
        """Whether nothing new may be begun. A word that this version does not know stops too."""
        return self.run_state not in (ACTIVE, UNKNOWN)

    @property
    def kill_id(self) -> str | None:
        """None also for a kill that was enforced and is not recorded yet."""
        return (self.kill.kill_id or None) if self.kill else None


class Turn(enum.Enum):
    """What a newly heard state means for the agent."""

    STOPPED = "stopped"
    RESUMED = "resumed"


class ControlView:
    """The newest state that was heard, whichever way it came."""

    def __init__(self) -> None:
        self.state = ControlState()
        self.via = "heartbeat"

    def hear(self, state: ControlState, via: str) -> Turn | None:
        """Takes a state unless a newer one was heard; what it changed.

        Beats and the stream overtake each other, so an older revision is ignored. A state without a
        revision comes from a gateway that has none, and is taken as the newest.
        """
        before = self.state
        if state.revision is None:
            state = replace(state, revision=before.revision)
        elif before.revision is not None and state.revision < before.revision:
            return None
        self.state = state
        if state.is_stopped:
            # A kill is enforced a moment before its record is there, and then it has no name yet.
            same_kill = before.kill_id is None or before.kill_id == state.kill_id
            if before.run_state == state.run_state and same_kill:
                return None
            self.via = via
            return Turn.STOPPED
        return Turn.RESUMED if before.is_stopped and state.is_active else None


def read_state(answer: Mapping[str, Any]) -> ControlState:
    """The control state in a beat's answer or a frame of the control stream.

    Answers without `run_state` are those of gateways that only say how healthy the agent is.
    """
    run_state = answer.get("run_state")
    if not isinstance(run_state, str):
        health = answer.get("health_status")
        run_state = health if health in ("killed", PAUSED, "quarantined") else ACTIVE
    revision = answer.get("revision")
    kill = answer.get("kill")
    hold = read_hold(cast("Mapping[str, Any]", kill)) if isinstance(kill, Mapping) else None
    return ControlState(
        run_state=run_state,
        revision=revision if isinstance(revision, int) else None,
        kill=None if run_state == ACTIVE else hold,
    )


def read_hold(kill: Mapping[str, Any]) -> Hold:
    revision = kill.get("revision")
    return Hold(
        kill_id=_text(kill.get("kill_id")) or "",
        mode=_text(kill.get("mode")) or "halt",
        reason=_text(kill.get("reason")),
        by=_text(kill.get("by")),
        at=_text(kill.get("at")),
        revision=revision if isinstance(revision, int) else None,
    )


def read_refusal(code: str, details: Mapping[str, Any]) -> ControlState:
    """The state that a refused call tells of: `agent_killed`, `agent_paused`, `agent_quarantined`."""
    run_state = code.removeprefix("agent_")
    mode = {"paused": "pause", "quarantined": "quarantine"}.get(run_state, "halt")
    hold = Hold(
        kill_id=_text(details.get("kill_id")) or "",
        mode=mode,
        reason=_text(details.get("reason")),
        by=_text(details.get("killed_by")),
        at=_text(details.get("killed_at")),
    )
    return ControlState(run_state=run_state, kill=hold)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
