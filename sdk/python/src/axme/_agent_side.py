"""Small steps that the meshes of both clients share."""

from __future__ import annotations

from ._core.identity import Progress


def progress_of(done: int, total: int | None, unit: str | None) -> Progress:
    """Raises ValueError for what cannot be."""
    return Progress(done, total, unit)


def check_own_address(address: str | None) -> str:
    """Raises ValueError when the key's agent is not known."""
    if address is None:
        raise ValueError("name an agent: this key belongs to none")
    return address
