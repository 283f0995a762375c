"""Code that was written for the published client (axme 0.2.0) finds what it knows.

`published_0_2_0.json` lists the names that this gateway has in scope, with their parameters.
"""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import axme
import axme_sdk
import pytest
from axme import AsyncAxmeClient, AsyncMeshClient, AxmeClient, MeshClient

PUBLISHED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "published_0_2_0.json").read_text()
)
CASES = [(owner, name) for owner, names in PUBLISHED.items() for name in names]
OURS = {"AxmeClient": (AxmeClient, AsyncAxmeClient), "MeshClient": (MeshClient, AsyncMeshClient)}
# The heartbeat is every 10 s in place of every 30 s.
OTHER_DEFAULTS = {("start_heartbeat", "interval_seconds"): "10.0"}


@pytest.mark.parametrize(("owner", "name"), CASES)
@pytest.mark.parametrize("which", [0, 1], ids=["sync", "async"])
def test_every_published_name_has_its_parameters(owner: str, name: str, which: int) -> None:
    ours = inspect.getattr_static(OURS[owner][which], name)
    wanted = PUBLISHED[owner][name]
    if wanted == "property":
        assert isinstance(ours, property)
        return
    found = inspect.signature(ours).parameters
    for parameter, kind, default in wanted:
        assert found[parameter].kind.name == kind
        default = OTHER_DEFAULTS.get((name, parameter), default)
        if default is None:
            assert found[parameter].default is inspect.Parameter.empty
        else:
            assert repr(found[parameter].default) == default
    more = [p for n, p in found.items() if n not in [w[0] for w in wanted]]
    assert all(p.default is not inspect.Parameter.empty for p in more), "what is new is optional"


def test_both_module_names_give_the_same() -> None:
    assert axme_sdk.__all__ == axme.__all__
    for name in axme.__all__:
        assert getattr(axme_sdk, name) is getattr(axme, name)
    for module in ("client", "exceptions"):
        ours = importlib.import_module(f"axme.{module}")
        alias = importlib.import_module(f"axme_sdk.{module}")
        for name in alias.__all__:
            assert getattr(alias, name) is getattr(ours, name)
    mesh = importlib.import_module("axme_sdk.mesh")
    assert mesh.MeshClient is MeshClient


def test_errors_have_the_published_attributes() -> None:
    for kind in (axme.AxmeAuthError, axme.AxmeValidationError, axme.AxmeRateLimitError, axme.AxmeServerError):
        error = kind(418, "text", body={"a": 1}, request_id="r", trace_id="t", retry_after=3)
        assert isinstance(error, axme.AxmeHttpError) and isinstance(error, axme.AxmeError)
        assert (error.status_code, error.message, error.body) == (418, "text", {"a": 1})
        assert (error.request_id, error.trace_id, error.retry_after) == ("r", "t", 3)
        assert str(error) == "HTTP 418: text"


def test_what_is_out_of_scope_is_not_there() -> None:
    for name in ("list_inbox", "create_media_upload", "get_billing_plan", "mcp_initialize", "apply_scenario"):
        assert not hasattr(AxmeClient, name)


def test_both_clients_offer_the_same() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(AxmeClient) == names(AsyncAxmeClient)
    assert names(MeshClient) == names(AsyncMeshClient)
