from __future__ import annotations

from typing import Generic, TypeVar

from .._call import Call

Answer = TypeVar("Answer", covariant=True)


class Calls(Generic[Answer]):
    """Whoever inherits says how a call is carried."""

    def _send(self, call: Call) -> Answer:
        raise NotImplementedError
