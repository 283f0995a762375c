"""The last words of an instance: what waits is delivered, and its end is announced."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ._core.exchange import Exchange
from ._instance import Instance
from .exceptions import AxmeHttpError

FAREWELL_SECONDS = 5.0
"""How long stopping, closing and exiting try to deliver what waits."""
ATTEMPT_SECONDS = 3.0

log = logging.getLogger("axme")


def last_exchanges(instance: Instance) -> Iterator[Exchange]:
    """What is left to send, in order: metrics, then "I have stopped", then the end.

    Whoever carries them reports each to the instance before asking for the next; one that failed comes
    again.
    """
    while confirmation := instance.confirmation():
        if instance.has_waiting_metrics:
            yield instance.beat(with_metrics=True)
        else:
            yield confirmation
    while not instance.has_ended or instance.has_waiting_metrics:
        yield instance.beat(with_metrics=True, ending=True)


def is_gone(error: Exception, exchange: Exchange) -> bool:
    """Whether the gateway will never take this confirmation, which is settled by that."""
    refused = isinstance(error, AxmeHttpError) and error.status_code in (404, 422)
    return exchange.kill_id is not None and refused


def report_undelivered(instance: Instance, cause: str) -> None:
    """Says so when something could not be delivered in time."""
    count = instance.unacknowledged
    if count:
        log.warning("%d reported metrics of this agent were not delivered: %s", count, cause)
