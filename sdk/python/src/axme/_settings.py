"""Which gateway and which key: argument, environment, what `axme login` stored, the local gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ._base_url import LOCAL_GATEWAY, normal_base_url
from ._profiles import Profile, stored_profile


@dataclass(frozen=True)
class Settings:
    """Where to call, with which key, and whom to trust."""

    base_url: str
    api_key: str = field(repr=False)
    ca_cert: str | None = None


def resolve_settings(
    *,
    base_url: str | None,
    api_key: str | None,
    ca_cert: str | None,
    environment: Mapping[str, str],
) -> Settings:
    """None means not given. A stored key goes only to the gateway that it was stored with.

    Raises ValueError when there is no key, or what is given cannot be used.
    """
    given_url = base_url if base_url is not None else environment.get("AXME_BASE_URL") or None
    given_key = api_key if api_key is not None else environment.get("AXME_API_KEY") or None
    given_ca = ca_cert or environment.get("AXME_CA_CERT") or None
    # The file is only opened where it may be needed: a broken one stops nobody else.
    complete = given_url is not None and given_key is not None
    profile = None if complete else stored_profile(environment)
    url = normal_base_url(given_url) if given_url is not None else _stored_url(profile)
    same_gateway = profile is not None and profile.url == url
    if given_key is None and profile is not None and same_gateway:
        given_key = profile.key
    if given_key is None:
        raise ValueError(_missing_key(url, profile))
    key = given_key.strip()
    if not key:
        raise ValueError("api_key must be a non-empty string")
    if not all("!" <= character <= "~" for character in key):
        raise ValueError("api_key must be one line of letters, digits and signs")
    if given_ca is None and profile is not None and same_gateway:
        given_ca = profile.ca_cert
    return Settings(url, key, given_ca)


def _stored_url(profile: Profile | None) -> str:
    return profile.url if profile else LOCAL_GATEWAY


def _missing_key(url: str, profile: Profile | None) -> str:
    ways = f"Give api_key, set AXME_API_KEY, or sign in: axme login --url {url}"
    if profile is None:
        return f"no api_key for {url}. {ways}"
    return f"no api_key for {url}: the stored key is for {profile.url} and goes nowhere else. {ways}"
