"""The published README's loop, word for word, in three processes; and processes that are not well."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from axme import AxmeClient
from conftest import Connect
from gateway import Agent, Api
from process import SEED, Gateway, eventually

# As it is printed there. `email_batches` and `send_emails` are the reader's.
REFERENCE = """
from axme import AxmeClient, AxmeClientConfig
import os
client = AxmeClient(AxmeClientConfig(api_key=os.environ["AXME_API_KEY"]))
# Start background heartbeat (every 30s)
client.mesh.start_heartbeat()
# Agent does its work
for batch in email_batches:
    send_emails(batch)
    client.mesh.report_metric(success=True, cost_usd=batch.cost)
"""
READERS_PART = """
import time, types
class Batches:
    def __iter__(self):
        number = 0
        while True:
            number += 1
            yield types.SimpleNamespace(number=number, cost=0.25)
email_batches = Batches()
def send_emails(batch):
    with open(LOG, "a") as log:
        print("begin", time.monotonic(), file=log, flush=True)
        time.sleep(0.02)
        print("end", time.monotonic(), file=log, flush=True)
"""


class Running:
    """One process with the loop, and its log of what it began and ended."""

    def __init__(self, folder: Path, name: str, gateway: Gateway, key: str, text: str = "") -> None:
        self.log = folder / f"{name}.log"
        self.log.touch()
        path = folder / f"{name}.py"
        text = text or f"{READERS_PART}{REFERENCE}"
        path.write_text(f"LOG = {str(self.log)!r}\n{textwrap.dedent(text)}")
        environment = {**os.environ, "AXME_BASE_URL": gateway.url, "AXME_API_KEY": key}
        self.process = subprocess.Popen(
            [sys.executable, str(path)], env=environment, stderr=subprocess.PIPE, text=True
        )

    def times(self, what: str) -> list[float]:
        lines = self.log.read_text().splitlines()
        return [float(line.split()[1]) for line in lines if line.startswith(what)]

    def wait(self) -> str:
        _, err = self.process.communicate(timeout=20)
        return err

    def discard(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=10)


def counted(operator: AxmeClient, agent: Agent) -> int:
    return int(operator.mesh.get_agent(agent.address_id)["metrics"]["intents_total"])


def test_after_a_kill_no_further_batch_begins_and_all_that_were_sent_are_counted(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect, tmp_path: Path
) -> None:
    operator = connect(gateway.url, owner.key)
    agents = [Running(tmp_path, f"agent{n}", gateway, campaign.key) for n in range(3)]
    try:
        eventually("all work", lambda: all(len(a.times("end")) > 5 for a in agents), 20.0)
        receipt = operator.mesh.kill(campaign.address, reason="broken link", wait_instances_ms=5000)
        returned = time.monotonic()
        errors = [agent.wait() for agent in agents]
    finally:
        for agent in agents:
            agent.discard()
    assert all("AgentKilled" in error and "broken link" in error for error in errors), errors
    assert max(max(a.times("begin")) for a in agents) < returned, "no batch begins after the kill"
    record = operator.mesh.wait_stopped(receipt["kill_id"], 10.0)
    assert record["instance_totals"]["sentence"].startswith("3 of 3 stopped")
    assert {i["reported_after"] for i in record["instances"]} == {0}
    sent = sum(len(a.times("end")) for a in agents)
    assert counted(operator, campaign) == sent
    cost = operator.mesh.get_agent(campaign.address_id)["metrics"]["cost_usd"]
    assert cost == pytest.approx(0.25 * sent)


def test_a_process_that_was_frozen_sees_the_kill_at_its_next_guard(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect, tmp_path: Path
) -> None:
    operator = connect(gateway.url, owner.key)
    text = """
    import time
    from axme import AxmeClient, AxmeClientConfig
    client = AxmeClient(AxmeClientConfig(background=False))
    while True:
        client.guard()
        with open(LOG, "a") as log:
            print("begin", time.monotonic(), file=log, flush=True)
        time.sleep(0.2)
        client.mesh.report_metric()
    """
    function = Running(tmp_path, "function", gateway, campaign.key, text)
    try:
        eventually("it works", lambda: len(function.times("begin")) > 2, 20.0)
        function.process.send_signal(signal.SIGSTOP)
        receipt = operator.mesh.kill(campaign.address)
        begun = len(function.times("begin"))
        time.sleep(0.5)
        function.process.send_signal(signal.SIGCONT)
        error = function.wait()
    finally:
        function.discard()
    assert "AgentKilled" in error, error
    assert len(function.times("begin")) == begun, "nothing was begun after the thaw"
    record = operator.mesh.wait_stopped(receipt["kill_id"], 5.0)
    assert record["instances"][0]["via"] == "heartbeat"
    assert counted(operator, campaign) == begun


COUNTING = """
import time
from axme import AxmeClient, AxmeClientConfig
client = AxmeClient(AxmeClientConfig(on_unreachable="continue"))
client.mesh.start_heartbeat()
number = 0
while True:
    time.sleep(0.005)
    client.mesh.report_metric()
    number += 1
    with open(LOG, "a") as log:
        print("reported", number, file=log, flush=True)
    if number % 20 == 0 and client.mesh.flush(10.0):
        with open(LOG, "a") as log:
            print("delivered", number, file=log, flush=True)
"""


@pytest.mark.bound_s(180)
def test_figures_agree_whatever_is_killed(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect, tmp_path: Path
) -> None:
    """Ten rounds: agents and gateway end without warning, and are started again."""
    operator = connect(gateway.url, owner.key, max_retries=5)
    dice = random.Random(SEED)
    ended: list[Running] = []
    running = [Running(tmp_path, f"a{n}", gateway, campaign.key, COUNTING) for n in range(3)]
    at_least, at_most = 0, 0
    try:
        for round_number in range(10):
            time.sleep(0.3 + 0.5 * dice.random())
            if dice.random() < 0.5:
                gateway.crash()
                gateway.start()
            victim = running.pop(dice.randrange(len(running)))
            eventually("it delivers", lambda v=victim: v.times("delivered"), 20.0)
            victim.process.kill()
            victim.process.communicate(timeout=10)
            ended.append(victim)
            name = f"b{round_number}"
            running.append(Running(tmp_path, name, gateway, campaign.key, COUNTING))
        eventually("all work", lambda: all(agent.times("reported") for agent in running), 20.0)
        operator.mesh.kill(campaign.address)
        for agent in running:
            error = agent.wait()
            assert "AgentKilled" in error, error
    finally:
        for agent in running:
            agent.discard()
    for agent in ended:
        at_least += int(max(agent.times("delivered")))
        # One more may have been reported that was not yet written down.
        at_most += int(max(agent.times("reported"))) + 1
    for agent in running:
        # The call that raised had kept its metric first.
        at_least += int(max(agent.times("reported"))) + 1
        at_most += int(max(agent.times("reported"))) + 1
    assert at_least <= counted(operator, campaign) <= at_most


def test_a_gateway_that_restarts_is_found_again(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator, agent = connect(gateway.url, owner.key), connect(gateway.url, campaign.key)
    agent.mesh.start_heartbeat()
    for _ in range(3):
        agent.mesh.report_metric()
        assert gateway.stop() == 0
        gateway.start()
        agent.mesh.report_metric()
    assert agent.mesh.flush()
    assert counted(operator, campaign) == 6

    def streams() -> bool:
        found = operator.mesh.instances(campaign.address)["instances"]
        return any(i["open_streams"] for i in found)

    eventually("its stream is open again", streams, 15.0)
    operator.mesh.kill(campaign.address)
    eventually("the kill arrived", lambda: agent.mesh.state == "killed", 1.0)
