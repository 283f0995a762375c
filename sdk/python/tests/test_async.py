"""The asyncio client: the same stories, and the same surface."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from axme import AgentKilled, AgentPaused, AsyncAxmeClient, AxmeAuthError, AxmeClientConfig, GatewayUnreachable
from gateway import INTENT_TYPE, Agent, Api
from process import Gateway, free_port
from stand_in import StandIn


@asynccontextmanager
async def connected(url: str, key: str = "axme_sa_test", **options: Any) -> AsyncGenerator[AsyncAxmeClient, None]:
    async with AsyncAxmeClient(AxmeClientConfig(base_url=url, api_key=key, **options)) as client:
        yield client


async def soon(what: str, look: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.02)
    return found


def run(story: Coroutine[Any, Any, None]) -> None:
    async def whole() -> None:
        await story
        left = [task.get_name() for task in asyncio.all_tasks()]
        assert not [name for name in left if name.startswith("axme")], left

    asyncio.run(whole())


def test_the_next_call_raises_and_metrics_are_counted(stand_in: StandIn) -> None:
    async def story() -> None:
        async with connected(stand_in.url) as client:
            called: list[Any] = []
            resumed: list[Any] = []

            @client.mesh.on_kill
            async def stop(error: AgentKilled) -> None:  # pyright: ignore[reportUnusedFunction]
                await asyncio.sleep(0.01)
                called.append(error)

            client.mesh.on_resume(lambda: resumed.append(1))
            await client.mesh.start_heartbeat()
            await soon("the stream is open", lambda: stand_in.streams_opened)
            for _ in range(10):
                await client.mesh.report_metric(cost_usd=0.1)
            kill_id = stand_in.order("killed")
            await soon("the callback returned", lambda: called, 2.0)
            with pytest.raises(AgentKilled) as caught:
                await client.mesh.report_metric()
            assert caught.value.kill_id == kill_id
            await soon("it was confirmed", lambda: stand_in.acks, 2.0)
            assert await client.mesh.flush() and stand_in.total == 11
            with pytest.raises(TimeoutError):
                await client.mesh.wait_until_active(0.1)
            stand_in.order("active")
            assert (await client.mesh.wait_until_active(5.0)).is_active
            await soon("the resume was told", lambda: resumed, 2.0)
            await client.mesh.report_metric()
        assert stand_in.total == 12 and stand_in.beats[-1]["ending"] is True

    run(story())


def test_each_task_is_told(stand_in: StandIn) -> None:
    async def story() -> None:
        async with connected(stand_in.url) as client:
            await client.mesh.start_heartbeat()
            told: list[int] = []

            async def work(number: int) -> None:
                try:
                    while True:
                        await client.mesh.list_events()
                        await asyncio.sleep(0.01)
                except AgentKilled:
                    told.append(number)

            tasks = [asyncio.create_task(work(number)) for number in range(4)]
            stand_in.order("killed")
            await asyncio.wait_for(asyncio.gather(*tasks), 5.0)
            assert sorted(told) == [0, 1, 2, 3]

    run(story())


def test_guards_with_no_background(stand_in: StandIn) -> None:
    async def story() -> None:
        async with connected(stand_in.url, background=False) as client:
            assert (await client.guard()).is_active
            await client.mesh.report_metric()
            await client.mesh.guard()
            assert stand_in.total == 1 and stand_in.streams_opened == []
            stand_in.order("paused", mode="pause")
            with pytest.raises(AgentPaused):
                await client.guard()
            assert stand_in.acks

    run(story())


def test_an_unreachable_gateway_in_each_mode(stand_in: StandIn) -> None:
    async def story() -> None:
        nowhere = f"http://127.0.0.1:{free_port()}"
        async with connected(nowhere, unreachable_wait_seconds=0.4) as client:
            began = time.monotonic()
            with pytest.raises(GatewayUnreachable):
                await client.guard()
            assert time.monotonic() - began >= 0.4
        async with connected(nowhere, on_unreachable="stop") as client:
            with pytest.raises(GatewayUnreachable):
                await client.mesh.start_heartbeat()
        async with connected(nowhere, on_unreachable="continue") as client:
            await client.mesh.start_heartbeat()
            assert client.mesh.state == "unknown"

    run(story())


def test_a_lost_answer_counts_once(stand_in: StandIn) -> None:
    async def story() -> None:
        async with connected(stand_in.url, on_unreachable="continue") as client:
            await client.mesh.start_heartbeat()
            stand_in.lose_answers = 3
            for _ in range(5):
                await client.mesh.report_metric()
            assert await client.mesh.flush(10.0)
        assert stand_in.total == 5

    run(story())


def test_a_cancelled_call_loses_nothing(stand_in: StandIn) -> None:
    async def story() -> None:
        async with connected(stand_in.url) as client:
            await client.mesh.report_metric()
            for _ in range(20):
                guard = asyncio.create_task(client.guard())
                await asyncio.sleep(0.001)
                guard.cancel()
                await asyncio.gather(guard, return_exceptions=True)
                await client.mesh.report_metric()
        assert stand_in.total == 21

    run(story())


def test_a_revoked_key_ends_the_loop(stand_in: StandIn) -> None:
    async def story() -> None:
        async with connected(stand_in.url) as client:
            await client.mesh.start_heartbeat()
            stand_in.revoked = True
            with pytest.raises(AxmeAuthError):
                while True:
                    await client.mesh.report_metric()
                    await asyncio.sleep(0.01)

    run(story())


def test_a_loop_that_was_blocked_asks_first(stand_in: StandIn) -> None:
    async def story() -> None:
        async with connected(stand_in.url) as client:
            await client.mesh.start_heartbeat()
            stand_in.order("killed")
            time.sleep(3.2)  # blocks the loop: the pushed kill is not read
            with pytest.raises(AgentKilled):
                await client.mesh.raise_if_killed()

    run(story())


def test_what_was_left_open_is_delivered_at_exit(stand_in: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    text = f"""
        import asyncio
        from axme import AsyncAxmeClient, AxmeClientConfig
        async def main():
            client = AsyncAxmeClient(AxmeClientConfig(base_url={stand_in.url!r}, api_key="k"))
            await client.mesh.start_heartbeat()
            for _ in range(4):
                await client.mesh.report_metric()
        asyncio.run(main())
    """
    path.write_text(textwrap.dedent(text))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert stand_in.total == 4 and stand_in.beats[-1]["ending"] is True


def test_operators_work_with_the_real_gateway(gateway: Gateway, owner: Api, campaign: Agent, mailer: Agent) -> None:
    async def story() -> None:
        async with (
            connected(gateway.url, gateway.owner_key or "") as operator,
            connected(gateway.url, campaign.key) as sender,
            connected(gateway.url, mailer.key) as receiver,
        ):
            await sender.mesh.start_heartbeat()
            await sender.mesh.set_progress(3, 9, "e-mails")
            body: dict[str, Any] = {"intent_type": INTENT_TYPE, "to_agent": mailer.address, "payload": {}}
            intent_id = await sender.send_intent(body)
            async for delivery in receiver.listen(mailer.address, timeout_seconds=10):
                assert delivery["intent_id"] == intent_id
                break
            await receiver.resume_intent(intent_id, {"action": "complete"})
            assert (await sender.wait_for(intent_id, timeout_seconds=10))["status"] == "COMPLETED"
            assert (await sender.get_intent(intent_id))["ok"] is True

            changes = await operator.mesh.watch(poll_seconds=0.1, timeout_seconds=20)
            receipt = await operator.mesh.kill(campaign.address, reason="a story")
            with pytest.raises(AgentKilled):
                await sender.send_intent(body)
            record = await operator.mesh.wait_stopped(receipt["kill_id"], 10.0)
            assert record["instance_totals"]["stopped"] == 1
            async for event in changes:
                assert event["event_type"] == "agent.killed"
                break
            kept = await operator.mesh.last_state(campaign.address)
            assert kept["instances"][0]["progress"]["done"] == 3
            await operator.mesh.resume(campaign.address)
            await sender.mesh.wait_until_active(5.0)
            assert (await operator.mesh.instances(campaign.address))["summary"]["total"] == 1
            assert sender.mesh.state == "active"

    run(story())
