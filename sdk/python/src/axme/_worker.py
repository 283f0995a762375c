"""The thread on which the background of a blocking client runs."""

from __future__ import annotations

import asyncio
import selectors
import threading
from typing import Any

from ._async_http import AsyncHttp
from ._background import Background
from ._instance import Instance
from .config import AxmeClientConfig

STOP_SECONDS_MAX = 5.0


class Worker:
    """One daemon thread with an event loop of its own."""

    def __init__(
        self,
        instance: Instance,
        config: AxmeClientConfig,
        *,
        interval_seconds: float,
        include_metrics: bool,
    ) -> None:
        self.interval_seconds = interval_seconds
        self.include_metrics = include_metrics
        self._instance = instance
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._background: Background | None = None
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._main, daemon=True, name="axme-control")

    def start(self) -> None:
        """Returns once the background runs."""
        self._thread.start()
        self._running.wait(STOP_SECONDS_MAX)

    def stop(self) -> None:
        """Returns once the thread has ended."""
        loop, background = self._loop, self._background
        if loop is not None and background is not None:
            try:
                loop.call_soon_threadsafe(background.end)
            except RuntimeError:  # it has ended by itself
                pass
        if self._thread is not threading.current_thread():
            self._thread.join(STOP_SECONDS_MAX)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _main(self) -> None:
        # Not epoll: a forked child shares its parent's epoll, and closing there would disturb here.
        selector: Any = getattr(selectors, "PollSelector", selectors.DefaultSelector)()
        loop = asyncio.SelectorEventLoop(selector)
        try:
            loop.run_until_complete(self._run(loop))
        finally:
            # Name look-ups run on threads of the loop; they end with it.
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            self._running.set()

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        http = AsyncHttp(self._config)
        background = Background(
            self._instance,
            http,
            interval_seconds=self.interval_seconds,
            include_metrics=self.include_metrics,
        )
        self._loop, self._background = loop, background
        self._running.set()
        try:
            await background.run()
        finally:
            await http.close()
