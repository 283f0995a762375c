"""A small gateway for faults that a real one does not show on demand.

It speaks the agent's endpoints as the gateway does, and keeps what it was sent.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
ADDRESS = "agent://org/ws/stand-in"
COMMENT_SECONDS = 10.0


class StandIn:
    """One agent, its run state, and the faults that are switched on."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.run_state, self.revision = "active", 1
        self.kill: Json | None = None
        self.counted: dict[str, Json] = {}
        self.beats: list[Json] = []
        self.acks: list[Json] = []
        self.streams_opened: list[Json] = []
        self.heard: list[tuple[str, str]] = []
        """Method and path of each request."""
        self.connections: set[socket.socket] = set()
        # Faults.
        self.down = False
        """Answers 503 to everything."""
        self.lose_answers = 0
        """Takes so many beats and cuts the connection in place of an answer."""
        self.cut_streams_after: float | None = None
        self.buffer_streams = False
        """Streams are accepted and nothing is passed on, as a buffering proxy does."""
        self.refuse_streams: tuple[int, str] | None = None
        self.revoked = False
        self.redirect_to: str | None = None
        self.forget_revisions = False
        stand_in = self

        class Handler(_Handler):
            gateway = stand_in

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def order(self, run_state: str, *, mode: str = "halt", reason: str | None = "a test") -> str:
        """Changes the run state; the kill's id."""
        with self.changed:
            self.revision += 1
            self.run_state = run_state
            kill_id = f"kill_{self.revision:032x}"
            self.kill = None
            if run_state != "active":
                self.kill = {
                    "kill_id": kill_id,
                    "mode": mode,
                    "reason": reason,
                    "by": "ops",
                    "at": "2026-11-01T00:00:00Z",
                    "revision": self.revision,
                }
            self.changed.notify_all()
        return kill_id

    @property
    def total(self) -> int:
        """Observations that were counted, each batch once."""
        return sum(int(metrics["intents_total"]) for metrics in self.counted.values())

    def control(self) -> Json:
        return {"run_state": self.run_state, "revision": self.revision, "kill": self.kill}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: StandIn

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def setup(self) -> None:
        super().setup()
        self.gateway.connections.add(self.connection)

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # whoever asked has gone
            super().handle()

    def finish(self) -> None:
        self.gateway.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """The story prints nothing."""

    def _serve(self) -> None:
        gateway = self.gateway
        length = int(self.headers.get("content-length", "0"))
        content = self.rfile.read(length)
        if len(content) < length:  # whoever asked gave up half way
            self.close_connection = True
            return
        body: Json = json.loads(content) if content else {}
        parts = urlsplit(self.path)
        gateway.heard.append((self.command, parts.path))
        if gateway.redirect_to is not None:
            self._answer(307, {}, location=gateway.redirect_to + self.path)
        elif gateway.down:
            self._refuse(503, "gateway_fenced")
        elif gateway.revoked:
            self._refuse(401, "key_revoked")
        elif parts.path == "/v1/mesh/heartbeat":
            self._beat(body)
        elif parts.path == "/v1/mesh/control/ack":
            gateway.acks.append(body)
            self._answer(200, {"ok": True, "state": "stopped"})
        elif parts.path == "/v1/mesh/control/stream":
            self._stream({name: values[0] for name, values in parse_qs(parts.query).items()})
        else:
            self._answer(200, {"ok": True, "events": [], "agents": []})

    def _beat(self, body: Json) -> None:
        gateway = self.gateway
        with gateway.changed:
            gateway.beats.append(body)
            if body.get("metrics"):
                gateway.counted.setdefault(str(body["heartbeat_id"]), body["metrics"])
            lost = gateway.lose_answers > 0
            gateway.lose_answers -= int(lost)
            answer = {"ok": True, "address": ADDRESS, **gateway.control()}
            gateway.changed.notify_all()
        if lost:
            self.close_connection = True
            return
        self._answer(200, answer)

    def _stream(self, query: Json) -> None:
        gateway = self.gateway
        gateway.streams_opened.append(query)
        if gateway.refuse_streams is not None:
            self._refuse(*gateway.refuse_streams)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        ends = time.monotonic() + (gateway.cut_streams_after or 1e9)
        told: Json | None = None
        while time.monotonic() < ends and not (gateway.revoked or gateway.down):
            with gateway.changed:
                state = gateway.control()
                if state == told or gateway.buffer_streams:
                    gateway.changed.wait(0.05)
                    continue
            event = "control.state" if told is None else "control.changed"
            told = state
            frame = f"id: {state['revision']}\nevent: {event}\ndata: {json.dumps(state)}\n\n"
            try:
                self.wfile.write(frame.encode())
            except OSError:
                return

    def _refuse(self, status: int, code: str) -> None:
        error: Json = {"code": code, "message": code, "details": {}}
        self._answer(status, {"error": error, "detail": code})

    def _answer(self, status: int, body: Json, location: str | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(content)
