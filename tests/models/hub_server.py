"""A hub on loopback that speaks the API of the Hugging Face hub and fails in every way that we know of."""

import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "some/model-GGUF"
FILE = "model.q8_0.gguf"
PIECE_BYTES = 16_384


def content(size: int, seed: int = 0) -> bytes:
    """Return what begins as a GGUF file does."""
    return b"GGUF" + random.Random(seed).randbytes(size - 4)


@dataclass(slots=True)
class Behaviour:
    """How the hub answers; by default as it should."""

    cuts: list[int] = field(default_factory=list)
    """After how many bytes each answer with the file breaks off, in turn; then none does."""
    honours_range: bool = True
    sent: bytes | None = None
    """The bytes that are sent in place of the right ones."""
    says_length: bool = True
    index_status: int = 200
    file_status: int = 200
    index_location: str = ""
    file_location: str = ""
    """Where the file is said to be instead."""
    index: dict[str, Any] | None = None
    words: dict[str, str] = field(default_factory=dict)
    """Headers that differ from what the index says."""
    byte_s: float = 0.0
    """Seconds per byte, for a drip."""
    stalls_after: int | None = None
    """After so many bytes nothing comes until `go_on` is set."""


class HubServer(ThreadingHTTPServer):
    """Serves one file of one repository at a port of its own."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, data: bytes, behaviour: Behaviour | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = data
        self.behaviour = behaviour or Behaviour()
        self.prefix = ""
        """The path of a mirror that is not at the root of its server."""
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.go_on = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def file_requests(self) -> list[dict[str, str]]:
        """The headers of the requests for the file."""
        return [headers for path, headers in self.requests if "/api/" not in path]

    def index(self) -> dict[str, Any]:
        lfs = {"sha256": self.sha256, "size": len(self.data), "pointerSize": 134}
        files = [
            {"rfilename": FILE, "size": len(self.data), "lfs": lfs},
            {"rfilename": "README.md", "size": 5},
        ]
        return {"id": REPOSITORY, "sha": COMMIT, "siblings": files}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what the tests are about."""


@contextmanager
def serving(data: bytes, behaviour: Behaviour | None = None) -> Iterator[HubServer]:
    server = HubServer(data, behaviour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        names = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, names))
        self.close_connection = True
        parts = urlsplit(self.path)  # a proxy is asked for whole URLs
        self.path = f"{parts.path}?{parts.query}".removeprefix(self.server.prefix)
        if self.path.startswith("/api/models/"):
            self._index()
        else:
            self._file()

    def _index(self) -> None:
        how = self.server.behaviour
        if how.index_location:
            place, how.index_location = how.index_location, ""
            self._head(307, {"location": place, "content-length": "0"})
            return
        body = json.dumps(how.index or self.server.index()).encode()
        self._head(how.index_status, {"content-type": "application/json", "content-length": str(len(body))})
        self.wfile.write(body)

    def _file(self) -> None:
        how, data = self.server.behaviour, self.server.data
        words = {"x-linked-etag": f'"{self.server.sha256}"', "x-linked-size": str(len(data))}
        words |= {"x-repo-commit": COMMIT} | how.words
        if how.file_location:
            self._head(302, words | {"location": how.file_location, "content-length": "0"})
            return
        if how.file_status != 200:
            self._head(how.file_status, {"content-length": "0"})
            return
        sent = data if how.sent is None else how.sent
        wanted = self.headers.get("range", "")
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and how.honours_range else 0
        more = {"content-length": str(len(sent) - first)} if how.says_length else {}
        if first:
            more["content-range"] = f"bytes {first}-{len(sent) - 1}/{len(sent)}"
        self._head(206 if first else 200, words | more)
        self._send(sent[first:])

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"connection": "close"}).items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, data: bytes) -> None:
        how = self.server.behaviour
        if how.cuts:
            data = data[: how.cuts.pop(0)]
        if how.stalls_after is not None:
            self.wfile.write(data[: how.stalls_after])
            self.wfile.flush()
            self.server.go_on.wait()
            data = data[how.stalls_after :]
        size = 1 if how.byte_s else PIECE_BYTES
        with suppress(OSError):
            for start in range(0, len(data), size):
                self.wfile.write(data[start : start + size])
                time.sleep(how.byte_s)
