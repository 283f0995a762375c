"""What must hold after each round, from three sides: the senders, the store and the receiver."""

from __future__ import annotations

import math
from dataclasses import dataclass

from faults.load import Report
from faults.stored import Row
from gateway import Agent


@dataclass(frozen=True)
class Stop:
    """A kill that returned, until the resume that named it was sent."""

    agent: Agent
    returned: float
    # What the store held of the agent right after the return.
    final: dict[str, Row]
    resumed: float = math.inf

    @property
    def is_open(self) -> bool:
        return self.resumed == math.inf


def check_nothing_lost(report: Report, stored: dict[str, Row]) -> None:
    acknowledged = report.acknowledged
    lost = {key for key, intent_id in acknowledged.items() if key not in stored or stored[key].intent_id != intent_id}
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged intents are gone: {sorted(lost)[:5]}"


def check_refused_is_absent(report: Report, stored: dict[str, Row]) -> None:
    """A row was acknowledged or is in doubt; what was refused for certain is in no row."""
    refused = {call.key: call.code for call in report.calls if not call.acknowledged and not call.in_doubt}
    wrong = {key: refused[key] for key in stored if key in refused}
    assert not wrong, f"refused, and yet in the store: {wrong}"
    strange = set(stored) - {call.key for call in report.calls}
    assert not strange, f"nobody sent {sorted(strange)[:5]}"


def check_final(stop: Stop, stored: dict[str, Row]) -> None:
    """Nothing was admitted and nothing delivered since the kill returned."""
    admitted = set(stored) - set(stop.final)
    assert not admitted, f"admitted after the kill returned: {sorted(admitted)[:5]}"
    gone = set(stop.final) - set(stored)
    assert not gone, f"gone after the kill returned: {sorted(gone)[:5]}"
    # A handover that was recorded and refused at its last check is taken back: that is fewer.
    delivered = [key for key, row in stored.items() if row.delivery_attempt > stop.final[key].delivery_attempt]
    assert not delivered, f"delivered after the kill returned: {delivered[:5]}"


def check_senders(stop: Stop, report: Report) -> None:
    """What was sent after the return was never acknowledged; what the store held had been sent before."""
    of_agent = [call for call in report.calls if call.agent == stop.agent.name]
    late = [call for call in of_agent if call.acknowledged and stop.returned < call.began and call.ended < stop.resumed]
    assert not late, f"acknowledged after the kill returned: {late[:3]}"
    began = {call.key: call.began for call in of_agent}
    early = [key for key in stop.final if began[key] > stop.returned]
    assert not early, f"in the store before it was sent: {early[:3]}"


def check_receiver(stop: Stop, report: Report) -> None:
    """Whatever arrived of the stopped agent meanwhile had been in the store when the kill returned."""
    final = {row.intent_id for row in stop.final.values()}
    frames = [each for each in report.arrivals if each.from_agent == stop.agent.address]
    wrong = [each for each in frames if stop.returned < each.at < stop.resumed and each.intent_id not in final]
    assert not wrong, f"arrived and was not in the store when the kill returned: {wrong[:3]}"


def check_all_arrived(report: Report) -> None:
    """After the resume everything acknowledged reaches the receiver."""
    arrived = {each.intent_id for each in report.arrivals}
    missing = {key for key, intent_id in report.acknowledged.items() if intent_id not in arrived}
    assert not missing, f"{len(missing)} acknowledged intents never arrived: {sorted(missing)[:5]}"


def check_served(report: Report, agent: Agent, replica: str, since: float, until: float) -> None:
    """This replica went on admitting intents of this agent in that time."""
    found = [call for call in report.calls if (call.agent, call.replica) == (agent.name, replica)]
    served = [call for call in found if call.acknowledged and since < call.began and call.ended < until]
    assert served, f"{replica} admitted nothing of {agent.name} meanwhile"
