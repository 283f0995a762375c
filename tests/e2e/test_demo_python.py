"""`axme demo --python`: the same story with real agents, which the SDK stops."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli import Cli
from process import BINARY, LONG, REPOSITORY, clean_environment, eventually

SDK_PYTHON = REPOSITORY / ".venv-sdk" / "bin" / "python"
SDK_SOURCE = REPOSITORY / "sdk" / "python" / "src"
EMAILS = 50_000 if LONG else 1_200
DEMO_TIMEOUT_S = 300.0

with_sdk = pytest.mark.skipif(not SDK_PYTHON.exists(), reason=f"no {SDK_PYTHON}: make setup")


def instances(err: str) -> list[int]:
    """The processes that the page names."""
    named = re.search(r"agent\.py: ([\d, ]+)\.", err)
    return [int(number) for number in named[1].split(",")] if named else []


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


class Running:
    """A demo in the middle of its story."""

    def __init__(self, folder: Path) -> None:
        self.err_path = folder / "demo.err"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        extra = {"PYTHONPATH": str(SDK_SOURCE), "TMPDIR": str(self.temporary)}
        with self.err_path.open("wb") as err:
            self.process = subprocess.Popen(
                [str(BINARY), "demo", "--emails", "1000000", "--python", str(SDK_PYTHON)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
                env=clean_environment(folder, extra),
            )
        self.instances = eventually("the page is shown", lambda: instances(self.err), 30.0)
        assert len(self.instances) == 3
        eventually("e-mails go out", self.sends, 30.0)

    @property
    def err(self) -> str:
        return self.err_path.read_text()

    def sends(self) -> bool:
        assert self.process.poll() is None, self.err
        return any(spool.stat().st_size for spool in self.temporary.glob("*/spool/sent.tsv"))

    def wait(self) -> int:
        """Its exit code, once it and all of its instances have gone."""
        code = self.process.wait(timeout=20)
        eventually("no orphan is left", lambda: all(map(is_gone, self.instances)), 10.0)
        return code

    def discard(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=20)


@pytest.fixture
def running(tmp_path: Path):
    demo = Running(tmp_path)
    yield demo
    demo.discard()


@with_sdk
@pytest.mark.bound_s(320)
def test_the_sdk_stops_three_processes_and_nothing_is_lost(cli: Cli) -> None:
    asked = ("demo", "--auto", "--json", "--emails", str(EMAILS), "--python", str(SDK_PYTHON))
    # What the caller has set for agents of their own does not reach those of the demo.
    extra = {"PYTHONPATH": str(SDK_SOURCE), "AXME_BASE_URL": "http://127.0.0.1:9", "AXME_API_KEY": "no"}
    ran = cli.run(*asked, environment=extra, timeout_s=DEMO_TIMEOUT_S)
    figures = json.loads(ran.out)
    assert figures["emails_total"] == figures["sent_total"] == EMAILS, figures
    assert (figures["duplicates"], figures["missing"]) == (0, 0), figures
    assert 0 < figures["sent_at_kill"] < EMAILS, "the kill came while it ran"
    assert len(set(instances(ran.err))) == 3, ran.err
    told = re.search(r"3 of 3 stopped; ([\d,]+) e-mails done, ([\d,]+) not\.", ran.err)
    assert told, ran.err
    done, left = (int(number.replace(",", "")) for number in told.groups())
    # Those that were taken and not delivered at the kill are held.
    assert done + left == EMAILS and done >= figures["sent_at_kill"], (done, left, figures)
    assert all(map(is_gone, instances(ran.err)))


@with_sdk
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_demo(running: Running, number: signal.Signals) -> None:
    running.process.send_signal(number)
    assert running.wait() == (-signal.SIGKILL if number == signal.SIGKILL else 0), running.err


@with_sdk
def test_a_process_that_dies_fails_the_demo(running: Running) -> None:
    os.kill(running.instances[1], signal.SIGKILL)
    assert running.wait() == 1
    told = f"instance 2 (process {running.instances[1]}) ended with signal: 9"
    assert told in running.err, running.err


@with_sdk
def test_the_last_words_of_a_process_are_told(cli: Cli, tmp_path: Path) -> None:
    """An SDK whose heartbeat fails stands for anything that goes wrong in an agent."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import sys\n"
        "if sys.argv[0] != '-c':\n"
        "    import axme\n"
        "    def start_heartbeat(self): raise OSError('no battery left')\n"
        "    axme.MeshClient.start_heartbeat = start_heartbeat\n"
    )
    extra = {"PYTHONPATH": f"{broken}{os.pathsep}{SDK_SOURCE}"}
    ran = cli.run("demo", "--auto", "--python", str(SDK_PYTHON), environment=extra, code=1)
    assert "OSError: no battery left" in ran.err, ran.err


def test_an_interpreter_without_the_sdk_is_told_how_to_get_it(cli: Cli) -> None:
    # These tests run with the published client, whose module has the same name and cannot be stopped.
    none = {"PYTHONPATH": ""}
    ran = cli.run("demo", "--python", sys.executable, environment=none, code=1)
    assert "AgentKilled" in ran.err and "pip install axme-sdk" in ran.err, ran.err
    assert "pip install ./sdk/python" in ran.err and "runs at" not in ran.err, ran.err


def test_what_is_no_interpreter_is_told(cli: Cli) -> None:
    assert "it is no Python" in cli.run("demo", "--python", "cat", code=1).err
    assert "cannot run no-such-thing" in cli.run("demo", "--python", "no-such-thing", code=1).err
