"""A server of the Messages API that fails in every way that we know of, one socket at a time.

It notes what it would charge: a call counts from the moment when its request was read whole and a model ran.
"""

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from tests.models.provider import COST_NUSD, events

Fault = Callable[["FaultyServer", socket.socket], None]

STATUSES: Final = {
    "401": 401, "402": 402, "403": 403, "404": 404, "413": 413, "429 with a long retry-after": 429,
    "429 of the spend cap": 429, "500": 500, "504": 504, "529": 529,
}  # fmt: skip
UNCHARGED: Final = {401, 402, 403, 404, 413, 429}


class FaultyServer:
    """Serves one `mode` until it is closed."""

    def __init__(self, mode: str, seed: int) -> None:
        self.mode = mode
        self.chance = random.Random(seed)
        self.posts = 0
        self.charged_nusd = 0
        self.elsewhere = 0
        """Requests to the place that a redirect points at."""
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):  # a listener that waits in another thread wakes up by this
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            if self.mode == "TLS failure":  # what a sign-in page or a wrong port answers to TLS
                _received(connection)
                connection.sendall(head_of(400))
                return
            head = read_request(connection)
            if head.startswith(b"POST /elsewhere"):
                self.elsewhere += 1
            self.posts += 1
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self.mode in STATUSES:
            self._refuse(connection, STATUSES[self.mode])
        else:
            BEHAVIOUR[self.mode](self, connection)

    def _refuse(self, connection: socket.socket, status: int) -> None:
        self.charge(0 if status in UNCHARGED else COST_NUSD)
        details = {"error_code": "enforced_spend_limit_reached"} if "spend cap" in self.mode else {}
        fault = {"type": "some_error", "message": "m" * self.chance.randrange(2000), "details": details}
        body = json.dumps({"type": "error", "error": fault}).encode()
        retry = "retry-after: 3600\r\n" if "retry-after" in self.mode else ""
        connection.sendall(head_of(status, "application/json", f"{retry}content-length: {len(body)}\r\n"))
        connection.sendall(body)

    def charge(self, amount_nusd: int = COST_NUSD) -> None:
        self.charged_nusd += amount_nusd

    def wait_for_the_end(self, connection: socket.socket) -> None:
        """Say nothing until the other side is gone."""
        connection.settimeout(0.05)
        while not self._closing.is_set():
            with suppress(TimeoutError):
                if not connection.recv(1):
                    return

    def pieces(self, mode: str = "well") -> Iterator[bytes]:
        """Yield a stream in pieces of random sizes."""
        data = b"".join(map(sse, events(mode)))
        while data:
            size = self.chance.randint(1, 400)
            yield data[:size]
            data = data[size:]


def head_of(status: int, kind: str = "text/event-stream", more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n{more}\r\n".encode()


def sse(event: dict[str, Any] | str) -> bytes:
    name = event["type"] if isinstance(event, dict) else "content_block_delta"
    text = event if isinstance(event, str) else json.dumps(event)
    return f"event: {name}\ndata: {text}\n\n".encode()


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = (
        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += _received(connection)
    return head


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ValueError("the request ended early")
    return data


def _stream(server: FaultyServer, connection: socket.socket, mode: str = "well") -> None:
    server.charge()
    connection.sendall(head_of(200))
    for piece in server.pieces(mode):
        connection.sendall(piece)


def _stall(server: FaultyServer, connection: socket.socket) -> None:
    server.charge()
    connection.sendall(head_of(200))
    server.wait_for_the_end(connection)


def _cut(server: FaultyServer, connection: socket.socket) -> None:
    server.charge()
    connection.sendall(head_of(200, more="transfer-encoding: chunked\r\n"))
    pieces = list(server.pieces())
    for piece in pieces[: server.chance.randrange(len(pieces))]:
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))


def _unknown(server: FaultyServer, connection: socket.socket) -> None:
    server.charge()
    connection.sendall(head_of(200))
    for event in events("well"):
        if server.chance.random() < 0.7:
            connection.sendall(sse({"type": "of_the_future", "value": [1, {"two": None}]}))
        connection.sendall(sse(event))


def _page(server: FaultyServer, connection: socket.socket) -> None:
    body = b"<html>" + b"sign in " * server.chance.randrange(1, 500)
    connection.sendall(head_of(200, "text/html", f"content-length: {len(body)}\r\n") + body)


def _wrong_type(server: FaultyServer, connection: socket.socket) -> None:
    server.charge()
    body = json.dumps({"type": "message", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}})
    connection.sendall(head_of(200, "application/json", f"content-length: {len(body)}\r\n") + body.encode())


def _redirect(server: FaultyServer, connection: socket.socket) -> None:
    path = "/v1/messages" if server.mode == "redirect loop" else "/elsewhere"
    place = f"location: http://127.0.0.1:{server.port}{path}\r\n"
    status = server.chance.choice([301, 302, 303, 307, 308])
    connection.sendall(head_of(status, "text/plain", f"{place}content-length: 0\r\n"))


def _drip(server: FaultyServer, connection: socket.socket) -> None:
    server.charge()
    connection.sendall(head_of(200))
    for byte in b"".join(server.pieces()):
        connection.sendall(bytes([byte]))
        time.sleep(server.chance.uniform(0.005, 0.02))


def _events(mode: str) -> Fault:
    return lambda server, connection: _stream(server, connection, mode)


BEHAVIOUR: Final[dict[str, Fault]] = {
    "stall": _stall,
    "cut stream": _cut,
    "clean early end": _events("clean early end"),
    "error event": _events("error event"),
    "broken JSON": _events("broken json"),
    "unknown event": _unknown,
    "HTML with 200": _page,
    "null usage": _events("null usage"),
    "redirect": _redirect,
    "redirect loop": _redirect,
    "slow drip": _drip,
    "wrong content type": _wrong_type,
}


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to fail: what our error says, "" for an answer all the same, and where to ask."""

    name: str
    reason: str
    endpoint: str = "http://127.0.0.1:{port}"
    posts: int = 1


MODES: Final = (
    Mode("401", "key-rejected"),
    Mode("402", "payment"),
    Mode("403", "forbidden"),
    Mode("404", "not-found"),
    Mode("413", "too-large"),
    Mode("429 with a long retry-after", "rate-limited"),
    Mode("429 of the spend cap", "spend-cap"),
    Mode("500", "server-fault"),
    Mode("504", "timed-out"),
    Mode("529", "overloaded"),
    Mode("stall", "timed-out"),
    Mode("cut stream", "cut-short"),
    Mode("clean early end", "cut-short"),
    Mode("error event", "overloaded"),
    Mode("broken JSON", "not-understood"),
    Mode("unknown event", ""),
    Mode("HTML with 200", "not-understood"),
    Mode("null usage", ""),
    Mode("redirect", "redirected"),
    Mode("redirect loop", "redirected"),
    Mode("slow drip", "timed-out"),
    Mode("wrong content type", "not-understood"),
    Mode("refused", "unreachable", "http://127.0.0.1:1", posts=0),
    Mode("DNS failure", "unreachable", "http://no-such-host.invalid", posts=0),
    Mode("TLS failure", "insecure", "https://127.0.0.1:{port}", posts=0),
)
