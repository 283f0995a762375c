"""One direction of one connection through the proxy: bytes with the time when they may go on."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable

CHUNK_BYTES_MAX = 64 * 1024
# What waits in one direction; when it is full the proxy stops reading, as a full network does.
WAITING_CHUNKS_MAX = 1024


class Mode(enum.Enum):
    """What happens to bytes that are due."""

    PASS = "pass"
    # They wait and go on later, as what a network sends again.
    STALL = "stall"
    # They are lost, and with them the connection: it is reset as soon as bytes may pass again.
    DROP = "drop"


class Flow:
    """Reads from one side and writes to the other. Used on the event loop of the proxies only."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.mode = Mode.PASS
        self.delay_s = 0.0
        # Whether something was dropped: then what follows makes no sense to the other side.
        self.has_lost = False
        # Asked about all bytes as they arrive; it may change the mode before they are due.
        self.watch: Callable[[bytes], None] = lambda _chunk: None
        self._moves = asyncio.Event()
        self._moves.set()
        self._waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_CHUNKS_MAX)

    def set(self, mode: Mode) -> None:
        self.mode = mode
        if mode is Mode.STALL:
            self._moves.clear()
        else:
            self._moves.set()

    async def run(self) -> None:
        """Until the side that is read from ends and all that it sent has gone on."""
        receiving = asyncio.create_task(self._receive())
        try:
            await self._deliver()
        finally:
            receiving.cancel()

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        chunk = b"-"
        while chunk:
            try:
                chunk = await self.reader.read(CHUNK_BYTES_MAX)
            except OSError:
                chunk = b""  # A reset ends the bytes as an end does.
            self.watch(chunk)
            await self._waiting.put((loop.time() + self.delay_s, chunk))

    async def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await self._waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._moves.wait()
            if self.mode is Mode.DROP:
                self.has_lost = True
            elif chunk:
                self.writer.write(chunk)
                await self.writer.drain()
            elif self.writer.can_write_eof():
                self.writer.write_eof()
            if not chunk:
                return
