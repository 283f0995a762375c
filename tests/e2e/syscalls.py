"""Reads what strace saw of the gateway: receives, writes, syncs and answers, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CALLS = "read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync"
STRACE = ("strace", "--follow-forks", "--decode-fds=path", "--string-limit=8192", f"--trace={CALLS}")

SYNCS = ("fsync", "fdatasync")
RECEIVES = ("read", "readv", "recvfrom", "recvmsg")
WRITES = ("write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg")


@dataclass
class Call:
    """One system call: the lines where it began and ended, and the text of both."""

    name: str
    path: str
    text: str
    began: int
    ended: int


def command(log: Path) -> tuple[str, ...]:
    """What to put before the command that is traced."""
    return (*STRACE, f"--output={log}")


def calls(log: Path) -> list[Call]:
    """All finished calls; one that another thread interrupted is put together again."""
    found: list[Call] = []
    open_calls: dict[str, Call] = {}
    for number, line in enumerate(log.read_text(errors="replace").splitlines()):
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if resumed := re.match(r"<\.\.\. (\w+) resumed>(.*)", rest):
            call = open_calls.pop(thread, None)
            if call is not None:
                call.ended = number
                call.text += resumed[2]
                found.append(call)
        elif begun := re.match(r"(\w+)\(\d+<([^>]*)>(.*)", rest):
            call = Call(begun[1], begun[2], begun[3], number, number)
            if rest.endswith("<unfinished ...>"):
                open_calls[thread] = call
            else:
                found.append(call)
    return found


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, with what happened on the disk between them."""

    written: bool
    synced: bool


def exchange(seen: list[Call], marker: str, data: Path) -> Exchange:
    """What the disk did between the arrival of the request with `marker` and the first byte of its answer.

    A write counts when it began after the request arrived, a sync when it began
    after such a write and ended before the answer's first byte.
    """
    sockets = [call for call in seen if call.path.startswith("socket:") and marker in call.text]
    arrived = min(call.ended for call in sockets if call.name in RECEIVES)
    answered = min(call.began for call in sockets if call.name in WRITES and "HTTP/1.1" in call.text)
    disk = [call for call in seen if call.path.startswith(str(data))]
    between = [call for call in disk if call.began > arrived and call.ended < answered]
    writes = [call for call in between if call.name in WRITES]
    first_write = min((call.ended for call in writes), default=answered)
    synced = any(call.name in SYNCS and call.began > first_write for call in between)
    return Exchange(bool(writes), synced)
