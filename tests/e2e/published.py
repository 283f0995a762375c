"""What the stories of the published client share."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from axme import AxmeClient

from gateway import INTENT_TYPE, Agent


def create(client: AxmeClient, to: Agent, payload: dict[str, Any] | None = None, **options: Any) -> str:
    """Sends an intent with the client's own call; the intent's id."""
    body = {"intent_type": INTENT_TYPE, "to_agent": to.address, "payload": payload or {}}
    created = client.create_intent(body, correlation_id=str(uuid.uuid4()), **options)
    assert created["ok"] is True
    return str(created["intent_id"])


class Listener:
    """An agent instance in its `listen()` loop, as the client's documents show it."""

    def __init__(self, client: AxmeClient, address: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.ended: Exception | None = None
        self.ended_at = 0.0
        self._client, self._address = client, address
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for event in self._client.listen(self._address, wait_seconds=30):
                self.events.append(event)
        except Exception as error:  # whatever the client raises is what the story looks at
            self.ended = error
            self.ended_at = time.monotonic()

    def join(self, timeout_s: float) -> Exception | None:
        """What ended the loop, or None when it still listens."""
        self._thread.join(timeout_s)
        return self.ended
