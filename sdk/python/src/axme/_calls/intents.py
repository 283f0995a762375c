"""Intents: durable requests from one agent to another."""

from __future__ import annotations

from typing import Any

from .._call import Call, segment
from .._core.decision import Kind
from .base import Answer, Calls


class IntentCalls(Calls[Answer]):
    def create_intent(
        self,
        payload: dict[str, Any],
        *,
        correlation_id: str,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Sends an intent. `payload` is the whole body: `intent_type`, `to_agent`, `payload`, ...

        With an `idempotency_key` it is retried, and taken once however often it arrives. Raises
        ValueError when the body names another `correlation_id`, AgentKilled when this agent is stopped.
        """
        body = dict(payload)
        if body.setdefault("correlation_id", correlation_id) != correlation_id:
            raise ValueError("payload correlation_id must match correlation_id argument")
        return self._send(
            Call(
                "POST",
                "/v1/intents",
                body=body,
                idempotency_key=idempotency_key,
                trace_id=trace_id,
                retryable=idempotency_key is not None,
            )
        )

    def get_intent(self, intent_id: str, *, trace_id: str | None = None) -> Answer:
        """One intent with its status and result."""
        path = f"/v1/intents/{segment(intent_id)}"
        return self._send(Call("GET", path, Kind.READ, trace_id=trace_id, retryable=True))

    def list_intent_events(
        self, intent_id: str, *, since: int | None = None, trace_id: str | None = None
    ) -> Answer:
        """What happened to an intent, after the event `since` when given (0 or more)."""
        if since is not None and since < 0:
            raise ValueError("since must be >= 0")
        params = None if since is None else {"since": str(since)}
        path = f"/v1/intents/{segment(intent_id)}/events"
        return self._send(
            Call("GET", path, Kind.READ, params=params, trace_id=trace_id, retryable=True)
        )

    def resolve_intent(
        self,
        intent_id: str,
        payload: dict[str, Any],
        *,
        owner_agent: str | None = None,
        x_owner_agent: str | None = None,
        authorization: str | None = None,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Ends an intent. It says what was done, so a stopped agent may call it too."""
        return self._change(
            intent_id,
            "resolve",
            Kind.FACT,
            payload,
            owner_agent,
            x_owner_agent,
            authorization,
            idempotency_key,
            trace_id,
        )

    def resume_intent(
        self,
        intent_id: str,
        payload: dict[str, Any],
        *,
        owner_agent: str | None = None,
        x_owner_agent: str | None = None,
        authorization: str | None = None,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Answers an intent. It says what was done, so a stopped agent may call it too."""
        return self._change(
            intent_id,
            "resume",
            Kind.FACT,
            payload,
            owner_agent,
            x_owner_agent,
            authorization,
            idempotency_key,
            trace_id,
        )

    def update_intent_controls(
        self,
        intent_id: str,
        payload: dict[str, Any],
        *,
        owner_agent: str | None = None,
        x_owner_agent: str | None = None,
        authorization: str | None = None,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Changes timeouts and the like of an intent."""
        return self._change(
            intent_id,
            "controls",
            Kind.WORK,
            payload,
            owner_agent,
            x_owner_agent,
            authorization,
            idempotency_key,
            trace_id,
        )

    def update_intent_policy(
        self,
        intent_id: str,
        payload: dict[str, Any],
        *,
        owner_agent: str | None = None,
        x_owner_agent: str | None = None,
        authorization: str | None = None,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Changes who may do what with an intent."""
        return self._change(
            intent_id,
            "policy",
            Kind.WORK,
            payload,
            owner_agent,
            x_owner_agent,
            authorization,
            idempotency_key,
            trace_id,
        )

    def _change(
        self,
        intent_id: str,
        verb: str,
        kind: Kind,
        payload: dict[str, Any],
        owner_agent: str | None,
        x_owner_agent: str | None,
        authorization: str | None,
        idempotency_key: str | None,
        trace_id: str | None,
    ) -> Answer:
        given = {"x-owner-agent": x_owner_agent, "authorization": authorization}
        return self._send(
            Call(
                "POST",
                f"/v1/intents/{segment(intent_id)}/{verb}",
                kind,
                params=None if owner_agent is None else {"owner_agent": owner_agent},
                body=payload,
                headers={name: value for name, value in given.items() if value is not None},
                idempotency_key=idempotency_key,
                trace_id=trace_id,
                retryable=idempotency_key is not None,
            )
        )
