"""The address of a gateway, in one form."""

from __future__ import annotations

from urllib.parse import urlsplit

LOCAL_GATEWAY = "http://127.0.0.1:8080"
"""A gateway that was started on this machine without options."""


def normal_base_url(text: str) -> str:
    """Scheme, host, port and perhaps a path; never ends in a slash.

    Raises ValueError, which says what is wrong, for anything else.
    """
    trimmed = text.strip()
    if not trimmed:
        raise ValueError("base_url must be a non-empty string")
    parts = urlsplit(trimmed)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"base_url {trimmed!r} begins neither with http:// nor https://")
    if not parts.hostname:
        raise ValueError(f"base_url {trimmed!r} names no host")
    if "@" in parts.netloc:
        raise ValueError("base_url contains a user name; keys do not belong into URLs")
    if parts.query or parts.fragment:
        raise ValueError(f"base_url {trimmed!r} has a query")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
