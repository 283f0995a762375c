"""What an instance says about itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INSTANCE_ID_CHARS_MAX = 128
WORD_CHARS_MAX = 64
UNIT_CHARS_MAX = 32
DESCRIPTION_BYTES_MAX = 4096
"""Labels and metadata together, as JSON."""

_FOREIGN = re.compile(r"[^A-Za-z0-9._:@/-]")


@dataclass(frozen=True)
class Progress:
    """How far the work is."""

    done: int
    total: int | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        if self.done < 0 or (self.total is not None and self.total < 0):
            raise ValueError("done and total must not be negative")
        if self.unit is not None and len(self.unit) > UNIT_CHARS_MAX:
            raise ValueError(f"unit must have at most {UNIT_CHARS_MAX} characters")

    def wire(self) -> dict[str, Any]:
        return {"done": self.done, "total": self.total, "unit": self.unit}


def instance_id(host: str, process_id: int, drawn: str) -> str:
    """A readable id of its own for each instance."""
    plain = _FOREIGN.sub("-", host)[:64]
    return f"{plain}-{process_id}-{drawn}"


def forked_instance_id(given: str, drawn: str) -> str:
    """A forked child is another instance, also where its parent was given a name."""
    return f"{given[: INSTANCE_ID_CHARS_MAX - 1 - len(drawn)]}:{drawn}"


def check_identity(
    instance_id: str | None,
    version: str | None,
    region: str | None,
    labels: Mapping[str, str] | None,
) -> None:
    """Raises ValueError with the name of what the gateway would refuse."""
    if instance_id is not None and (
        not 1 <= len(instance_id) <= INSTANCE_ID_CHARS_MAX or _FOREIGN.search(instance_id)
    ):
        raise ValueError(f"instance_id must be 1 to {INSTANCE_ID_CHARS_MAX} of A-Za-z0-9._:@/-")
    for name, word in (("version", version), ("region", region)):
        if word is not None and len(word) > WORD_CHARS_MAX:
            raise ValueError(f"{name} must have at most {WORD_CHARS_MAX} characters")
    check_description(labels, None)


def check_description(
    labels: Mapping[str, str] | None, metadata: Mapping[str, Any] | None
) -> None:
    """Raises ValueError when labels and metadata are no JSON, or too much of it."""
    try:
        texts = [json.dumps(dict(part), allow_nan=False) for part in (labels, metadata) if part]
    except (TypeError, ValueError) as error:
        raise ValueError(f"labels and metadata must be JSON: {error}") from None
    size = sum(len(text.encode()) for text in texts)
    if size > DESCRIPTION_BYTES_MAX:
        raise ValueError(
            f"labels and metadata have {size} bytes of JSON, and {DESCRIPTION_BYTES_MAX} fit"
        )
