"""Gateways that are gone, streams that are cut, keys that are revoked, processes that were frozen."""

from __future__ import annotations

import threading
import time

import pytest
from axme import AgentKilled, AxmeAuthError, GatewayUnreachable
from axme._core.moment import Moment
from conftest import Connect
from process import eventually, free_port
from stand_in import StandIn


def unreachable_url() -> str:
    return f"http://127.0.0.1:{free_port()}"


# Guards.


def test_a_guard_is_one_round_trip_with_the_metrics(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, background=False)
    assert client.guard().run_state == "active"
    client.mesh.report_metric()
    client.mesh.report_metric()
    before = len(stand_in.heard)
    client.guard()
    assert len(stand_in.heard) - before == 1
    assert stand_in.total == 2
    assert [t.name for t in threading.enumerate() if t.name.startswith("axme")] == []
    assert stand_in.streams_opened == []


def test_without_a_background_calls_check_when_the_answer_is_old(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, background=False)
    client.mesh.start_heartbeat()
    beats = len(stand_in.beats)
    for _ in range(20):
        client.mesh.report_metric()
    assert len(stand_in.beats) == beats, "a fresh answer serves"
    kill_id = stand_in.order("killed")
    time.sleep(1.1)
    with pytest.raises(AgentKilled):
        client.mesh.report_metric()
    assert stand_in.total == 21
    assert [ack["kill_id"] for ack in stand_in.acks] == [kill_id], "confirmed with no thread"
    stand_in.order("active")
    time.sleep(1.1)
    client.mesh.raise_if_killed()


def test_a_thaw_is_seen_by_the_clocks(
    stand_in: StandIn, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interval_seconds=60)
    client.mesh.raise_if_killed()
    stand_in.buffer_streams = True  # the pushed kill lies in a buffer
    stand_in.order("killed")
    client.mesh.raise_if_killed()
    slept = 3600.0
    monkeypatch.setattr("axme._clock.now", lambda: Moment(time.monotonic(), time.time() + slept))
    with pytest.raises(AgentKilled):
        client.mesh.raise_if_killed()


# Unreachable gateways.


def test_pause_waits_and_then_raises(connect: Connect) -> None:
    client = connect(unreachable_url(), unreachable_wait_seconds=0.6)
    began = time.monotonic()
    with pytest.raises(GatewayUnreachable) as caught:
        client.guard()
    assert 0.6 <= time.monotonic() - began < 5.0
    assert caught.value.waited_seconds >= 0.6 and "refused" in caught.value.cause.lower()


def test_pause_goes_on_when_the_gateway_comes_back(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    stand_in.down = True
    eventually("it is missed", lambda: client.mesh._link.instance.contact.failure)
    threading.Timer(0.5, setattr, (stand_in, "down", False)).start()
    began = time.monotonic()
    client.mesh.report_metric()
    assert time.monotonic() - began >= 0.3, "it waited"
    assert client.mesh.flush() and stand_in.total == 1


def test_a_kill_during_the_outage_is_the_first_thing_that_is_heard(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    stand_in.down = True
    eventually("it is missed", lambda: client.mesh._link.instance.contact.failure)
    stand_in.order("killed")
    threading.Timer(0.3, setattr, (stand_in, "down", False)).start()
    with pytest.raises(AgentKilled):
        client.mesh.report_metric()


def test_stop_raises_at_once(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, on_unreachable="stop", background=False)
    client.guard()
    stand_in.down = True
    with pytest.raises(GatewayUnreachable):
        client.guard()
    stand_in.down = False
    client.guard()


def test_continue_goes_on_with_what_was_known_last(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url, on_unreachable="continue")
    client.mesh.start_heartbeat()
    stand_in.down = True
    assert client.guard().is_active
    client.mesh.report_metric()
    stand_in.down = False
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 10.0)
    stand_in.down = True
    with pytest.raises(AgentKilled):
        client.guard()
    stand_in.down = False


def test_operators_are_not_held_up_by_the_agent_rules(connect: Connect) -> None:
    client = connect(unreachable_url(), max_retries=0)
    began = time.monotonic()
    with pytest.raises(Exception, match="refused"):
        client.mesh.kill("agent://a/b/c")
    assert time.monotonic() - began < 5.0


# Streams.


def test_a_proxy_that_cuts_streams_delays_no_kill(stand_in: StandIn, connect: Connect) -> None:
    stand_in.cut_streams_after = 0.3
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interval_seconds=60)
    eventually("the stream was opened again", lambda: len(stand_in.streams_opened) >= 3)
    assert stand_in.streams_opened[-1]["since"] == "1"
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 6.0)
    time.sleep(1.0)
    assert len(stand_in.streams_opened) < 12, "short streams are opened ever more slowly"


def test_behind_a_proxy_that_buffers_the_beats_tell(stand_in: StandIn, connect: Connect) -> None:
    stand_in.buffer_streams = True
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interval_seconds=0.2)
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 3.0)
    with pytest.raises(AgentKilled):
        client.mesh.report_metric()
    eventually("it was confirmed", lambda: stand_in.acks)
    assert stand_in.acks[0]["via"] == "heartbeat"


@pytest.mark.parametrize("refusal", [(429, "too_many_instances"), (404, "not_found")])
def test_where_no_stream_is_offered_the_beats_tell(
    stand_in: StandIn, connect: Connect, refusal: tuple[int, str]
) -> None:
    stand_in.refuse_streams = refusal
    client = connect(stand_in.url)
    client.mesh.start_heartbeat(interval_seconds=0.2)
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 3.0)
    assert len(stand_in.streams_opened) == 1, "it is not asked again and again"


def test_stopping_is_prompt_while_the_stream_is_open(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    for _ in range(5):
        client.mesh.start_heartbeat()
        client.mesh.start_heartbeat()  # the second does nothing
        eventually("the stream is open", lambda: stand_in.streams_opened)
        began = time.monotonic()
        client.mesh.stop_heartbeat()
        assert time.monotonic() - began < 2.0
        assert [t.name for t in threading.enumerate() if t.name.startswith("axme")] == []
        stand_in.streams_opened.clear()


# Keys.


def test_a_key_that_is_not_taken_is_said_at_the_start(stand_in: StandIn, connect: Connect) -> None:
    stand_in.revoked = True
    client = connect(stand_in.url)
    with pytest.raises(AxmeAuthError) as caught:
        client.mesh.start_heartbeat()
    assert caught.value.code == "key_revoked"
    assert [t.name for t in threading.enumerate() if t.name.startswith("axme")] == []


def test_a_key_that_is_revoked_in_mid_stream_ends_the_loop(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    client.mesh.report_metric()
    assert client.mesh.flush()
    stand_in.revoked = True
    eventually("it is known", lambda: client.mesh._link.instance.refusal)
    with pytest.raises(AxmeAuthError) as caught:
        client.mesh.report_metric()
    assert caught.value.code == "key_revoked" and not isinstance(caught.value, AgentKilled)
    with pytest.raises(AxmeAuthError):
        client.guard()
    with pytest.raises(AxmeAuthError):
        client.mesh.wait_until_active(1.0)


def test_the_client_can_be_used_again_after_stopping(stand_in: StandIn, connect: Connect) -> None:
    client = connect(stand_in.url)
    client.mesh.start_heartbeat()
    client.mesh.stop_heartbeat()
    client.mesh.report_metric()
    client.mesh.start_heartbeat()
    stand_in.order("killed")
    eventually("the kill arrived", lambda: client.mesh.state == "killed", 2.0)


def test_two_clients_in_one_process_are_two_instances(stand_in: StandIn, connect: Connect) -> None:
    first, second = connect(stand_in.url), connect(stand_in.url)
    first.mesh.start_heartbeat()
    second.mesh.start_heartbeat()
    assert first.mesh.instance_id != second.mesh.instance_id
    stand_in.order("killed")
    for client in (first, second):
        eventually("the kill arrived", lambda c=client: c.mesh.state == "killed", 2.0)
        with pytest.raises(AgentKilled):
            client.mesh.raise_if_killed()
    eventually("both confirmed", lambda: len(stand_in.acks) == 2)
