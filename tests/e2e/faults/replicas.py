"""Three gateways on one store, each behind a network of its own, and what they say of each other."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from faults.pair import Pair
from faults.postgres import DATABASE, GATEWAY_ROLE
from faults.proxy import Hold, Network, Proxy
from gateway import Json
from process import Gateway, eventually

# Two of a region and one elsewhere: the same release binary under three names.
PLACES = (("alpha", "north"), ("beta", "north"), ("gamma", "south"))
FRESH_TIMEOUT_S = 30.0
STOPPED_STATES = ("T", "t")


class Link:
    """All that one replica has of the network: a proxy to each server."""

    def __init__(self, network: Network, pair: Pair) -> None:
        self._pair = pair
        self._proxies = {server.name: network.proxy(server.port) for server in pair.servers}

    @property
    def url(self) -> str:
        """Both servers, of which the gateway takes the one that can be written to."""
        hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies)
        return f"postgres://{GATEWAY_ROLE}@{hosts}/{DATABASE}?target_session_attrs=read-write"

    @property
    def proxies(self) -> list[Proxy]:
        return list(self._proxies.values())

    def each(self, order: Callable[[Proxy], object]) -> None:
        for proxy in self.proxies:
            order(proxy)

    def hold(self, marker: str) -> Hold:
        """Holds the bytes with this marker back from the server that leads."""
        return self._proxies[self._pair.primary.name].hold(marker)


class Replica(Gateway):
    """One `axme serve` with a name of its own; started again it is the same replica with another epoch."""

    def __init__(self, directory: Path, name: str, region: str, link: Link, owner_key: str) -> None:
        arguments = ["--store", link.url, "--replica-id", name, "--region", region]
        super().__init__(directory / name, arguments, owner_key=owner_key)
        self.name, self.region, self.link = name, region, link

    def freeze(self) -> None:
        """SIGSTOP; returns when every thread of it stands."""
        self.signal(signal.SIGSTOP)
        eventually(f"{self.name} stands still", lambda: self.thread_states() <= set(STOPPED_STATES))

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def thread_states(self) -> set[str]:
        assert self.process is not None
        # The state is the first word after the name, which stands in brackets and may hold anything.
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks}


class Replicas:
    """The three; `alpha` and `beta` of one region, `gamma` of another."""

    def __init__(self, network: Network, pair: Pair, directory: Path) -> None:
        self.pair = pair
        owner_key = secrets.token_hex(32)
        made = [Replica(directory, name, region, Link(network, pair), owner_key) for name, region in PLACES]
        self.all = made
        self.alpha, self.beta, self.gamma = made

    @property
    def names(self) -> set[str]:
        return {replica.name for replica in self.all}

    def start(self) -> Replicas:
        for replica in self.all:
            replica.launch()
        self.await_fresh()
        return self

    def others(self, *excepted: Replica) -> list[Replica]:
        return [replica for replica in self.all if replica not in excepted]

    def await_fresh(self, among: Sequence[Replica] = ()) -> None:
        """Until each of them serves, and sees each of them fresh."""
        wanted = list(among or self.all)
        names = {replica.name for replica in wanted}
        for replica in wanted:
            eventually(f"{replica.name} is ready", replica.is_ready, FRESH_TIMEOUT_S)
            eventually(f"{replica.name} sees {names} fresh", partial(sees_fresh, replica, names), FRESH_TIMEOUT_S)


def listed(seen_by: Replica) -> list[Json]:
    """`GET /v1/replicas`: every epoch that one replica knows of."""
    answer = seen_by.owner.get("/v1/replicas")
    found: list[Json] = answer.expect()["replicas"] if answer.status == 200 else []
    return found


def sees_fresh(seen_by: Replica, names: set[str]) -> bool:
    return names <= set(epochs(seen_by))


def epochs(seen_by: Replica) -> dict[str, int]:
    """The epoch of each replica that is fresh."""
    return {entry["replica_id"]: entry["epoch"] for entry in listed(seen_by) if entry["state"] == "fresh"}


def durability(seen_by: Replica) -> Any:
    return seen_by.owner.get("/v1/replicas").expect()["durability"]
