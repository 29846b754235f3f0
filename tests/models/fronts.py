"""Servers on loopback that stand before a real completion server, or instead of one, and count."""

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]

JSON = "application/json"
EVENTS = "text/event-stream"


@dataclass(slots=True)
class Front:
    """What came in: method and path, headers, body."""

    url: str = ""
    connections: int = 0
    bytes_written: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [what for what, _, _ in self.requests]

    @property
    def text(self) -> str:
        """All that came in, as JSON says it."""
        return "\n".join(body.decode() for _, _, body in self.requests)


class _Counted(io.BufferedIOBase):
    """What an answer is written to: it counts what the other side took."""

    def __init__(self, inner: io.BufferedIOBase, seen: Front) -> None:
        self._inner = inner
        self._seen = seen

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._inner.write(data)
        self._seen.bytes_written += len(data)
        return len(data)


@contextmanager
def front(answer: Answer) -> Iterator[Front]:
    """Listen, and let `answer` answer every request."""
    seen = Front()

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            seen.connections += 1
            super().setup()
            self.wfile = _Counted(self.wfile, seen)

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.requests.append((f"{self.command} {self.path}", headers, body))
            with suppress(OSError, http.client.HTTPException):
                answer(self, body)

        do_GET = do_POST = _answer  # noqa: N815  # names of the library

        def log_message(self, *_arguments: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            """Clients of these tests hang up."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str = JSON, **more: str) -> None:
    """Answer with a whole body."""
    handler.send_response(status)
    for name, value in {"content-type": kind, "content-length": str(len(body)), **more}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def say_json(handler: BaseHTTPRequestHandler, value: object, status: int = 200) -> None:
    """Answer with a JSON document."""
    say(handler, status, json.dumps(value).encode())


def relay(url: str, hidden: tuple[str, ...] = ()) -> Answer:
    """Hand requests on to a real server, and its answers back as they come; a `hidden` path is not there."""
    host = urlsplit(url).netloc

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.path in hidden:
            say_json(handler, {"error": {"message": "not found"}}, 404)
            return
        handler.close_connection = True
        with closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            connection.request(handler.command, handler.path, body, {"content-type": JSON})
            with closing(connection.getresponse()) as response:
                handler.send_response(response.status)
                handler.send_header("content-type", response.headers["content-type"])
                handler.send_header("connection", "close")
                handler.end_headers()
                while piece := response.read1(65_536):
                    handler.wfile.write(piece)

    return answer
