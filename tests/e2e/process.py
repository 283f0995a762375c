"""Runs the release binary as a gateway, on a data directory of its own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from gateway import Api

REPOSITORY = Path(__file__).resolve().parents[2]
BUILT = REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target") / "release" / "axme"
# AXME_BIN names another binary to test than the one that was built here.
BINARY = Path(os.environ.get("AXME_BIN") or BUILT)
# `make test-long` sets it: the same stories with more rounds and another seed.
LONG = bool(os.environ.get("E2E_LONG"))
SEED = int(os.environ.get("E2E_SEED") or (secrets.randbits(32) if LONG else 1))
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
Found = TypeVar("Found")


def eventually(what: str, look: Callable[[], Found], timeout_s: float = 10.0) -> Found:
    """The first truthy answer of `look`; fails when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of the caller's own settings or profiles reaches the binary."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AXME_")}
    kept |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "NO_COLOR": "1"}
    return kept | dict(extra or {})


class GatewayEnded(AssertionError):
    """It ended instead of serving."""


class Gateway:
    """One `axme serve` on a data directory of its own; it can be stopped, crashed and started again."""

    def __init__(
        self,
        directory: Path,
        arguments: Sequence[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        owner_key: str | None = "",
        tracer: Sequence[str] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data = directory / "data"
        self.log_path = directory / "gateway.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.owner_key = secrets.token_hex(32) if owner_key == "" else owner_key
        self.arguments = list(arguments)
        # Whom to trust where it serves over TLS.
        self.tls: ssl.SSLContext | None = None
        # Whether the test itself says where to listen (as flag, variable or in a file).
        self.listens_by_itself = False
        self.environment = dict(environment or {})
        self.tracer = list(tracer)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def owner(self) -> Api:
        return Api(self.url, self.owner_key, tls=self.tls)

    def command(self) -> list[str]:
        listen = [] if self.listens_by_itself else ["--listen", f"127.0.0.1:{self.port}"]
        return [*self.tracer, str(BINARY), "serve", "--data-dir", str(self.data), *listen, *self.arguments]

    def start(self) -> Gateway:
        """Starts and waits until the gateway serves."""
        self.launch()
        eventually(f"{self.url} is ready", self.is_ready, START_TIMEOUT_S)
        return self

    def serves(self) -> bool:
        """Starts; whether it came to serve. False when it refused and ended."""
        try:
            self.start()
        except GatewayEnded:
            return False
        return True

    def launch(self) -> subprocess.Popen[bytes]:
        """Starts without waiting. A process group of its own, so that a tracer's child ends too."""
        extra = dict(self.environment)
        if self.owner_key is not None:
            extra.setdefault("AXME_OWNER_KEY", self.owner_key)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=clean_environment(self.directory, extra),
                start_new_session=True,
            )
        return self.process

    def is_ready(self) -> bool:
        assert self.process is not None
        code = self.process.poll()
        if code is not None:
            raise GatewayEnded(f"the gateway ended with {code}:\n{self.log()}")
        try:
            return Api(self.url, None, tls=self.tls).get("/ready", timeout_s=2.0).status == 200
        except OSError:
            return False

    def signal(self, number: int) -> None:
        assert self.process is not None and self.process.poll() is None, self.log()
        os.killpg(self.process.pid, number)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)

    def crash(self) -> None:
        """SIGKILL: no chance to finish anything."""
        self.signal(signal.SIGKILL)
        self.wait()

    def discard(self) -> None:
        """Ends whatever still runs, at the end of a test."""
        if self.process is not None and self.process.poll() is None:
            self.crash()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def database(gateway: Gateway) -> Path:
    """The one SQLite file of a data directory."""
    files = [path for path in gateway.data.iterdir() if path.is_file()]
    found = [path for path in files if path.read_bytes()[:15] == b"SQLite format 3"]
    assert len(found) == 1, files
    return found[0]
