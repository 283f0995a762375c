"""The part of TOML that `axme login` writes, for Python 3.10, which has no reader of its own."""

from __future__ import annotations

import json
import re
from typing import Any, cast

_TABLE = re.compile(r"\[\s*(.+?)\s*\]\s*(?:#.*)?")
_ENTRY = re.compile(r"([A-Za-z0-9_-]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*')\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*')\s*(\.|$)")


def parse_small_toml(text: str) -> dict[str, Any]:
    """Tables of strings. Raises ValueError, without quoting the text, for everything else."""
    document: dict[str, Any] = {}
    table = document
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        header, entry = _TABLE.fullmatch(line), _ENTRY.fullmatch(line)
        if header:
            table = document
            for key in _dotted(header.group(1), number):
                inner: Any = table.setdefault(key, {})
                if not isinstance(inner, dict):
                    raise ValueError(f"line {number}")
                table = cast("dict[str, Any]", inner)
        elif entry:
            table[entry.group(1)] = _string(entry.group(2))
        else:
            raise ValueError(f"line {number}")
    return document


def _dotted(text: str, number: int) -> list[str]:
    keys: list[str] = []
    position = 0
    while position < len(text):
        found = _KEY.match(text, position)
        if not found:
            raise ValueError(f"line {number}")
        word = found.group(1)
        keys.append(_string(word) if word[0] in "\"'" else word)
        position = found.end()
    return keys


def _string(quoted: str) -> str:
    if quoted[0] == "'":
        return quoted[1:-1]
    # Its escapes are those of JSON, but for \UXXXXXXXX, which is not written for keys and URLs.
    return str(json.loads(quoted))
