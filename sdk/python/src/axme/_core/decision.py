"""What a call of the SDK does before it goes out."""

from __future__ import annotations

import enum
from typing import Literal

from .contact import Contact
from .control import ControlState
from .moment import Moment

OnUnreachable = Literal["pause", "stop", "continue"]


class Kind(enum.Enum):
    """What a call does, which says whether a stopped agent may still make it."""

    WORK = "work"
    """Begins something new: refused as long as the agent is stopped."""
    READ = "read"
    """Only looks: the first one after a stop raises, so that a loop of reads ends too. Those after it
    go out, because who cleans up has to look."""
    FACT = "fact"
    """Says what was done, or is an operator's order: always goes out."""


class Decision(enum.Enum):
    GO = "go"
    RAISE = "raise"
    """The agent is stopped."""
    ASK = "ask"
    """What is known is too old, or the gateway is out of reach: a round trip decides."""


def decide(
    *,
    kind: Kind,
    state: ControlState,
    contact: Contact,
    now: Moment,
    watched: bool,
    background: bool,
    on_unreachable: OnUnreachable,
    already_raised: bool,
) -> Decision:
    """`watched`: this client stands for an agent (operators' clients do not, and are never held up).

    `already_raised`: this thread or task was told of this stop before.
    """
    if kind is Kind.FACT or not (watched or state.is_stopped):
        return Decision.GO
    told = kind is Kind.READ and already_raised
    fresh = contact.is_fresh(now, background=background)
    # Where nothing runs in the background, a resume is only found by asking.
    if state.is_stopped and (background or fresh):
        return Decision.GO if told else Decision.RAISE
    if kind is Kind.READ:
        return Decision.GO
    if contact.failure is not None and on_unreachable == "continue":
        return Decision.GO
    if contact.failure is not None or not fresh:
        return Decision.ASK
    return Decision.GO
