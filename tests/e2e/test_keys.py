"""Keys: who may do what, whose things are whose, and what a dead key is worth."""

from __future__ import annotations

import re
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway import Agent, Api
from process import eventually


def key(owner: Api, role: str, **fields: Any) -> Api:
    made = owner.post("/v1/keys", {"name": f"{role}-{uuid.uuid4().hex[:6]}", "role": role, **fields}).expect()["key"]
    return owner.with_key(made["token"])


@pytest.fixture
def foreign(owner: Api) -> Api:
    """An owner's key of another workspace of the same organization."""
    own = owner.get("/v1/keys/self").expect()["organization"]
    made = owner.post(f"/v1/organizations/{own['org_id']}/workspaces", {"name": "Other", "slug": "other"}).expect()
    place = {"org_id": own["org_id"], "workspace_id": made["workspace"]["workspace_id"]}
    return key(owner, "owner", scope="workspace", **place)


@pytest.fixture
def stranger(owner: Api) -> Api:
    """An owner's key of another organization."""
    made = owner.post("/v1/organizations", {"name": "Elsewhere", "slug": "elsewhere"}).expect()["organization"]
    path = f"/v1/organizations/{made['org_id']}/workspaces"
    workspace = owner.post(path, {"name": "Main", "slug": "main"}).expect()["workspace"]
    return key(owner, "owner", scope="organization", org_id=made["org_id"], workspace_id=workspace["workspace_id"])


def as_told(error: dict[str, Any]) -> tuple[Any, ...]:
    """A refusal without the id that the caller asked for, its time and its details' values."""
    message = re.sub(r"\S*(agent://|addr_|sa_|sak_|kill_|[0-9a-f]{8}-)\S*", "ID", error["message"])
    return error["code"], message, sorted(error["details"])


@pytest.mark.parametrize("tenant", ["foreign", "stranger"])
def test_what_is_anothers_reads_like_what_is_not_there(
    owner: Api, campaign: Agent, mailer: Agent, tenant: str, request: pytest.FixtureRequest
) -> None:
    other: Api = request.getfixturevalue(tenant)
    intent_id = owner.send(mailer.address, from_agent=campaign.address).expect()["intent_id"]
    kill_id = owner.kill(campaign.address)["kill_id"]
    no_hex, no_uuid = uuid.uuid4().hex, str(uuid.uuid4())
    pairs = [
        ("GET", f"/v1/intents/{intent_id}", f"/v1/intents/{no_uuid}"),
        ("GET", f"/v1/intents/{intent_id}/events", f"/v1/intents/{no_uuid}/events"),
        ("GET", f"/v1/intents/{intent_id}/events/stream", f"/v1/intents/{no_uuid}/events/stream"),
        ("POST", f"/v1/intents/{intent_id}/resolve", f"/v1/intents/{no_uuid}/resolve"),
        ("GET", f"/v1/mesh/agents/{campaign.address_id}", f"/v1/mesh/agents/addr_{no_hex}"),
        ("GET", f"/v1/mesh/agents/{campaign.address}", "/v1/mesh/agents/agent://default/default/nobody"),
        ("POST", f"/v1/mesh/agents/{campaign.address}/resume", "/v1/mesh/agents/agent://default/default/nobody/resume"),
        ("POST", f"/v1/mesh/agents/{mailer.address_id}/kill", f"/v1/mesh/agents/addr_{no_hex}/kill"),
        ("GET", f"/v1/mesh/kills/{kill_id}", f"/v1/mesh/kills/kill_{no_hex}"),
        ("GET", f"/v1/service-accounts/{mailer.account_id}", f"/v1/service-accounts/sa_{no_hex}"),
        ("POST", f"/v1/service-accounts/{mailer.account_id}/keys", f"/v1/service-accounts/sa_{no_hex}/keys"),
        ("POST", f"/v1/keys/{mailer.key_id}/revoke", f"/v1/keys/sak_{no_hex}/revoke"),
        ("DELETE", f"/v1/service-accounts/{mailer.account_id}", f"/v1/service-accounts/sa_{no_hex}"),
    ]
    for method, theirs, nothing in pairs:
        body = {"status": "CANCELED", "reason": "x"} if method == "POST" else None
        refused = other.call(method, theirs, body).refused(404)
        assert as_told(refused) == as_told(other.call(method, nothing, body).refused(404)), theirs
    for path, field in (("/v1/mesh/agents", "agents"), ("/v1/intents", "intents"), ("/v1/mesh/events", "events")):
        assert campaign.address not in str(other.get(path).expect()[field])
    assert owner.agent(campaign.address)["run_state"] == "killed"
    assert owner.agent(mailer.address)["run_state"] == "active"


def test_other_organizations_cannot_be_sent_to(owner: Api, stranger: Api, mailer: Agent) -> None:
    theirs = stranger.create_agent("theirs")
    owner.with_key(mailer.key).send(theirs.address).refused(403, "receiver_org_closed")


def test_an_agent_cannot_command(owner: Api, campaign: Agent, mailer: Agent) -> None:
    agent = owner.with_key(campaign.key)
    owner.kill(campaign.address)
    for order in ("kill", "resume"):
        for target in (campaign.address, mailer.address_id):
            error = agent.post(f"/v1/mesh/agents/{target}/{order}").refused(403)
            assert "operator" in error["message"], error
    for path in ("/v1/keys", "/v1/service-accounts", "/v1/organizations"):
        agent.post(path, {"name": "x-y-z", "role": "owner"}).refused(403)
    agent.get("/v1/audit/events").refused(403)
    assert owner.agent(campaign.address)["run_state"] == "killed"


def test_an_operator_stops_but_makes_no_operators(owner: Api, campaign: Agent, mailer: Agent) -> None:
    operator = key(owner, "operator")
    assert operator.kill(campaign.address)["status"] == "killed"
    assert operator.resume(campaign.address)["status"] == "active"
    for role in ("owner", "operator", "viewer"):
        operator.post("/v1/keys", {"name": "more", "role": role}).refused(403)
    assert operator.post("/v1/keys", {"name": "more", "role": "agent", "agent": mailer.name}).expect()["key"]["token"]


def test_a_viewer_sees_no_payloads_and_changes_nothing(owner: Api, campaign: Agent, mailer: Agent) -> None:
    intent_id = owner.send(mailer.address, {"secret": "42-sesame"}, from_agent=campaign.address).expect()["intent_id"]
    viewer = key(owner, "viewer")
    seen = viewer.get(f"/v1/intents/{intent_id}")
    assert seen.expect()["intent"]["status"] and "42-sesame" not in seen.text
    viewer.post(f"/v1/mesh/agents/{campaign.address}/kill").refused(403)
    viewer.post(f"/v1/intents/{intent_id}/resolve", {"status": "CANCELED", "reason": "x"}).refused(403)
    viewer.send(mailer.address, from_agent=campaign.address).refused(403)


def test_the_last_owner_key_stays(owner: Api) -> None:
    own = owner.get("/v1/keys/self").expect()["key"]["key_id"]
    owner.post(f"/v1/keys/{own}/revoke").refused(409, "last_owner_key")
    second = key(owner, "owner", scope="installation")
    second.post(f"/v1/keys/{own}/revoke").expect()
    owner.get("/v1/keys/self").refused(401)


def test_expired_keys_are_refused(owner: Api, mailer: Agent) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    short = key(owner, "operator", expires_at=soon)
    short.get("/v1/mesh/agents").expect()
    time.sleep(1.2)
    assert "expired" in short.get("/v1/mesh/agents").refused(401)["message"]
    past = {"name": "past", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}
    assert owner.post("/v1/keys", past).status in (200, 422)


def test_a_revoked_key_ends_its_streams_at_once(owner: Api, mailer: Agent) -> None:
    listener = owner.with_key(mailer.key)
    connection = listener.connect(20)
    path = f"/v1/agents/{mailer.address.removeprefix('agent://')}/intents/stream?wait_seconds=30"
    connection.request("GET", path, headers=listener.auth())
    ended: list[float] = []

    def read() -> None:
        connection.getresponse().read()
        ended.append(time.monotonic())

    reader = threading.Thread(target=read)
    reader.start()
    eventually("the stream is open", lambda: owner.agent(mailer.address)["open_streams"] == 1)
    began = time.monotonic()
    owner.post(f"/v1/service-accounts/{mailer.account_id}/keys/{mailer.key_id}/revoke").expect()
    reader.join(5)
    assert ended and ended[0] - began < 1.0
    listener.post("/v1/mesh/heartbeat").refused(401)
    assert mailer.key not in owner.get("/v1/audit/events").text


def test_a_killed_address_outlives_its_account(owner: Api, campaign: Agent, mailer: Agent) -> None:
    owner.kill(campaign.address)
    owner.call("DELETE", f"/v1/service-accounts/{campaign.account_id}").expect()
    again = owner.create_agent(campaign.name)
    assert (again.address, owner.agent(again.address)["run_state"]) == (campaign.address, "killed")
    owner.with_key(again.key).send(mailer.address).refused(403, "agent_killed")
