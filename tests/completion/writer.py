"""A model on loopback that writes what a test says, as a server of text with `/v1/completions` would."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.models.fronts import EVENTS, front, say_json

STALL_S = 30.0
"""How long a model says nothing at most; nobody should wait for the end of that."""


@dataclass(slots=True)
class Writer:
    """What it writes, and what it was asked."""

    name: str = "org/small"
    """Of the model; that tells its family."""
    url: str = ""
    texts: tuple[str, ...] = ("",)
    """The draft with the number n is the n-th of them, over and over again."""
    may_go_on: threading.Event = field(default_factory=threading.Event)
    """While it is clear, each draft stalls at its end."""
    seconds: float = 0.0
    """How long it reads before it writes."""
    prompts: list[str] = field(default_factory=list)
    answers_max: int | None = None
    """After so many it refuses to write; None: it never does."""

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request."""
        if handler.path == "/v1/models":
            models = [{"id": self.name, "owned_by": "vllm", "max_model_len": 4096}]
            say_json(handler, {"data": models})
        elif handler.path == "/v1/completions":
            self._write(handler, json.loads(body))
        else:
            say_json(handler, {"error": "no such page"}, 404)

    def _write(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if self.answers_max is not None and len(self.prompts) >= self.answers_max:
            say_json(handler, {"error": "no more"}, 500)
            return
        self.prompts.append(body["prompt"])
        time.sleep(self.seconds)
        handler.send_response(200)
        handler.send_header("content-type", EVENTS)
        handler.send_header("connection", "close")
        handler.end_headers()
        drafts = range(body.get("n", 1))
        for index in drafts:
            handler.wfile.write(_event(index=index, text=self.texts[index % len(self.texts)]))
        self.may_go_on.wait(STALL_S)
        for index in drafts:
            handler.wfile.write(_event(index=index, text="", finish_reason="stop"))
        handler.wfile.write(b"data: [DONE]\n\n")


def _event(**choice: object) -> bytes:
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


@contextmanager
def writer(name: str = "org/small") -> Iterator[Writer]:
    """Run a model with such a name."""
    made = Writer(name)
    made.may_go_on.set()
    with front(made.answer) as seen:
        made.url = seen.url
        yield made
        made.may_go_on.set()
