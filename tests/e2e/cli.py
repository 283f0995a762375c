"""Runs the release binary as the command line of a person."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from process import BINARY, Gateway, clean_environment

COMMAND_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """The command line of one person, with a home folder of their own."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        code: int | None = 0,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = COMMAND_TIMEOUT_S,
    ) -> Ran:
        """Runs to the end and checks the exit code (unless None)."""
        done = subprocess.run(
            [str(BINARY), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.home,
            env=clean_environment(self.home, environment),
            timeout=timeout_s,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert "panicked" not in ran.err, ran
        assert code is None or ran.code == code, f"axme {' '.join(arguments)}: {ran}"
        return ran

    def login(self, gateway: Gateway) -> Ran:
        return self.run("login", "--url", gateway.url, stdin=f"{gateway.owner_key}\n")
