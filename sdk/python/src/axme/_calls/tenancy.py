"""Organizations and workspaces, and what the gateway says about itself."""

from __future__ import annotations

from typing import Any

from .._call import Call, segment
from .._core.decision import Kind
from .base import Answer, Calls


class TenancyCalls(Calls[Answer]):
    def health(self, *, trace_id: str | None = None) -> Answer:
        """Whether the gateway answers."""
        return self._look("/health", trace_id)

    def get_capabilities(self, *, trace_id: str | None = None) -> Answer:
        """What the gateway offers."""
        return self._look("/v1/capabilities", trace_id)

    def create_organization(
        self,
        payload: dict[str, Any],
        *,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        return self._put("POST", "/v1/organizations", payload, idempotency_key, trace_id)

    def get_organization(self, org_id: str, *, trace_id: str | None = None) -> Answer:
        return self._look(f"/v1/organizations/{segment(org_id)}", trace_id)

    def update_organization(
        self,
        org_id: str,
        payload: dict[str, Any],
        *,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        path = f"/v1/organizations/{segment(org_id)}"
        return self._put("PATCH", path, payload, idempotency_key, trace_id)

    def create_workspace(
        self,
        org_id: str,
        payload: dict[str, Any],
        *,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        path = f"/v1/organizations/{segment(org_id)}/workspaces"
        return self._put("POST", path, payload, idempotency_key, trace_id)

    def list_workspaces(self, org_id: str, *, trace_id: str | None = None) -> Answer:
        return self._look(f"/v1/organizations/{segment(org_id)}/workspaces", trace_id)

    def update_workspace(
        self,
        org_id: str,
        workspace_id: str,
        payload: dict[str, Any],
        *,
        idempotency_key: str | None = None,
        trace_id: str | None = None,
    ) -> Answer:
        path = f"/v1/organizations/{segment(org_id)}/workspaces/{segment(workspace_id)}"
        return self._put("PATCH", path, payload, idempotency_key, trace_id)

    def _look(self, path: str, trace_id: str | None) -> Answer:
        return self._send(Call("GET", path, Kind.READ, trace_id=trace_id, retryable=True))

    def _put(
        self,
        method: str,
        path: str,
        payload: dict[str, Any],
        idempotency_key: str | None,
        trace_id: str | None,
    ) -> Answer:
        return self._send(
            Call(
                method,
                path,
                body=payload,
                idempotency_key=idempotency_key,
                trace_id=trace_id,
                retryable=idempotency_key is not None,
            )
        )
