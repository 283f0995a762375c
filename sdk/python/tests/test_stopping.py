"""A stopped agent notices: the next call raises, callbacks run, blocking code is broken into."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

import pytest
from axme import AgentKilled, AgentPaused, AgentStopped, AxmeAuthError, ControlState
from axme._interrupt import may_break_into
from conftest import Connect
from process import eventually
from stand_in import StandIn


def test_the_next_call_raises_with_who_why_and_when(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, instance_id="one", version="7", region="eu", labels={"a": "b"})
    client.mesh.start_heartbeat()
    assert client.mesh.state == "active"
    eventually("the stream is open", lambda: stand_in.streams_opened)
    kill_id = stand_in.order("killed", reason="broken link")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 2.0)
    with pytest.raises(AgentKilled) as caught:
        client.mesh.report_metric(cost_usd=0.5)
    error = caught.value
    assert isinstance(error, AxmeAuthError), "old handlers see it"
    assert (error.by, error.reason, error.kill_id, error.mode) == ("ops", "broken link", kill_id, "halt")
    assert error.at and error.status_code == 403 and error.run_state == "killed"
    eventually("it was confirmed", lambda: stand_in.acks)
    ack = stand_in.acks[0]
    assert (ack["instance_id"], ack["kill_id"], ack["via"]) == ("one", kill_id, "stream")
    assert stand_in.total == 1, "the work that was done was counted before"
    first = stand_in.beats[0]
    assert (first["instance_id"], first["version"], first["region"]) == ("one", "7", "eu")
    assert first["labels"] == {"a": "b"}


def test_work_is_refused_reads_go_on_after_the_first_and_facts_always_go(
    stand_in: StandIn, connect: Connect
) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 2.0)
    assert client.resolve_intent("i", {"status": "COMPLETED"})["ok"] is True
    with pytest.raises(AgentKilled):
        client.get_intent("i")
    assert client.get_intent("i")["ok"] is True, "who cleans up has to look"
    client.mesh.set_metadata(next=7)
    for _ in range(2):
        for work in (client.mesh.raise_if_killed, client.guard, lambda: client.send_intent({})):
            with pytest.raises(AgentKilled):
                work()
    assert client.mesh.kill("x")["ok"] is True, "orders are never held up"
    assert ("POST", "/v1/intents") not in stand_in.heard


def test_each_thread_is_told(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    told: list[str] = []

    def work() -> None:
        try:
            while True:
                client.mesh.list_events()
                time.sleep(0.01)
        except AgentKilled:
            told.append(threading.current_thread().name)

    threads = [threading.Thread(target=work, name=f"t{number}") for number in range(5)]
    for thread in threads:
        thread.start()
    stand_in.order("killed")
    for thread in threads:
        thread.join(5.0)
    assert sorted(told) == ["t0", "t1", "t2", "t3", "t4"]
    eventually("it was confirmed", lambda: stand_in.acks)
    time.sleep(0.3)
    assert len(stand_in.acks) == 1, "an instance confirms once, however many threads it has"


def test_a_killed_agent_that_is_started_again_does_not_begin(stand_in: StandIn, connect: Connect) -> None:
    stand_in.order("killed")
    client = connect(stand_in.url)
    with pytest.raises(AgentKilled):
        client.mesh.start_heartbeat()
    stand_in.order("active")
    assert client.mesh.wait_until_active(5.0).is_active
    client.mesh.report_metric()


def test_a_pause_raises_its_own_error_and_ends(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    killed: list[object] = []
    paused: list[AgentStopped] = []
    resumed: list[ControlState] = []
    client.mesh.on_kill(killed.append)
    client.mesh.on_pause(paused.append)
    client.mesh.on_resume(resumed.append)
    client.mesh.start_heartbeat()
    stand_in.order("paused", mode="pause")
    eventually("the pause arrived", lambda: paused, 2.0)
    with pytest.raises(AgentPaused):
        client.mesh.report_metric()
    with pytest.raises(TimeoutError, match="paused"):
        client.mesh.wait_until_active(0.1)
    stand_in.order("active")
    assert client.mesh.wait_until_active(5.0).run_state == "active"
    eventually("the resume was told", lambda: resumed, 2.0)
    assert killed == []
    client.mesh.report_metric()


def test_quarantine_and_unknown_words_stop_as_a_kill_does(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    stand_in.order("quarantined", mode="quarantine")
    with pytest.raises(AgentKilled) as caught:
        client.guard()
    assert caught.value.mode == "quarantine"
    stand_in.order("something_new")
    with pytest.raises(AgentKilled):
        client.guard()


def test_a_callback_that_returned_confirms_the_stop(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    may_return, called = threading.Event(), threading.Event()

    @client.mesh.on_kill
    def stop(error: AgentKilled) -> None:  # pyright: ignore[reportUnusedFunction]
        assert error.by == "ops"
        called.set()
        may_return.wait(5.0)

    client.mesh.start_heartbeat()
    stand_in.order("killed")
    assert called.wait(2.0)
    time.sleep(0.2)
    assert stand_in.acks == [], "it is still stopping"
    may_return.set()
    eventually("it was confirmed", lambda: stand_in.acks, 2.0)


def test_a_callback_that_failed_confirms_nothing(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    called: list[int] = []

    def fail() -> None:
        called.append(1)
        raise RuntimeError("cannot stop")

    client.mesh.on_kill(fail)
    client.mesh.start_heartbeat()
    stand_in.order("killed")
    eventually("it was called", lambda: called, 2.0)
    time.sleep(0.3)
    assert stand_in.acks == []


def test_a_callback_may_close_the_client_and_come_late(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 2.0)
    client.mesh.on_kill(client.close)
    eventually("it was confirmed", lambda: stand_in.acks, 5.0)


# Breaking into blocking code.


def test_a_kill_breaks_into_a_sleep(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, interrupt_main=True)
    client.mesh.start_heartbeat()
    threading.Timer(0.2, stand_in.order, ("killed",)).start()
    began = time.monotonic()
    with pytest.raises(AgentKilled):
        time.sleep(30)
    assert time.monotonic() - began < 5.0
    eventually("it was confirmed", lambda: stand_in.acks, 2.0)
    time.sleep(0.2)  # it fires once: cleaning up is not broken into


def test_a_kill_breaks_into_a_read(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interrupt_main=True)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        threading.Timer(0.2, stand_in.order, ("killed",)).start()
        with pytest.raises(AgentKilled):
            ours.recv(1)


def test_nothing_fires_after_stop_and_none_for_a_pause_or_a_known_kill(
    stand_in: StandIn, connect: Connect
) -> None:
    before = signal.getsignal(signal.SIGURG)
    client = connect(stand_in.url, interrupt_main=True)
    client.mesh.start_heartbeat()
    stand_in.order("paused", mode="pause")
    eventually("the pause arrived", lambda: client.mesh.state == "paused", 2.0)
    time.sleep(0.1)
    client.mesh.stop_heartbeat()
    assert signal.getsignal(signal.SIGURG) == before
    stand_in.order("killed")
    time.sleep(0.3)
    with pytest.raises(AgentKilled):
        client.mesh.start_heartbeat()
    time.sleep(0.3)  # the error was raised by the call, so nothing more is broken into
    client.close()


def test_code_of_the_sdk_is_not_broken_into(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, interrupt_main=True)
    client.mesh.start_heartbeat()
    threading.Timer(0.1, stand_in.order, ("killed",)).start()
    threading.Timer(0.4, stand_in.order, ("active",)).start()
    deadline = time.monotonic() + 1.0
    try:
        while time.monotonic() < deadline:
            client.mesh.wait_until_active(0.5)
    except AgentKilled:  # between two calls it may
        client.mesh.wait_until_active(2.0)
    client.mesh.report_metric()
    assert client.mesh.flush(2.0)


def test_interrupting_is_only_switched_on_in_the_main_thread(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    caught: list[BaseException] = []

    def start() -> None:
        try:
            client.mesh.start_heartbeat(interrupt_main=True)
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(5.0)
    assert "main thread" in str(caught[0])


def test_it_can_be_switched_on_again_after_another_thread_stopped(
    stand_in: StandIn, connect: Connect
) -> None:
    client = connect(stand_in.url, interrupt_main=True)
    client.mesh.start_heartbeat()
    stopping = threading.Thread(target=client.mesh.stop_heartbeat)
    stopping.start()
    stopping.join(10.0)
    client.mesh.start_heartbeat()
    signal.raise_signal(signal.SIGURG)  # somebody else's does nothing
    threading.Timer(0.2, stand_in.order, ("killed",)).start()
    with pytest.raises(AgentKilled):
        time.sleep(30)


def frame_in(module: str, name: str) -> FrameType:
    """A frame of a function of that name in that module, called from here."""
    space: dict[str, Any] = {"__name__": module, "sys": sys}
    exec(f"def {name}(): return sys._getframe()", space)
    return space[name]()


def test_only_the_agents_own_code_is_broken_into(monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_break_into(frame_in("agent", "work"))
    assert not may_break_into(None)
    assert not may_break_into(frame_in("axme._link", "guard")), "our own code stays whole"
    assert not may_break_into(frame_in("threading", "_shutdown")), "the program has ended"
    for notebook in ("IPython", "ipykernel"):
        monkeypatch.setitem(sys.modules, notebook, sys)
    assert not may_break_into(frame_in("tornado.ioloop", "start")), "between two cells"
    assert may_break_into(frame_in("IPython.core.interactiveshell", "run_code")), "in a cell"
