"""Functions of the agent that are called when it is stopped or resumed."""

from __future__ import annotations

import inspect
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from ._core.control import ControlState, Turn
from .exceptions import stopped_error

Callback = Callable[..., Any]
JOIN_SECONDS_MAX = 5.0

log = logging.getLogger("axme")


class Registry:
    """What is to be called at which turn, for both clients."""

    def __init__(self) -> None:
        self._on_kill: list[Callback] = []
        self._on_pause: list[Callback] = []
        self._on_resume: list[Callback] = []

    def on_kill(self, callback: Callback) -> None:
        self._on_kill.append(callback)

    def on_pause(self, callback: Callback) -> None:
        self._on_pause.append(callback)

    def on_resume(self, callback: Callback) -> None:
        self._on_resume.append(callback)

    def of(self, turn: Turn, state: ControlState) -> list[Callback]:
        if turn is Turn.RESUMED:
            return list(self._on_resume)
        return list(self._on_pause if state.is_paused else self._on_kill)

    @property
    def is_empty(self) -> bool:
        return not (self._on_kill or self._on_pause or self._on_resume)


def call_with(callback: Callback, turn: Turn, state: ControlState) -> Any:
    """Calls with the error that says who, why and when (the state, at a resume); also functions that
    take nothing."""
    said = state if turn is Turn.RESUMED else stopped_error(state)
    try:
        inspect.signature(callback).bind(said)
    except TypeError:
        return callback()
    except ValueError:  # a builtin that does not say what it takes
        pass
    return callback(said)


class CallbackThread:
    """Runs callbacks in order on a thread of their own: they may block, and beats go on meanwhile."""

    def __init__(self, registry: Registry, on_stopped: Callable[[str | None], object]) -> None:
        """`on_stopped` is called with the id of a kill whose callbacks have all returned."""
        self._registry = registry
        self._on_stopped = on_stopped
        self._queue: queue.SimpleQueue[tuple[Turn, ControlState, list[Callback]] | None]
        self._begin()

    def _begin(self) -> None:
        self._queue = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def become_forked_child(self) -> Any:
        """Gives back what belongs to the parent and must be kept untouched."""
        inherited = (self._queue, self._thread, self._starting)
        self._begin()
        return inherited

    def tell(self, turn: Turn, state: ControlState) -> None:
        self.run(turn, state, self._registry.of(turn, state))

    def run(self, turn: Turn, state: ControlState, callbacks: list[Callback]) -> None:
        """Queues; returns at once."""
        if not callbacks:
            return
        self._queue.put((turn, state, callbacks))
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._main, args=(self._queue,), daemon=True, name="axme-callbacks"
                )
                self._thread.start()

    def stop(self) -> None:
        """Returns once the callback that runs has returned (5 s at most); called by one, at once."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self._queue.put(None)
        if thread is not threading.current_thread():
            thread.join(JOIN_SECONDS_MAX)

    def _main(self, source: queue.SimpleQueue[Any]) -> None:
        while (told := source.get()) is not None:
            turn, state, callbacks = told
            done = [self._call(callback, turn, state) for callback in callbacks]
            if turn is Turn.STOPPED and all(done):
                self._on_stopped(state.kill_id)

    def _call(self, callback: Callback, turn: Turn, state: ControlState) -> bool:
        try:
            call_with(callback, turn, state)
        except Exception:
            log.exception("a callback failed after the agent was %s", state.run_state)
            return False
        return True
