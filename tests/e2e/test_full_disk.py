"""Below the reserve of free disk, bulk waits; what stops agents does not."""

from __future__ import annotations

from conftest import MakeGateway
from gateway import Answer
from process import eventually

# More than any disk has, so that every disk is below it.
RESERVE_MB = "100000000000"


def test_a_full_disk_refuses_intents_and_still_takes_kills_and_revocations(make_gateway: MakeGateway) -> None:
    gateway = make_gateway("full", "--reserve-mb", RESERVE_MB).start()
    owner = gateway.owner
    campaign, mailer = owner.create_agent("email-campaign"), owner.create_agent("mailer")
    sender = owner.with_key(campaign.key)

    def refused() -> Answer | None:
        answer = sender.send(mailer.address)
        return answer if answer.status == 503 else None

    error = eventually("the gateway sees that its disk is full", refused).refused(503, "store_full")
    assert error["retryable"] is True

    killed = owner.kill(campaign.address, {"reason": "disk is full"})
    assert killed["receipt"]["durability"] == "single"
    sender.send(mailer.address).refused(403, "agent_killed")
    actions = [event["action"] for event in owner.get("/v1/audit/events?action_prefix=agent.killed").expect()["events"]]
    assert actions == ["agent.killed"]

    keys = owner.get("/v1/keys").expect()["keys"]
    key_id = next(key["key_id"] for key in keys if key["agent_address"] == mailer.address)
    owner.post(f"/v1/keys/{key_id}/revoke").expect()
    owner.with_key(mailer.key).post("/v1/mesh/heartbeat").refused(401)
