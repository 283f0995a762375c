"""One server without a standby, of a story's own, so that the story may break it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faults.postgres import DATABASE, GATEWAY_ROLE, Server, owned_folder


class Lone:
    """A server with an empty database for the gateways."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.folder = owned_folder(folder)
        self.server = Server("lone", self.folder).copy_of(template)

    def set(self, settings: str) -> None:
        """Further settings, before it starts."""
        with (self.server.data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self, *, kept_at: Path | None = None) -> Lone:
        """Starts; the database is kept in that folder instead of beside the rest of the server's data."""
        self.server.start()
        self.server.ask(f"CREATE ROLE {GATEWAY_ROLE} LOGIN")
        place = ""
        if kept_at is not None:
            self.server.ask(f"CREATE TABLESPACE elsewhere LOCATION '{kept_at}'")
            place = "TABLESPACE elsewhere"
        self.server.ask(f"CREATE DATABASE {DATABASE} OWNER {GATEWAY_ROLE} {place}")
        return self

    def ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of the gateways' database."""
        return self.server.ask(query, values, DATABASE)

    def discard(self) -> None:
        self.server.discard()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        return self.server.log()
