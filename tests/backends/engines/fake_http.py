"""A local HTTP server that answers by script and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Route = Callable[[Any], tuple[int, object]]


@dataclass
class Asked:
    method: str
    path: str
    body: Any


@dataclass
class FakeServer:
    """`routes` maps "METHOD /path" to a function from the parsed body to (status, answer); the longest match wins."""

    url: str = ""
    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def of(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.startswith(path)]


@contextmanager
def fake_server(routes: dict[str, Route]) -> Iterator[FakeServer]:
    fake = FakeServer(routes=routes)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = self.headers.get("Content-Type") == "application/json"
            body = json.loads(raw) if raw and is_json else raw
            fake.asked.append(Asked(self.command, self.path, body))
            known = [key for key in fake.routes if f"{self.command} {self.path}".startswith(key)]
            status, said = fake.routes[max(known, key=len)](body) if known else (404, {"error": "no route"})
            answer = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_POST = do_HEAD = answer  # noqa: N815 - the base class looks these names up

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
