"""Service accounts (an agent is one), their keys, and the registry of agents."""

from __future__ import annotations

from typing import Any

from .._call import Call, agent_path, segment
from .._core.decision import Kind
from .base import Answer, Calls


class AccountCalls(Calls[Answer]):
    def create_service_account(
        self,
        payload: dict[str, Any],
        *,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Makes a service account and so an agent with an address of its own."""
        return self._create("/v1/service-accounts", payload, idempotency_key, trace_id)

    def list_service_accounts(
        self, *, org_id: str, workspace_id: str | None = None, trace_id: str | None = None
    ) -> Answer:
        params = {"org_id": org_id}
        if workspace_id is not None:
            params["workspace_id"] = workspace_id
        return self._read("/v1/service-accounts", params, trace_id)

    def get_service_account(
        self, service_account_id: str, *, trace_id: str | None = None
    ) -> Answer:
        return self._read(f"/v1/service-accounts/{segment(service_account_id)}", None, trace_id)

    def create_service_account_key(
        self,
        service_account_id: str,
        payload: dict[str, Any],
        *,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Makes a key. Its `key.token` is shown this once."""
        path = f"/v1/service-accounts/{segment(service_account_id)}/keys"
        return self._create(path, payload, idempotency_key, trace_id)

    def revoke_service_account_key(
        self,
        service_account_id: str,
        key_id: str,
        *,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """Ends a key, and every stream that is open with it."""
        account, key = segment(service_account_id), segment(key_id)
        path = f"/v1/service-accounts/{account}/keys/{key}/revoke"
        return self._create(path, None, idempotency_key, trace_id)

    def list_agents(
        self,
        *,
        org_id: str,
        workspace_id: str,
        limit: int | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        """The registered agents of a workspace. How they are: `mesh.list_agents`."""
        params = {"org_id": org_id, "workspace_id": workspace_id}
        if limit is not None:
            params["limit"] = str(limit)
        return self._read("/v1/agents", params, trace_id)

    def get_agent(self, address: str, *, trace_id: str | None = None) -> Answer:
        """One registered agent by its address, with `agent://` or without."""
        plain = plain_address(address)
        return self._read(f"/v1/agents/{agent_path(plain)}", None, trace_id)

    def _create(
        self,
        path: str,
        payload: dict[str, Any] | None,
        idempotency_key: str | None,
        trace_id: str | None,
    ) -> Answer:
        return self._send(
            Call(
                "POST",
                path,
                body=payload,
                idempotency_key=idempotency_key,
                trace_id=trace_id,
                retryable=idempotency_key is not None,
            )
        )

    def _read(self, path: str, params: dict[str, str] | None, trace_id: str | None) -> Answer:
        return self._send(
            Call("GET", path, Kind.READ, params=params, trace_id=trace_id, retryable=True)
        )


def plain_address(address: str) -> str:
    """An address without its scheme; raises ValueError for an empty one."""
    plain = address.strip().removeprefix("agent://")
    if not plain:
        raise ValueError("address must be a non-empty string")
    return plain
