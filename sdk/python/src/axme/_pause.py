from __future__ import annotations

import asyncio


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, or after so many seconds, with the event set.

    Not `asyncio.wait_for`: up to Python 3.11 that swallows a cancellation which comes together with
    the event, and whoever cancelled waits for ever.
    """
    timer = asyncio.get_running_loop().call_later(seconds, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()
