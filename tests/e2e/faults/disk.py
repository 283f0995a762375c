"""A small disk of the tests' own, really full when it is filled: the system itself refuses the next byte.

It is a file system in memory, got in the first of these ways that this machine permits:

* root mounts one, where the system lets root mount (a machine or a virtual one of its own);
* anybody else mounts one in a namespace of his own, kept by a process, where users may have such;
* `/dev/shm` is taken as it is, where it is small. A container that may mount nothing has it, of
  64 MB unless it was started otherwise.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from faults.postgres import owned_folder

SIZE_MB = 48
SHARED_MEMORY = Path("/dev/shm")
# More is not filled: it would be the machine's memory.
FILLED_BYTES_MAX = 2 * 1024**3
STOP_TIMEOUT_S = 10.0
ROUGH_BYTES, FINE_BYTES = 1024 * 1024, 512


class NoDisk(AssertionError):
    """This machine permits none of the ways."""


class Disk:
    """One of them, empty. `folder` belongs to the server's user."""

    def __init__(self, home: Path) -> None:
        self._ended: list[Callable[[], object]] = []
        place = self._mounted(home) or self._in_a_namespace(home) or self._shared_memory()
        if place is None:
            self.discard()
            raise NoDisk(
                f"no small disk can be had: mounting is not permitted, users have no namespaces, and "
                f"{SHARED_MEMORY} is larger than {FILLED_BYTES_MAX >> 20} MB"
            )
        self._filler = place / "filler"
        self.folder = owned_folder(place / "space")

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self._filler.parent)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Takes every byte that is left, whole blocks first. What others give back is taken again by another call."""
        assert self.free_bytes <= FILLED_BYTES_MAX, "it has grown"
        with self._filler.open("ab", buffering=0) as filler:
            for size in (ROUGH_BYTES, FINE_BYTES):
                with contextlib.suppress(OSError):
                    while self._filler.stat().st_size <= FILLED_BYTES_MAX:
                        filler.write(bytes(size))
        assert self.free_bytes == 0, f"{self.free_bytes} bytes are left"

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)

    def discard(self) -> None:
        """Whatever happened: nothing stays filled, mounted or running."""
        for end in reversed(self._ended):
            end()
        self._ended.clear()

    def _mounted(self, home: Path) -> Path | None:
        if os.geteuid() != 0:
            return None
        place = home / "disk"
        place.mkdir(mode=0o711)
        self._ended.append(place.rmdir)
        options = f"size={SIZE_MB}m,mode=711"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            self.discard()
            return None
        self._ended.append(lambda: subprocess.run(["umount", str(place)], check=True))
        return place

    def _in_a_namespace(self, home: Path) -> Path | None:
        """Reached through the process that keeps it, which ends with us. With it the disk is gone."""
        if os.geteuid() == 0:
            return None  # Root runs the server as another user, whom such a namespace does not know.
        mount = f"mount -t tmpfs -o size={SIZE_MB}m,mode=711 tmpfs /mnt"
        script = f"{mount} && echo mounted && exec cat"
        own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
        try:
            keeper = subprocess.Popen(own, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError:
            return None
        self._ended.append(lambda: end_process(keeper))
        assert keeper.stdout is not None
        if keeper.stdout.readline() != b"mounted\n":
            self.discard()
            return None
        return Path(f"/proc/{keeper.pid}/root/mnt")

    def _shared_memory(self) -> Path | None:
        try:
            found = os.statvfs(SHARED_MEMORY)
        except OSError:
            return None
        is_small = os.path.ismount(SHARED_MEMORY) and found.f_blocks * found.f_frsize <= FILLED_BYTES_MAX
        if not is_small:
            return None
        place = Path(tempfile.mkdtemp(prefix="axme-disk-", dir=SHARED_MEMORY))
        place.chmod(0o711)
        self._ended.append(lambda: shutil.rmtree(place, ignore_errors=True))
        return place


def end_process(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=STOP_TIMEOUT_S)
