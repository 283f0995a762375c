"""One PostgreSQL server of the tests' own: found, made, started, frozen and killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from process import eventually, free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
PROGRAM_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 5
# PostgreSQL refuses to run as root, so root's tests run it as this user of Debian's package.
SERVER_USER = "postgres"
SUPERUSER = "postgres"
DATABASE = "axme"
GATEWAY_ROLE = "axme"
PROGRAMS = ("initdb", "postgres", "pg_basebackup")

# fsync and full_page_writes stay on: the gateway refuses a server without them. What is mapped
# into memory is kept in the data folder, so that a killed server leaves nothing elsewhere. A new
# standby syncs its file system at once instead of file by file, which takes seconds.
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
max_connections = 200
shared_buffers = 64MB
max_wal_size = 256MB
wal_level = replica
wal_keep_size = 64MB
max_wal_senders = 8
hot_standby = on
hot_standby_feedback = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
recovery_init_sync_method = syncfs
synchronous_commit = on
jit = off
log_connections = off
log_line_prefix = '%m [%p] %a '
"""


class Missing(Exception):
    """PostgreSQL's server programs are not on this machine."""


def programs() -> Path:
    """The folder of PostgreSQL's server programs: on the PATH, or where Debian puts them."""
    named = shutil.which("postgres")
    found = [Path(named).resolve().parent] if named else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=debian_version, reverse=True)
    for folder in found:
        if all((folder / program).is_file() for program in PROGRAMS):
            return folder
    raise Missing("PostgreSQL's server programs; get them:  make setup")


def debian_version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0


def server_user() -> str | None:
    """The user to run the server as; None when the tests do not run as root."""
    return SERVER_USER if os.geteuid() == 0 else None


def owned_folder(path: Path) -> Path:
    """A private folder that belongs to the server's user."""
    path.mkdir(mode=0o700)
    if user := server_user():
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
    return path


def run_program(name: str, *arguments: str, cwd: Path) -> None:
    """Runs one of PostgreSQL's programs to its end, as the server's user."""
    ran = subprocess.run(
        [str(programs() / name), *arguments],
        **as_server_user(cwd),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PROGRAM_TIMEOUT_S,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{name} ended with {ran.returncode}:\n{ran.stdout}"


def as_server_user(cwd: Path) -> dict[str, Any]:
    """How a process of the server starts: its own user and groups, and nothing of ours that steers it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    options: dict[str, Any] = {"cwd": cwd, "env": kept | {"HOME": str(cwd), "LC_ALL": "C.UTF-8"}}
    if user := server_user():
        entry = pwd.getpwnam(user)
        options |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return options


def make_template(folder: Path) -> Path:
    """A data folder from which every server of a run is copied: `initdb` takes longer than a copy."""
    data = folder / "template"
    arguments = ["--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=1"]
    run_program("initdb", f"--pgdata={data}", "--no-sync", "--no-instructions", *arguments, cwd=folder)
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(SETTINGS)
    return data


class Server:
    """One server: a data folder, a port and, while it runs, a process."""

    def __init__(self, name: str, folder: Path, port: int = 0) -> None:
        self.name = name
        self.folder = folder
        self.data = folder / name
        self.log_path = folder / f"{name}.log"
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def copy_of(self, template: Path) -> Server:
        # `cp` keeps the owner and the modes, on which the server insists.
        subprocess.run(["cp", "--archive", str(template), str(self.data)], check=True)
        return self

    def start(self) -> Server:
        """Starts, and waits until it answers."""
        arguments = ["-D", str(self.data), "-c", f"port={self.port}", "-c", f"cluster_name={self.name}"]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(programs() / "postgres"), *arguments],
                **as_server_user(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(f"{self.name} answers", self.answers, START_TIMEOUT_S)
        return self

    def answers(self) -> bool:
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.log()}"
        try:
            return bool(self.ask("SELECT 1"))
        except psycopg.Error:
            return False

    def connect(self, database: str = "postgres", user: str = SUPERUSER) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the tests' own, past every proxy."""
        # The server has no certificate, so there is no TLS to try.
        place = f"host=127.0.0.1 port={self.port} dbname={database} user={user} sslmode=disable"
        options = f"connect_timeout={CONNECT_TIMEOUT_S} application_name=tests"
        return psycopg.connect(f"{place} {options}", autocommit=True)

    def ask(self, query: str, values: Sequence[object] = (), database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows of one statement, on a connection of its own."""
        with self.connect(database) as connection:
            asked = connection.execute(query.encode(), values)
            return asked.fetchall() if asked.description else []

    def value(self, query: str, values: Sequence[object] = (), database: str = "postgres") -> Any:
        """The only value of a statement's only row."""
        ((found,),) = self.ask(query, values, database)
        return found

    def processes(self) -> list[int]:
        """The server and all that it started. Each of them leads a session of its own."""
        assert self.process is not None
        main = self.process.pid
        try:
            children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        except FileNotFoundError:
            children = []
        return [main, *(int(child) for child in children)]

    def signal_all(self, number: int) -> None:
        """To the server first, so that it starts nothing new, then to all that it started."""
        assert self.process is not None and self.process.poll() is None, self.log()
        for process_id in self.processes():
            try:
                os.kill(process_id, number)
            except ProcessLookupError:
                continue  # It ended by itself meanwhile.

    def freeze(self) -> None:
        self.signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal_all(signal.SIGCONT)

    def sigkill(self) -> None:
        """As when the machine dies: every process at once, none of them finishes anything."""
        self.freeze()
        self.signal_all(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self) -> None:
        """A fast shutdown: connections are ended, and what is committed is written."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(STOP_TIMEOUT_S) == 0, self.log()

    def discard(self) -> None:
        """Ends whatever still runs, and gives back the one thing that outlives a killed server."""
        if self.process is not None and self.process.poll() is None:
            self.sigkill()
        remove_shared_memory(self.data / "postmaster.pid")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def remove_shared_memory(lock_file: Path) -> None:
    """A killed server leaves a small System V segment, whose id is the last word of its lock file's seventh line."""
    if not lock_file.exists():
        return
    lines = lock_file.read_text().splitlines()
    if len(lines) > 6 and len(words := lines[6].split()) == 2:
        subprocess.run(["ipcrm", "--shmem-id", words[1]], capture_output=True, check=False)
