"""A server of the Messages API on loopback, for tests."""

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

USAGE = {"input_tokens": 100, "output_tokens": 1}
COST_NUSD = 100 * 2_000 + 20 * 10_000


LAST_USAGE: dict[str, Any] = {"output_tokens": 20}


def events(
    mode: str, text: str = "Sort first.", last_usage: dict[str, Any] = LAST_USAGE
) -> Iterator[dict[str, Any] | str]:
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": USAGE,
    }
    yield {"type": "message_start", "message": message | {"stop_reason": None, "stop_sequence": None}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    if mode == "error event":
        yield {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    if mode == "broken json":
        yield "{not json"
    if mode == "clean early end":
        return
    yield {"type": "content_block_stop", "index": 0}
    usage = None if mode == "null usage" else last_usage
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": usage,
    }
    yield {"type": "message_stop"}


class Provider:
    """A server of the Messages API that fails on demand and counts its POSTs, and all connections."""

    def __init__(self) -> None:
        self.mode, self.status, self.posts, self.connections = "well", 200, 0, 0
        self.text, self.last_usage = "Sort first.", LAST_USAGE
        self.texts: list[str] = []
        """What it answers one after the other; then `text`."""
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                provider.posts += 1
                provider.headers.append({name.lower(): value for name, value in self.headers.items()})
                provider.bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
                provider.may_answer.wait(60)
                body, kind = provider.answer()
                self.send_response(provider.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.send_header("location", f"{provider.url}/elsewhere")
                self.send_header("retry-after", "3600")
                with contextlib.suppress(ConnectionError):  # who asked may be gone
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            def verify_request(self, *_: Any) -> bool:
                provider.connections += 1
                return True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self) -> tuple[bytes, str]:
        if self.status != 200:
            return json.dumps(
                {"type": "error", "error": {"type": "x", "message": "y"}}
            ).encode(), "application/json"
        if self.mode == "html":
            return b"<html>sign in</html>", "text/html"
        text = self.texts.pop(0) if self.texts else self.text
        said = list(events(self.mode, text, self.last_usage))
        texts = (e if isinstance(e, str) else json.dumps(e) for e in said)
        names = [e["type"] if isinstance(e, dict) else "content_block_delta" for e in said]
        stream = "".join(f"event: {name}\ndata: {text}\n\n" for name, text in zip(names, texts, strict=True))
        return stream.encode(), "text/event-stream"


def write_prices(path: Path, url: str) -> None:
    """Write a price table that knows the server at `url`, at Sonnet's prices."""
    rates = 'input="2"\noutput="10"\ncache_write_5m="2.5"\ncache_write_1h="4"\ncache_read="0.1"\n'
    path.write_text(f'[[price]]\nendpoint="{url}"\nmodel="*"\nas_of={datetime.now(UTC).date()}\n{rates}')
