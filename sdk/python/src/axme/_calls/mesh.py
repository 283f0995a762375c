"""The operator's side of the mesh: who is there, kill, resume, what happened."""

from __future__ import annotations

from typing import Any

from .._call import Call, agent_path, segment
from .._core.decision import Kind
from .base import Answer, Calls

WAIT_INSTANCES_MS_MAX = 10_000


class MeshCalls(Calls[Answer]):
    def list_agents(
        self, *, limit: int = 100, health: str | None = None, trace_id: str | None = None
    ) -> Answer:
        """The agents of the workspace with their health; an agent's key sees itself."""
        params = {"limit": str(limit)}
        if health:
            params["health"] = health
        return self._look("/v1/mesh/agents", params, trace_id)

    def get_agent(self, address_id: str, *, trace_id: str | None = None) -> Answer:
        """One agent with its metrics and events, by id or address."""
        return self._look(_of(address_id), None, trace_id)

    def kill(
        self,
        address_id: str,
        *,
        reason: str | None = None,
        mode: str | None = None,
        wait_instances_ms: int | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Stops an agent (by id or address), all its instances everywhere; gives the receipt.

        When this returns, every replica of the gateway refuses the agent. `mode`: `halt` when not
        given. `wait_instances_ms` (0 to 10000; 250 when not given): how long the answer waits for the
        instances themselves. It is never repeated by itself, but repeating it is harmless.
        """
        given = {"reason": reason, "mode": mode, "wait_instances_ms": wait_instances_ms}
        body = {name: value for name, value in given.items() if value is not None}
        return self._order(f"{_of(address_id)}/kill", body, wait_instances_ms or 0, trace_id)

    def resume(
        self,
        address_id: str,
        *,
        reason: str | None = None,
        revision: int | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Lets a stopped agent go on; gives back what its instances had said last.

        With `revision` only holds up to it are lifted: a kill that you have not seen stays.
        """
        given = {"reason": reason, "revision": revision}
        body = {name: value for name, value in given.items() if value is not None}
        return self._order(f"{_of(address_id)}/resume", body, 0, trace_id)

    def get_kill(self, kill_id: str, *, trace_id: str | None = None) -> Answer:
        """The record of a kill, which goes on filling: which instance stopped, how and when."""
        return self._look(f"/v1/mesh/kills/{segment(kill_id)}", None, trace_id)

    def instances(self, agent: str, *, trace_id: str | None = None) -> Answer:
        """The instances of an agent: health, last beat, version, region, progress, open streams."""
        return self._look(f"{_of(agent)}/instances", None, trace_id)

    def list_events(
        self, *, limit: int = 50, event_type: str | None = None, trace_id: str | None = None
    ) -> Answer:
        """What happened to agents, newest first."""
        params = {"limit": str(limit)}
        if event_type:
            params["event_type"] = event_type
        return self._look("/v1/mesh/events", params, trace_id)

    def _last_state(self, agent: str, trace_id: str | None) -> Answer:
        return self._look(f"{_of(agent)}/last-state", None, trace_id)

    def _look(self, path: str, params: dict[str, str] | None, trace_id: str | None) -> Answer:
        return self._send(
            Call("GET", path, Kind.READ, params=params, trace_id=trace_id, retryable=True)
        )

    def _order(
        self, path: str, body: dict[str, Any], wait_ms: int, trace_id: str | None
    ) -> Answer:
        more_seconds = min(wait_ms, WAIT_INSTANCES_MS_MAX) / 1000
        # An order is never held up by what this client may know of its own agent.
        return self._send(
            Call(
                "POST",
                path,
                Kind.FACT,
                body=body or None,
                trace_id=trace_id,
                more_seconds=more_seconds,
            )
        )


def _of(agent: str) -> str:
    return f"/v1/mesh/agents/{agent_path(agent)}"
