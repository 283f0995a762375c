"""One request to the gateway about this instance: a beat or a confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BEAT_PATH = "/v1/mesh/heartbeat"
ACK_PATH = "/v1/mesh/control/ack"


@dataclass(frozen=True)
class Exchange:
    """What to POST. Whoever carries it hands the answer, or the failure, back to the instance."""

    path: str
    body: dict[str, Any]
    batch_id: str | None = None
    """Of the metrics that travel with it."""
    kill_id: str | None = None
    """Of the stop that it confirms."""
    description: int = 0
    """Which edition of metadata and progress it carries."""
