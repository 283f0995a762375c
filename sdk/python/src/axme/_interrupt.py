"""Breaking into blocking code of the main thread when the agent is killed. Opt-in.

A signal makes a blocking system call of the main thread return, and its handler raises AgentKilled
there. The signal is one that does nothing where nobody handles it, so a late one is harmless.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from .exceptions import AgentStopped

_SIGNAL = getattr(signal, "SIGURG", None)
SHOOT_SECONDS = 0.02
_NO_KILL = object()
JOIN_SECONDS_MAX = 2.0


class Interrupter:
    """Armed by the main thread, aimed by the background, fires in the main thread once a kill."""

    def __init__(self, on_fired: Callable[[str | None], object]) -> None:
        self._on_fired = on_fired
        self._previous: Any = None
        self._armed = False
        # One entry at most; `pop` is atomic, so either the handler or who disarms gets it.
        self._aim: list[AgentStopped] = []
        self._spent: object = _NO_KILL
        self._fired: list[str | None] = []
        self._shooter: threading.Thread | None = None
        self._handing_over = threading.Lock()

    def arm(self) -> None:
        """Raises RuntimeError where it cannot work."""
        if _SIGNAL is None or not hasattr(signal, "pthread_kill"):
            raise RuntimeError("interrupt_main is not available on this system")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("interrupt_main must be switched on in the main thread")
        if signal.getsignal(_SIGNAL) != self._handle:  # it stays where another thread disarmed us
            self._previous = signal.signal(_SIGNAL, self._handle)
        self._armed = True

    def disarm(self) -> None:
        """Nothing fires after this returned, and no thread is left."""
        was_armed, self._armed = self._armed, False
        self._aim.clear()
        shooter = self._shooter
        if shooter is not None and shooter is not threading.current_thread():
            shooter.join(JOIN_SECONDS_MAX)
        if not was_armed:
            return
        in_main = threading.current_thread() is threading.main_thread()
        # Handlers can only be put back by the main thread; ours passes everything on once disarmed.
        if in_main and _SIGNAL is not None and signal.getsignal(_SIGNAL) == self._handle:
            signal.signal(_SIGNAL, self._previous or signal.SIG_DFL)

    def aim(self, error: AgentStopped) -> None:
        """The agent was killed."""
        if not self._armed or error.kill_id == self._spent:
            return
        with self._handing_over:
            self._aim[:] = [error]
            if self._shooter is None:
                self._shooter = threading.Thread(
                    target=self._shoot, daemon=True, name="axme-interrupt"
                )
                self._shooter.start()

    def drop(self) -> None:
        """The agent was resumed."""
        self._spent = _NO_KILL
        self._aim.clear()

    def told(self, kill_id: str | None) -> None:
        """The main thread knows of this kill: it must not be disturbed while it cleans up."""
        if threading.current_thread() is threading.main_thread():
            self._spent = kill_id
            self._aim.clear()

    def become_forked_child(self) -> None:
        """The handler is inherited; what was aimed at the parent is not for the child."""
        self._aim, self._fired, self._shooter = [], [], None
        self._handing_over = threading.Lock()

    def _shoot(self) -> None:
        # Repeated until it hits: the main thread may be in code that must not be broken.
        main = threading.main_thread()
        while True:
            while self._aim and _SIGNAL is not None and main.ident is not None and main.is_alive():
                signal.pthread_kill(main.ident, _SIGNAL)
                time.sleep(SHOOT_SECONDS)
            while self._fired:
                self._on_fired(self._fired.pop())
            with self._handing_over:
                if not (self._aim and main.is_alive()):
                    self._shooter = None
                    return

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._aim and self._armed and may_break_into(frame):
            try:
                error = self._aim.pop()
            except IndexError:
                return
            self._spent = error.kill_id
            self._fired.append(error.kill_id)
            raise error
        if callable(self._previous):
            self._previous(number, frame)


def may_break_into(frame: FrameType | None) -> bool:
    """Whether the main thread is in the agent's own code.

    Not in ours, which must stay whole; not in the interpreter's last steps; and in a notebook only
    while a cell runs, because between cells it is the kernel that would break.
    """
    if frame is None or sys.is_finalizing():
        return False
    notebook = "IPython" in sys.modules and "ipykernel" in sys.modules
    in_cell = False
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module == "axme" or module.startswith("axme."):
            return False
        name = frame.f_code.co_name
        if module == "threading" and name == "_shutdown":
            return False
        in_cell = in_cell or (module == "IPython.core.interactiveshell" and name == "run_code")
        frame = frame.f_back
    return in_cell or not notebook
