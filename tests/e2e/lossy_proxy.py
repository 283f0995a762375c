"""A proxy that delivers a request and then loses the answer, as a bad network does."""

from __future__ import annotations

import http.client
import http.server
import threading
from typing import Any

from gateway import Api


class LossyProxy:
    """Forwards to the gateway; the answers of the next `lose` requests never arrive."""

    def __init__(self, target: Api) -> None:
        self.lose = 0
        self.forwarded = 0
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                content = self.rfile.read(length)
                upstream = target.connect()
                upstream.request(self.command, self.path, content, dict(self.headers))
                response = upstream.getresponse()
                answer = response.read()
                upstream.close()
                proxy.forwarded += 1
                if proxy.lose > 0:
                    proxy.lose -= 1
                    self.close_connection = True
                    return
                self.answer(response, answer)

            def answer(self, response: http.client.HTTPResponse, content: bytes) -> None:
                self.send_response(response.status)
                self.send_header("content-type", response.headers["content-type"])
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = forward

            def log_message(self, *_: Any) -> None:
                """The story prints nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> LossyProxy:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
