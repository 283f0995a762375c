"""What the store holds, read beside the gateways. The only place that knows its tables."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from faults.lone import Lone
from faults.pair import Pair

INTENTS = "SELECT intent_id, payload, delivery_attempt FROM axme.intents"


@dataclass(frozen=True)
class Row:
    """One intent; `key` is what its sender put into the payload."""

    intent_id: str
    key: str
    delivery_attempt: int


def rows(servers: Pair | Lone, prefix: str) -> dict[str, Row]:
    """The intents whose key begins so, by their key."""
    found = [Row(plain_id(row[0]), key_of(row[1]), int(row[2])) for row in servers.ask(INTENTS)]
    ours = [row for row in found if row.key.startswith(prefix)]
    by_key = {row.key: row for row in ours}
    assert len(by_key) == len(ours), "one request stands in two rows"
    return by_key


def plain_id(found: Any) -> str:
    """An id as the wire shows it, from whichever type its column has."""
    if isinstance(found, bytes):
        return str(uuid.UUID(bytes=found))
    return str(uuid.UUID(str(found)))


def key_of(payload: Any) -> str:
    """The key in a payload, be its column text, bytes or JSON."""
    found = payload if isinstance(payload, dict) else json.loads(payload)
    return str(found.get("key", ""))
