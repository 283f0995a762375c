"""A TCP proxy of the tests' own: the network that delays, stalls, drops, cuts, and holds one statement back.

Every proxy stands before one server. A mode holds for all its connections, present and future;
a `Hold` for the one connection on which its marker passes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from faults.flow import Flow, Mode

ORDER_TIMEOUT_S = 10.0
HOLD_TIMEOUT_S = 10.0
SETTLE_TIMEOUT_S = 5.0
Answer = TypeVar("Answer")


class Network:
    """The event loop of all proxies of a test, in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.proxies: list[Proxy] = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def proxy(self, target_port: int) -> Proxy:
        self.proxies.append(Proxy(self, target_port))
        return self.proxies[-1]

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(ORDER_TIMEOUT_S)

    def order(self, what: Callable[[], None]) -> None:
        """Does it on the loop; when this returns it has been done."""

        async def done() -> None:
            what()

        self.run(done())

    def close(self) -> None:
        for proxy in self.proxies:
            proxy.close()
        self.run(settle())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(ORDER_TIMEOUT_S)
        self.loop.close()


async def settle() -> None:
    """Waits for the connections, which were all reset, to end."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if others:
        _ended, waiting = await asyncio.wait(others, timeout=SETTLE_TIMEOUT_S)
        assert not waiting, f"these connections never end: {waiting}"


class Connection:
    """A client's connection with its twin to the server."""

    def __init__(self, to_server: Flow, to_client: Flow) -> None:
        self.to_server, self.to_client = to_server, to_client

    @property
    def flows(self) -> tuple[Flow, Flow]:
        return self.to_server, self.to_client

    def set(self, mode: Mode) -> None:
        for flow in self.flows:
            flow.set(mode)

    def reset(self) -> None:
        for flow in self.flows:
            reset(flow.writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST: the other side learns at once and what was on its way is gone."""
    connected = writer.get_extra_info("socket")
    if connected is not None and not writer.is_closing():
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Hold:
    """Keeps a marker's bytes, and all that follow on that connection, from the server until released."""

    def __init__(self, network: Network, marker: bytes) -> None:
        self.marker = marker
        self._network = network
        self._held = threading.Event()
        self._answered = threading.Event()
        self._connection: Connection | None = None

    def wait_until_held(self) -> None:
        assert self._held.wait(HOLD_TIMEOUT_S), f"{self.marker!r} never came"

    @property
    def is_held(self) -> bool:
        return self._held.is_set()

    def release(self) -> None:
        """The bytes go on, as a network's last retransmission."""
        self._network.order(lambda: self._taken().to_server.set(Mode.PASS))

    def cut(self) -> None:
        """The bytes are gone, and the connection with them."""
        self._network.order(lambda: self._taken().reset())

    def wait_until_answered(self) -> None:
        """After a release: the server has answered, or has ended the connection."""
        assert self._answered.wait(HOLD_TIMEOUT_S), f"the server never answered {self.marker!r}"

    def _taken(self) -> Connection:
        assert self._connection is not None, f"{self.marker!r} never came"
        return self._connection

    # On the loop, called by the proxy.

    def watcher(self, connection: Connection) -> Callable[[bytes], None]:
        """Looks for the marker in a connection's bytes, also where it is split over two reads."""
        tail = b""

        def watch(chunk: bytes) -> None:
            nonlocal tail
            if self.is_held:
                return
            seen = tail + chunk
            if self.marker in seen:
                self._take(connection)
            tail = seen[1 - len(self.marker) :]

        return watch

    def _take(self, connection: Connection) -> None:
        self._connection = connection
        connection.to_server.set(Mode.STALL)
        # An answer to what was held: bytes of the server after the release, or its end at any time.
        connection.to_client.watch = lambda chunk: self._note_answer(connection, chunk)
        self._held.set()

    def _note_answer(self, connection: Connection, chunk: bytes) -> None:
        if not chunk or connection.to_server.mode is Mode.PASS:
            self._answered.set()


class Proxy:
    """Listens on a port of its own and forwards to one server on this machine."""

    def __init__(self, network: Network, target_port: int) -> None:
        self.network, self.target_port = network, target_port
        self.mode = Mode.PASS
        self.delay_s = 0.0
        self.connections: list[Connection] = []
        self.accepted_count = 0
        self._hold: Hold | None = None
        self._server = network.run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def pass_on(self) -> None:
        """All is well again; connections that lost bytes are reset, since nothing can mend them."""
        self.network.order(lambda: self._set(Mode.PASS))

    def stall(self) -> None:
        """Nothing passes now, everything later: a network that is cut off and retransmits when it heals."""
        self.network.order(lambda: self._set(Mode.STALL))

    def drop(self) -> None:
        """Nothing passes, and what is sent now is lost for ever."""
        self.network.order(lambda: self._set(Mode.DROP))

    def delay(self, each_way_s: float) -> None:
        """Every byte takes this long in each direction; what is on its way keeps its time."""
        self.network.order(lambda: self._delay(each_way_s))

    def cut(self) -> None:
        """Resets every connection; new ones are taken."""
        self.network.order(self._cut)

    def hold(self, marker: str) -> Hold:
        """Holds back the next bytes of a client that contain the marker. One at a time."""
        hold = Hold(self.network, marker.encode())
        self.network.order(lambda: self._arm(hold))
        return hold

    def close(self) -> None:
        self.network.order(self._close)

    # On the loop.

    def _set(self, mode: Mode) -> None:
        self.mode = mode
        for connection in list(self.connections):
            connection.set(mode)
            if mode is Mode.PASS and any(flow.has_lost for flow in connection.flows):
                connection.reset()

    def _delay(self, each_way_s: float) -> None:
        self.delay_s = each_way_s
        for connection in self.connections:
            for flow in connection.flows:
                flow.delay_s = each_way_s

    def _cut(self) -> None:
        for connection in list(self.connections):
            connection.reset()

    def _arm(self, hold: Hold) -> None:
        self._hold = hold
        for connection in self.connections:
            connection.to_server.watch = hold.watcher(connection)

    def _close(self) -> None:
        self._server.close()
        self._cut()
        # What was stalled has nowhere to go any more and ends.
        self._set(Mode.PASS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_count += 1
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            reset(writer)
            return
        connection = Connection(Flow(reader, server_writer), Flow(server_reader, writer))
        connection.set(self.mode)
        for flow in connection.flows:
            flow.delay_s = self.delay_s
        if self._hold is not None:
            connection.to_server.watch = self._hold.watcher(connection)
        self.connections.append(connection)
        try:
            async with asyncio.TaskGroup() as both:
                for flow in connection.flows:
                    both.create_task(flow.run())
            for flow in connection.flows:
                flow.writer.close()
        except* OSError:
            connection.reset()  # One side is gone: the other one learns it.
        finally:
            self.connections.remove(connection)
