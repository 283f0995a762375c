"""PgBouncer of the tests' own before one server: it lends the server's sessions, for a transaction or whole."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from faults.postgres import DATABASE, GATEWAY_ROLE, Server, as_server_user, owned_folder
from process import eventually, free_port

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0
ADMINISTRATOR = "pooler_admin"
# Debian keeps it where only root looks.
DEBIAN_PLACE = Path("/usr/sbin/pgbouncer")

# Everybody on this machine may come, as the server itself lets them.
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = 200
admin_users = {admin}
"""


class Missing(Exception):
    """PgBouncer is not on this machine."""


def program() -> Path:
    named = shutil.which("pgbouncer")
    found = Path(named) if named else DEBIAN_PLACE
    if not found.is_file():
        raise Missing("pgbouncer; get it:  make setup")
    return found


class Pooler:
    """One process, which refuses to be root's, on a port of its own."""

    def __init__(self, server: Server, folder: Path, mode: str, pool_size: int) -> None:
        self.server, self.mode, self.pool_size = server, mode, pool_size
        self.folder = owned_folder(folder)
        self.settings, self.users = folder / "pgbouncer.ini", folder / "users.txt"
        self.log_path = folder / "pgbouncer.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._write_settings()

    def start(self) -> Pooler:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(program()), str(self.settings)],
                **as_server_user(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually("the pooler answers", self.answers, START_TIMEOUT_S)
        return self

    def answers(self) -> bool:
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"the pooler ended with {code}:\n{self.log()}"
        try:
            with self.connect(GATEWAY_ROLE, DATABASE) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def connect(self, user: str, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the tests' own, which leaves no prepared statement in a session that is lent."""
        place = f"host=127.0.0.1 port={self.port} dbname={database} user={user} sslmode=disable"
        return psycopg.connect(f"{place} connect_timeout=5", autocommit=True, prepare_threshold=None)

    def switch(self, mode: str, pool_size: int) -> None:
        """As an administrator does: the settings are read again, and hold for new connections."""
        self.mode, self.pool_size = mode, pool_size
        self._write_settings()
        with self.connect(ADMINISTRATOR, "pgbouncer") as console:
            # Its console speaks the simple protocol only.
            cursor = psycopg.ClientCursor(console)
            cursor.execute("RELOAD")
            shown = {row[0]: row[1] for row in cursor.execute("SHOW CONFIG").fetchall()}
        assert shown["pool_mode"] == mode, shown

    def _write_settings(self) -> None:
        self.users.write_text(f'"{GATEWAY_ROLE}" ""\n"{ADMINISTRATOR}" ""\n')
        place = {"server_port": self.server.port, "port": self.port, "users": self.users, "admin": ADMINISTRATOR}
        self.settings.write_text(SETTINGS.format(**place, mode=self.mode, pool_size=self.pool_size))

    def discard(self) -> None:
        """Ends it at once, with all that goes through it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_TIMEOUT_S)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
