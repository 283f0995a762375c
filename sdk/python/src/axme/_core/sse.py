"""Server-sent events, line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

DATA_CHARS_MAX = 1 << 20


@dataclass(frozen=True)
class Frame:
    """One event with its JSON object."""

    event: str
    data: dict[str, Any]


class FrameReader:
    """Turns lines (without their ends) into frames; comments and unknown fields are passed over."""

    def __init__(self) -> None:
        self._event = ""
        self._data: list[str] = []
        self._chars = 0

    def feed(self, line: str) -> Frame | None:
        """A frame when this line ends one. What is no JSON object, or too long, is no frame."""
        if line == "":
            event, text = self._event, "\n".join(self._data)
            fits = self._chars <= DATA_CHARS_MAX
            self._event, self._data, self._chars = "", [], 0
            return _frame(event, text) if event and fits else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._chars += len(value)
            if self._chars <= DATA_CHARS_MAX:
                self._data.append(value)
        return None


def _frame(event: str, text: str) -> Frame | None:
    try:
        data = json.loads(text)
    except ValueError:
        return None
    return Frame(event, cast("dict[str, Any]", data)) if isinstance(data, dict) else None
