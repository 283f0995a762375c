"""What `axme login` stored: gateways and the keys for them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ._base_url import normal_base_url
from ._small_toml import parse_small_toml

DEFAULT_PROFILE = "default"


@dataclass(frozen=True)
class Profile:
    """One gateway that somebody signed in to."""

    url: str
    key: str = field(repr=False)
    ca_cert: str | None = None


def profiles_path(environment: Mapping[str, str]) -> Path:
    """`AXME_CONFIG_DIR`, else the user's configuration folder: the same file that `axme login` writes."""
    folder = environment.get("AXME_CONFIG_DIR")
    if folder:
        return Path(folder) / "profiles.toml"
    if sys.platform == "win32":
        base = Path(environment.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        chosen = Path(environment.get("XDG_CONFIG_HOME") or "")
        # The standard says to ignore one that is not absolute.
        base = chosen if chosen.is_absolute() else Path.home() / ".config"
    return base / "axme" / "profiles.toml"


def stored_profile(environment: Mapping[str, str]) -> Profile | None:
    """The profile that `AXME_PROFILE` names, else the one signed in to last; None when there is none.

    Raises ValueError when the file cannot be used, or does not have the profile that was named. The
    text never quotes the file: it holds keys.
    """
    path = profiles_path(environment)
    named = environment.get("AXME_PROFILE")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    try:
        document = _parse(text)
    except ValueError:
        raise ValueError(
            f"{path} is not a file of profiles. Correct it, or remove it and run: axme login"
        ) from None
    name = named or document.get("current") or DEFAULT_PROFILE
    entry = document.get("profiles", {}).get(name)
    if entry is None:
        if named:
            raise ValueError(f"AXME_PROFILE names {named!r}, and {path} has no such profile")
        return None
    if not isinstance(entry.get("url"), str) or not isinstance(entry.get("key"), str):
        raise ValueError(f"the profile {name!r} in {path} lacks its url or its key")
    return Profile(normal_base_url(entry["url"]), entry["key"].strip(), entry.get("ca_cert"))


def _parse(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        parse = importlib.import_module("tomllib").loads
        return cast("dict[str, Any]", parse(text))
    return parse_small_toml(text)
