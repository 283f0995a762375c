"""A proxy that cuts each connection after a while, as load balancers do."""

from __future__ import annotations

import contextlib
import socket
import threading


class CuttingProxy:
    """Passes bytes on, and closes a connection `after_seconds` after it was opened."""

    def __init__(self, port: int, after_seconds: float) -> None:
        self.opened = 0
        self._port = port
        self._after_seconds = after_seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> CuttingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.opened += 1
                server = socket.create_connection(("127.0.0.1", self._port))
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()
                cut = threading.Timer(self._after_seconds, _cut, (client, server))
                cut.daemon = True
                cut.start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
    _cut(source, target)


def _cut(*both: socket.socket) -> None:
    for each in both:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
