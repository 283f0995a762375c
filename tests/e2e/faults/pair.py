"""A primary with a standby that must acknowledge every commit, and the failover between them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from faults.postgres import DATABASE, GATEWAY_ROLE, SUPERUSER, Server, owned_folder, run_program
from process import eventually

STANDBY_TIMEOUT_S = 30.0
NAMES = ("north", "south")


def make_home() -> Path:
    """A folder under which the server's user may walk, unlike pytest's own, which only its maker enters."""
    home = Path(tempfile.mkdtemp(prefix="axme-postgres-"))
    home.chmod(0o711)
    return home


class Pair:
    """Two servers on two ports that never change; which of them leads does."""

    def __init__(self, template: Path, folder: Path) -> None:
        self.folder = owned_folder(folder)
        self.servers = [Server(name, self.folder) for name in NAMES]
        self.primary, self.standby = self.servers
        self.primary.copy_of(template)

    def start(self) -> Pair:
        """Both run, and no commit returns before the standby has it on its disk."""
        self.primary.start()
        self.primary.ask(f"CREATE ROLE {GATEWAY_ROLE} LOGIN")
        self.add_standby()
        return self

    def empty(self) -> None:
        """Gives the gateways a new database, and ends whoever is still connected to the last one."""
        self.primary.ask(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self.primary.ask(f"CREATE DATABASE {DATABASE} OWNER {GATEWAY_ROLE}")

    def is_whole(self) -> bool:
        """Whether a story left both servers as it found them; one that failed may not have."""
        if any(server.process is None or server.process.poll() is not None for server in self.servers):
            return False
        for server in self.servers:
            server.thaw()
        try:
            return self.is_synchronous()
        except psycopg.Error:
            return False

    def add_standby(self) -> None:
        """Makes the other server a fresh standby, also after a failover, when it holds an old history."""
        standby = self.standby
        standby.discard()
        shutil.rmtree(standby.data, ignore_errors=True)
        source = f"host=127.0.0.1 port={self.primary.port} user={SUPERUSER} application_name={standby.name}"
        arguments = [f"--pgdata={standby.data}", f"--dbname={source}", "--write-recovery-conf", "--no-sync"]
        run_program("pg_basebackup", *arguments, "--checkpoint=fast", "--wal-method=stream", cwd=self.folder)
        # Promoted, it has no standby of its own yet and must not wait for one.
        with (standby.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")
        standby.start()
        # Named, so that a backup that is being taken never counts as the standby.
        self.primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{standby.name}'")
        self.primary.ask("SELECT pg_reload_conf()")
        eventually("the standby acknowledges commits", self.is_synchronous, STANDBY_TIMEOUT_S)

    def is_synchronous(self) -> bool:
        states = "SELECT sync_state FROM pg_stat_replication WHERE application_name = %s"
        named = self.primary.value("SHOW synchronous_standby_names") == self.standby.name
        return named and self.primary.ask(states, [self.standby.name]) == [("sync",)]

    def kill_primary(self) -> None:
        self.primary.sigkill()

    def promote(self) -> None:
        """The standby becomes the primary. Nobody else may call it dead: the old one must be gone already."""
        assert self.primary.process is not None and self.primary.process.poll() is not None
        self.standby.ask("SELECT pg_promote(wait => true)")
        self.primary, self.standby = self.standby, self.primary
        assert self.primary.value("SELECT pg_is_in_recovery()") is False

    def ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of the gateways' database, from whichever server leads."""
        return self.primary.ask(query, values, DATABASE)

    def count(self, table: str) -> int:
        return int(self.primary.value(f"SELECT count(*) FROM {table}", (), DATABASE))

    def discard(self) -> None:
        """Ends both and removes their data."""
        for server in self.servers:
            server.discard()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        return "\n".join(f"--- {server.name}\n{server.log()}" for server in self.servers)
