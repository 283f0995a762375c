"""Metrics: soon, in batches, none lost, none twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from conftest import Connect
from process import eventually
from stand_in import StandIn

LATE_SECONDS = 1.0
"""Within this time of being reported a metric has left."""


def test_metrics_leave_within_a_second_and_in_batches(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interval_seconds=60)
    began = time.monotonic()
    for _ in range(500):
        client.mesh.report_metric(cost_usd=0.001, latency_ms=2.0)
    eventually("they were counted", lambda: stand_in.total == 500, LATE_SECONDS)
    assert time.monotonic() - began < LATE_SECONDS
    assert len(stand_in.beats) <= 6, "not one request each"
    assert sum(m["cost_usd"] for m in stand_in.counted.values()) == pytest.approx(0.5)


def test_lost_answers_lose_and_double_nothing(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, on_unreachable="continue")
    client.mesh.start_heartbeat()
    for round_number in range(1, 6):
        stand_in.lose_answers = 2
        for _ in range(20):
            client.mesh.report_metric()
        eventually("they were counted", lambda n=round_number: stand_in.total == 20 * n)
    assert client.mesh.flush(5.0)
    assert stand_in.total == 100


def test_an_outage_delays_and_loses_nothing(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, on_unreachable="continue")
    client.mesh.start_heartbeat()
    stand_in.down = True
    for _ in range(50):
        client.mesh.report_metric()
        time.sleep(0.01)
    assert not client.mesh.flush(0.2), "nobody counted them"
    stand_in.down = False
    assert client.mesh.flush(10.0)
    assert stand_in.total == 50


def test_many_threads_report_exactly(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()

    def work() -> None:
        for _ in range(200):
            client.mesh.report_metric()
            if _ % 50 == 0:
                client.guard()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert stand_in.total == 1600


def test_stopping_and_closing_deliver_and_say_the_end(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    client.mesh.report_metric()
    client.mesh.stop_heartbeat()
    assert stand_in.total == 1 and stand_in.beats[-1]["ending"] is True
    client.mesh.report_metric()
    client.close()
    assert stand_in.total == 2
    beats = len(stand_in.beats)
    client.close()
    assert len(stand_in.beats) == beats, "closing twice says it once"


def test_without_metrics_they_wait_for_the_end(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interval_seconds=0.05, include_metrics=False)
    client.mesh.report_metric()
    time.sleep(0.3)
    assert stand_in.total in (0, 1)
    client.close()
    assert stand_in.total == 1


def test_progress_and_metadata_travel_soon_and_stay(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interval_seconds=60)
    client.mesh.set_metadata({"cursor": 7}, template="spring")
    client.mesh.report_progress(6074, 50_000, "e-mails")
    told = {"done": 6074, "total": 50_000, "unit": "e-mails"}
    eventually("they were told", lambda: stand_in.beats[-1].get("progress") == told, 1.0)
    assert stand_in.beats[-1]["metadata"] == {"cursor": 7, "template": "spring"}
    with pytest.raises(ValueError, match="4096"):
        client.mesh.set_metadata(big="x" * 5000)
    with pytest.raises(ValueError, match="JSON"):
        client.mesh.set_metadata(odd=object())
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 2.0)
    with pytest.raises(Exception, match="killed"):
        client.mesh.report_metric()
    eventually("it was confirmed", lambda: stand_in.acks, 2.0)
    assert stand_in.acks[0]["progress"] == told


def run_program(tmp_path: Path, url: str, text: str) -> subprocess.Popen[str]:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(text))
    environment = {**os.environ, "AXME_BASE_URL": url, "AXME_API_KEY": "axme_sa_test"}
    return subprocess.Popen(
        [sys.executable, str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", ["", "raise SystemExit(0)", "raise RuntimeError('oops')"])
def test_a_program_that_ends_has_delivered(stand_in: StandIn, tmp_path: Path, ending: str) -> None:
    program = run_program(
        tmp_path,
        stand_in.url,
        f"""
        from axme import AxmeClient
        client = AxmeClient()
        client.mesh.start_heartbeat()
        for _ in range(7):
            client.mesh.report_metric()
        {ending}
        """,
    )
    out, err = program.communicate(timeout=20)
    assert stand_in.total == 7, (out, err)
    assert stand_in.beats[-1]["ending"] is True


def test_an_uncaught_kill_ends_the_program_counted_and_confirmed(stand_in: StandIn, tmp_path: Path) -> None:
    program = run_program(
        tmp_path,
        stand_in.url,
        """
        import time
        from axme import AxmeClient
        client = AxmeClient()
        client.mesh.start_heartbeat()
        while True:
            time.sleep(0.01)
            print("batch", flush=True)
            client.mesh.report_metric()
        """,
    )
    eventually("it works", lambda: stand_in.total > 3)
    kill_id = stand_in.order("killed")
    out, err = program.communicate(timeout=20)
    assert program.returncode == 1 and "AgentKilled" in err, err
    assert stand_in.total == out.count("batch")
    assert [ack["kill_id"] for ack in stand_in.acks] == [kill_id]


def test_an_exit_without_gateway_ends_and_says_what_was_not_delivered(tmp_path: Path) -> None:
    with StandIn() as stand_in:
        program = run_program(
            tmp_path,
            stand_in.url,
            """
            import time
            from axme import AxmeClient, AxmeClientConfig
            client = AxmeClient(AxmeClientConfig(on_unreachable="continue"))
            client.mesh.start_heartbeat()
            print("ready", flush=True)
            time.sleep(1.0)
            for _ in range(3):
                client.mesh.report_metric()
            """,
        )
        assert program.stdout is not None and program.stdout.readline() == "ready\n"
    _, err = program.communicate(timeout=20)
    assert program.returncode == 0
    assert "3 reported metrics" in err, err


# Forks.


def test_a_forked_child_is_another_instance_with_its_own_metrics(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    assert client.mesh.flush()
    client.mesh.report_metric()
    own = client.mesh.instance_id
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(10):
                client.mesh.report_metric()
            assert client.mesh.instance_id != own
            assert client.mesh._link.is_running, "the child has a background of its own"
            client.close()
            os.write(writing, client.mesh.instance_id.encode())
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    other = os.read(reading, 200).decode()
    os.close(reading)
    os.close(writing)
    client.mesh.report_metric()
    assert client.mesh.flush()
    assert stand_in.total == 12
    by_instance = {b["instance_id"] for b in stand_in.beats}
    assert by_instance == {own, other}
    assert client.mesh._link.is_running, "the parent goes on"
    stand_in.order("killed")
    eventually("the parent's stream is whole", lambda: client.mesh.state == "killed", 2.0)


def test_children_of_multiprocessing_deliver_too(stand_in: StandIn, tmp_path: Path) -> None:
    program = run_program(
        tmp_path,
        stand_in.url,
        """
        import multiprocessing
        from axme import AxmeClient

        def work(client):
            for _ in range(5):
                client.mesh.report_metric()

        if __name__ == "__main__":
            client = AxmeClient()
            client.mesh.start_heartbeat()
            context = multiprocessing.get_context("fork")
            children = [context.Process(target=work, args=(client,)) for _ in range(3)]
            [child.start() for child in children]
            [child.join() for child in children]
            assert [child.exitcode for child in children] == [0, 0, 0]
        """,
    )
    _, err = program.communicate(timeout=30)
    assert program.returncode == 0, err
    assert stand_in.total == 15
    assert len({beat["instance_id"] for beat in stand_in.beats}) == 4


def test_a_terminated_program_has_delivered_what_is_older_than_a_second(
    stand_in: StandIn, tmp_path: Path
) -> None:
    program = run_program(
        tmp_path,
        stand_in.url,
        """
        import time
        from axme import AxmeClient
        client = AxmeClient()
        client.mesh.start_heartbeat()
        for _ in range(9):
            client.mesh.report_metric()
        print("ready", flush=True)
        time.sleep(60)
        """,
    )
    assert program.stdout is not None and program.stdout.readline() == "ready\n"
    eventually("they were counted", lambda: stand_in.total == 9, LATE_SECONDS)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=10)
    assert stand_in.total == 9
