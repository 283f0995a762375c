"""Verifies the gateway's audit chain from outside, from its own definition only.

hash = SHA-256(previous hash ‖ SHA-256(body)); the first previous hash is 32 zero bytes.
"""

from __future__ import annotations

import hashlib

from gateway import Api

ENTRIES_MAX = 1_000_000
PAGE_LIMIT = 1000


def verify(api: Api) -> dict[str, int]:
    """Checks every entry of every chain; entries by chain."""
    chains = api.get("/v1/audit/chain?chain=control&limit=1").expect()["chains"]
    assert "control" in chains, chains
    return {chain: verify_chain(api, chain) for chain in chains}


def verify_chain(api: Api, chain: str) -> int:
    previous, count, after = bytes(32), 0, 0
    while count < ENTRIES_MAX:
        page = api.get(f"/v1/audit/chain?chain={chain}&after={after}&limit={PAGE_LIMIT}").expect()
        for entry in page["entries"]:
            assert entry["position"] == after + 1, f"{chain}: {entry['position']} follows {after}"
            if entry["body"] is not None:
                assert hashlib.sha256(entry["body"].encode()).hexdigest() == entry["body_hash"], entry
            previous = hashlib.sha256(previous + bytes.fromhex(entry["body_hash"])).digest()
            assert previous.hex() == entry["hash"], f"{chain} breaks at {entry['position']}"
            after, count = entry["position"], count + 1
        if after >= page["head"]["position"]:
            assert page["head"]["hash"] == previous.hex() or not count, page["head"]
            return count
        assert page["entries"], f"{chain} has a gap after {after}: {page['head']}"
    raise AssertionError(f"{chain} never ends")
