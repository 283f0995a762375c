"""What happens to the links of this process when it forks, and when it exits."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Any, Protocol


class Link(Protocol):
    def become_forked_child(self) -> Any: ...
    def say_farewell(self) -> None: ...


_links: weakref.WeakSet[Link] = weakref.WeakSet()
_open: dict[int, Link] = {}
_inherited: list[Any] = []
_covered: set[int] = set()


def register(link: Link) -> None:
    """From now on a fork makes it another instance."""
    _links.add(link)


def keep_open(link: Link) -> None:
    """From now on it says farewell at exit, also when nobody else holds it any more."""
    _open[id(link)] = link
    _cover_multiprocessing()


def forget(link: Link) -> None:
    _open.pop(id(link), None)


def _after_fork_in_child() -> None:
    for link in list(_links):
        # Threads did not come along, but their sockets and loops did. They are the parent's: kept for
        # ever, so that collecting them closes nothing.
        _inherited.append(link.become_forked_child())
    _open.clear()


def _cover_multiprocessing() -> None:
    """Children of `multiprocessing` exit without the usual last steps; they have steps of their own."""
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is None or util is None or process.parent_process() is None:
        return
    if os.getpid() not in _covered:
        _covered.add(os.getpid())
        util.Finalize(None, _at_exit, exitpriority=100)


def _at_exit() -> None:
    for link in list(_open.values()):
        link.say_farewell()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
