"""Examples and documents: what they print is what runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import SOURCE, Connect
from gateway import Agent, Api
from process import BINARY, Gateway, clean_environment, eventually
from test_reference import REFERENCE

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = REPOSITORY / "examples"
AGENTS = (REPOSITORY / "docs" / "agents.md").read_text()
OPERATORS = """
# Kill an agent instantly - all instances, all regions
client.mesh.kill("agent://myorg/production/email-campaign")
# Resume when ready
client.mesh.resume("agent://myorg/production/email-campaign")
"""
FINDERS = """
# Kill - instant, all instances
agents = client.mesh.list_agents()
target = [a for a in agents["agents"] if "email-campaign" in a["address"]][0]
client.mesh.kill(target["address_id"])
# Check status
print(f"{target['display_name']}: killed")
# Resume when fixed
client.mesh.resume(target["address_id"])
"""
READERS_PART = """
customers = ["ada@example.org", "grace@example.org"]
def send_email(customer):
    print("sent to", customer)
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", AGENTS, re.MULTILINE | re.DOTALL)


def run_python(path: Path, gateway: Gateway, key: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AXME_BASE_URL": gateway.url, "AXME_API_KEY": key or ""}
    return subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=50, check=False
    )


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("email_campaign_agent.py", REFERENCE),
        ("kill_and_resume.py", OPERATORS),
        ("find_and_kill.py", FINDERS),
    ],
)
def test_examples_hold_the_published_code_as_it_is(name: str, published: str) -> None:
    assert published.strip() in (EXAMPLES / name).read_text()


def test_operators_examples_run(gateway: Gateway, campaign: Agent, connect: Connect) -> None:
    for name in ("kill_and_resume.py", "find_and_kill.py"):
        done = run_python(EXAMPLES / name, gateway, gateway.owner_key)
        assert done.returncode == 0, done.stderr
    assert "killed" in done.stdout
    events = connect(gateway.url, gateway.owner_key).mesh.list_events()["events"]
    told = [e["event_type"] for e in events if e["address"] == campaign.address][:4]
    assert told == ["agent.resumed", "agent.killed"] * 2


def test_the_cloud_function_runs_and_stops(
    gateway: Gateway, owner: Api, campaign: Agent, connect: Connect
) -> None:
    operator = connect(gateway.url, owner.key)
    path = EXAMPLES / "cloud_function.py"
    assert "{'done': 2}" in run_python(path, gateway, campaign.key).stdout
    assert operator.mesh.get_agent(campaign.address)["metrics"]["intents_total"] == 2
    operator.mesh.kill(campaign.address, reason="a story")
    stopped = run_python(path, gateway, campaign.key)
    assert "{'done': 0, 'stopped_by': 'owner', 'reason': 'a story'}" in stopped.stdout, stopped.stderr


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_code_of_the_document_runs(gateway: Gateway, campaign: Agent, tmp_path: Path, number: int) -> None:
    path = tmp_path / "block.py"
    path.write_text(READERS_PART + blocks("python")[number])
    done = run_python(path, gateway, campaign.key)
    assert done.returncode == 0, done.stderr


@pytest.mark.bound_s(120)
def test_commands_of_the_document_run(gateway: Gateway, tmp_path: Path) -> None:
    """All of them, in order, in one shell, as somebody who follows the page."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "axme").symlink_to(BINARY)
    for name, command in (("python", f'exec {sys.executable} "$@"'), ("pip", f'exec {sys.executable} -m pip "$@"')):
        (programs / name).write_text(f"#!/bin/sh\n{command}\n")
        (programs / name).chmod(0o755)
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("sdk", "examples"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / "owner.key").write_text(gateway.owner_key or "")
    installed = tmp_path / "installed"
    environment = clean_environment(tmp_path / "home", {"AXME_URL": gateway.url})
    environment |= {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(installed),
        # Installs into a folder of its own, with the build tools that are here.
        "PIP_TARGET": str(installed),
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
    }
    script = "set -eux\n" + "\n".join(blocks("sh"))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        input=f"{gateway.owner_key}\n",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("the first has ended", "the second has ended", "sent to ada@example.org"):
        assert said in done.stdout, (said, done.stdout, done.stderr)
    assert done.stderr.count("AgentKilled") >= 2
    assert (installed / "axme" / "__init__.py").exists()


def test_the_distribution_holds_both_modules_and_their_types(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=SOURCE.parent, check=True, capture_output=True, timeout=50)
    wheel = next(tmp_path.glob("axme_sdk-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
    for name in ("axme/__init__.py", "axme/py.typed", "axme_sdk/__init__.py", "axme_sdk/py.typed"):
        assert name in names
    assert re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE) == ["httpx<1,>=0.27"]
    assert "Requires-Python: >=3.10" in metadata and "License-Expression: MIT" in metadata


def test_an_agent_of_the_examples_is_stopped(gateway: Gateway, owner: Api, campaign: Agent, connect: Connect) -> None:
    operator = connect(gateway.url, owner.key)
    environment = {**os.environ, "AXME_BASE_URL": gateway.url, "AXME_API_KEY": campaign.key}
    command = [sys.executable, str(EXAMPLES / "email_campaign_agent.py")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as agent:
        try:
            instances = f"/v1/mesh/agents/{campaign.address_id}/instances"
            eventually("it works", lambda: owner.get(instances).body["instances"])
            operator.mesh.kill(campaign.address, reason="broken link")
            out, err = agent.communicate(timeout=20)
        finally:
            agent.kill()
    assert "AgentKilled" in err and "broken link" in err
    sent = out.count("done")
    assert operator.mesh.get_agent(campaign.address)["metrics"]["intents_total"] == sent
