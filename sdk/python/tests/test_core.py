"""The pure core: no network, no clock."""

from __future__ import annotations

import math
from itertools import count

import pytest
from axme._core.acks import Acks
from axme._core.backoff import Backoff
from axme._core.contact import Contact
from axme._core.control import ControlState, ControlView, Turn, read_refusal, read_state
from axme._core.decision import Decision, Kind, OnUnreachable, decide
from axme._core.identity import Progress, check_identity, forked_instance_id, instance_id
from axme._core.metrics import Batch, MetricsBuffer
from axme._core.moment import Moment
from axme._core.sse import Frame, FrameReader
from axme._core.watching import Watched, all_stopped

KILL = {"kill_id": "kill_1", "mode": "halt", "reason": "bad link", "by": "ops", "at": "Z", "revision": 5}


def killed(revision: int | None = 5, kill_id: str = "kill_1") -> ControlState:
    return read_state({"run_state": "killed", "revision": revision, "kill": {**KILL, "kill_id": kill_id}})


def active(revision: int | None) -> ControlState:
    return ControlState("active", revision)


# The control view.


def test_a_kill_and_a_resume_are_told_once_each() -> None:
    view = ControlView()
    assert view.hear(active(1), "heartbeat") is None
    assert view.hear(killed(5), "stream") is Turn.STOPPED
    assert view.hear(killed(5), "heartbeat") is None
    assert view.via == "stream", "how it was learned first"
    assert view.hear(active(6), "heartbeat") is Turn.RESUMED
    assert view.hear(active(6), "stream") is None


def test_what_was_overtaken_is_ignored() -> None:
    view = ControlView()
    view.hear(killed(5), "stream")
    assert view.hear(active(4), "heartbeat") is None
    assert view.state.run_state == "killed"
    view.hear(active(6), "stream")
    assert view.hear(killed(5), "heartbeat") is None
    assert view.state.is_active


def test_a_second_kill_without_a_resume_heard_is_another_stop() -> None:
    view = ControlView()
    view.hear(killed(5), "stream")
    assert view.hear(killed(9, "kill_2"), "stream") is Turn.STOPPED
    assert view.state.kill_id == "kill_2"


def test_a_word_that_is_not_known_stops() -> None:
    state = read_state({"run_state": "frozen_by_law", "revision": 3, "kill": None})
    assert state.is_stopped and not state.is_paused
    assert not ControlState().is_stopped, "nothing heard is not a stop"


def test_a_gateway_that_only_tells_health_is_understood() -> None:
    view = ControlView()
    assert view.hear(read_state({"health_status": "healthy"}), "heartbeat") is None
    kill = {"kill_id": "kill_3", "reason": None, "by": "ops", "at": "Z"}
    assert view.hear(read_state({"health_status": "killed", "kill": kill}), "heartbeat") is Turn.STOPPED
    assert view.hear(read_state({"health_status": "degraded"}), "heartbeat") is Turn.RESUMED


def test_a_refusal_tells_who_and_why() -> None:
    details = {"kill_id": "kill_4", "killed_at": "T", "killed_by": "ops", "reason": "r"}
    state = read_refusal("agent_paused", details)
    assert state.is_paused and state.kill is not None
    assert (state.kill.mode, state.kill.by, state.kill.reason) == ("pause", "ops", "r")


# Metrics.


def buffer() -> MetricsBuffer:
    ids = count(1)
    return MetricsBuffer(lambda: f"b{next(ids)}")


def report(metrics: MetricsBuffer, times: int = 1) -> None:
    for _ in range(times):
        metrics.record(0.0, success=True, latency_ms=None, cost_usd=0.5)


def test_metrics_leave_in_batches_and_count_until_acknowledged() -> None:
    metrics = buffer()
    assert metrics.take() is None
    report(metrics, 3)
    batch = metrics.take()
    assert batch == Batch("b1", {"intents_total": 3, "intents_succeeded": 3, "cost_usd": 1.5})
    report(metrics)
    assert metrics.unacknowledged == 4
    metrics.acknowledge("b1")
    assert metrics.unacknowledged == 1


def test_a_batch_that_failed_goes_out_again_as_it_was() -> None:
    metrics = buffer()
    report(metrics, 2)
    first = metrics.take()
    report(metrics)
    metrics.give_back("b1")
    assert metrics.due_at(0.25) == -math.inf
    assert metrics.take() == first, "the same id and the same figures"
    later = metrics.take()
    assert later is not None and later.metrics["intents_total"] == 1
    assert not metrics.has_waiting and metrics.unacknowledged == 3


def test_acknowledging_twice_or_after_giving_back_changes_nothing() -> None:
    metrics = buffer()
    report(metrics)
    metrics.take()
    metrics.acknowledge("b1")
    metrics.give_back("b1")
    assert metrics.take() is None


def test_the_average_is_over_what_had_a_latency() -> None:
    metrics = buffer()
    metrics.record(0.0, success=False, latency_ms=10.0, cost_usd=None)
    metrics.record(0.0, success=True, latency_ms=30.0, cost_usd=None)
    metrics.record(0.0, success=True, latency_ms=None, cost_usd=None)
    batch = metrics.take()
    assert batch is not None
    wanted = {"intents_total": 3, "intents_succeeded": 2, "intents_failed": 1, "avg_latency_ms": 20.0}
    assert batch.metrics == wanted


@pytest.mark.parametrize("figure", [math.nan, math.inf, -0.01])
def test_figures_that_cannot_be_are_refused_and_not_kept(figure: float) -> None:
    metrics = buffer()
    with pytest.raises(ValueError, match="cost_usd"):
        metrics.record(0.0, success=True, latency_ms=None, cost_usd=figure)
    with pytest.raises(ValueError, match="latency_ms"):
        metrics.record(0.0, success=True, latency_ms=figure, cost_usd=None)
    assert not metrics.has_waiting


def test_fresh_metrics_wait_a_moment_for_company() -> None:
    metrics = buffer()
    assert metrics.due_at(0.25) is None
    assert metrics.record(7.0, success=True, latency_ms=None, cost_usd=None)
    assert not metrics.record(7.1, success=True, latency_ms=None, cost_usd=None)
    assert metrics.due_at(0.25) == 7.25


# Backoff, contact, decision.


def test_backoff_doubles_within_its_bounds_and_caps_what_is_asked() -> None:
    backoff = Backoff(0.1, 1.0, lambda: 1.0)
    assert [round(backoff.failed(), 3) for _ in range(5)] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert backoff.failed(3600) == 5.0, "nobody puts an agent to sleep for an hour"
    backoff.reset()
    assert backoff.failed(0) == pytest.approx(0.1)
    assert Backoff(0.1, 1.0, lambda: 0.0).failed() == pytest.approx(0.05)
    for _ in range(10_000):
        assert backoff.failed() <= 1.0


def decided(
    kind: Kind = Kind.WORK,
    state: ControlState | None = None,
    *,
    heard_at: Moment | None = Moment(100.0, 1000.0),
    now: Moment = Moment(100.5, 1000.5),
    failure: str | None = None,
    watched: bool = True,
    background: bool = True,
    ticked_at: Moment | None = Moment(100.0, 1000.0),
    mode: OnUnreachable = "pause",
    told: bool = False,
) -> Decision:
    contact = Contact()
    if heard_at:
        contact.heard(heard_at)
    if ticked_at:
        contact.ticked(ticked_at)
    if failure:
        contact.missed(failure)
    return decide(
        kind=kind,
        state=state or active(1),
        contact=contact,
        now=now,
        watched=watched,
        background=background,
        on_unreachable=mode,
        already_raised=told,
    )


def test_an_active_agent_in_touch_goes_on_at_no_cost() -> None:
    assert decided() is Decision.GO
    assert decided(background=False) is Decision.GO


def test_a_stopped_agent_begins_nothing_and_reads_after_it_was_told() -> None:
    assert decided(Kind.WORK, killed()) is Decision.RAISE
    assert decided(Kind.WORK, killed(), told=True) is Decision.RAISE
    assert decided(Kind.READ, killed()) is Decision.RAISE
    assert decided(Kind.READ, killed(), told=True) is Decision.GO
    assert decided(Kind.FACT, killed()) is Decision.GO
    later = Moment(102.0, 1002.0)
    assert decided(Kind.WORK, killed(), watched=False, background=False, now=later) is Decision.ASK


def test_operators_are_never_held_up() -> None:
    assert decided(watched=False, heard_at=None, failure="gone") is Decision.GO


def test_a_thawed_process_asks_first() -> None:
    slept = Moment(100.5, 1060.0)
    assert decided(now=slept) is Decision.ASK, "the machine slept"
    assert decided(now=slept, background=False) is Decision.ASK
    stopped = Moment(160.0, 1060.0)
    assert decided(now=stopped) is Decision.ASK, "the background did not run"
    assert decided(now=stopped, background=False) is Decision.ASK
    assert decided(now=Moment(101.9, 1001.9), background=False) is Decision.ASK, "too old an answer"


def test_an_unreachable_gateway_is_asked_again_or_not() -> None:
    assert decided(failure="refused") is Decision.ASK
    assert decided(failure="refused", mode="stop") is Decision.ASK
    assert decided(failure="refused", mode="continue") is Decision.GO
    assert decided(Kind.WORK, killed(), failure="refused", mode="continue") is Decision.RAISE
    assert decided(heard_at=None) is Decision.ASK, "nothing was ever heard"


# Small parts.


def test_confirmations_are_made_once_a_kill() -> None:
    acks = Acks()
    assert acks.stopped("kill_1", "stream")
    assert not acks.stopped("kill_1", "heartbeat")
    assert not acks.stopped("", "stream"), "a gateway without kill ids"
    assert acks.next_due() == ("kill_1", "stream")
    acks.settle("kill_1")
    assert acks.next_due() is None and not acks.stopped("kill_1", "stream")


def test_frames_are_read_whatever_stands_between_them() -> None:
    reader = FrameReader()
    lines = [": hello", "id: 4", "event: control.state", 'data: {"a":', "data: 1}", "", "data: {}", ""]
    lines += ["event: x", "data: nonsense", "", "event: y", "data:[1]", "", "event:z", "data:{}", ""]
    found = [frame for frame in map(reader.feed, lines) if frame]
    assert found == [Frame("control.state", {"a": 1}), Frame("z", {})]


def test_a_frame_without_end_is_bounded() -> None:
    reader = FrameReader()
    reader.feed("event: control.state")
    for _ in range(1_100):
        reader.feed("data: " + "x" * 1_000)
    assert reader.feed("") is None
    assert sum(map(len, reader._data)) == 0


def test_instances_have_names_that_the_gateway_takes() -> None:
    check_identity(instance_id("häst name!", 7, "abcd"), None, None, None)
    child = forked_instance_id("x" * 128, "12345678")
    check_identity(child, None, None, None)
    assert child != forked_instance_id("x" * 128, "87654321")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("instance_id", ("", None, None, None)),
        ("instance_id", ("a b", None, None, None)),
        ("version", (None, "v" * 65, None, None)),
        ("region", (None, None, "r" * 65, None)),
        ("labels", (None, None, None, {"a": "x" * 5000})),
    ],
)
def test_what_the_gateway_would_refuse_is_refused_by_name(name: str, values: tuple[str, None, None, None]) -> None:
    with pytest.raises(ValueError, match=name):
        check_identity(*values)


def test_progress_cannot_be_negative() -> None:
    assert Progress(3, 10, "e-mails").wire() == {"done": 3, "total": 10, "unit": "e-mails"}
    with pytest.raises(ValueError, match="negative"):
        Progress(-1)


def test_watching_tells_each_event_once_and_in_order() -> None:
    watched = Watched([{"event_id": "b"}, {"event_id": "a"}])
    assert watched.fresh([{"event_id": x} for x in "dcba"]) == [{"event_id": "c"}, {"event_id": "d"}]
    assert watched.fresh([{"event_id": x} for x in "dcb"]) == []


def test_a_kill_has_stopped_all_when_all_said_so() -> None:
    stopped = {"state": "stopped"}
    assert all_stopped({"instances": [stopped, stopped]}, 0.0)
    assert not all_stopped({"instances": [stopped, {"state": "blocked"}]}, 60.0)
    assert not all_stopped({"instances": []}, 0.0), "the record is still filling"
    assert all_stopped({"instances": []}, 1.0), "nobody was there"
