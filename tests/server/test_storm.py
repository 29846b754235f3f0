"""A storm of requests, edits and cancels: every request gets one answer, and nothing is left behind."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import pytest

from tests.server.conftest import StartServer
from tests.server.places import PLACES, end_of, find_offer
from tests.server.wire_client import (
    INLINE,
    Json,
    WireClient,
    change_message,
    inline_params,
    insertion,
    message,
    wait_until,
)

REQUEST_CANCELLED = -32800
SEED = 20261124
CODE = (*PLACES, "\n\ntry:\n    ", "total = 0\r\nfor n in range(9):\r\n    total ", "name = '😀 é 漢' + ")
ANSWERS_TIMEOUT_S = 120.0
NO_TRACE_BYTES = 3_000_000

Scale = Callable[[int, int], int]


@dataclass(slots=True)
class Editor:
    """Somebody who types in several documents at once and is in a hurry."""

    client: WireClient
    chance: random.Random
    texts: dict[str, str] = field(default_factory=dict)
    requests: list[int] = field(default_factory=list)
    doomed: list[int] = field(default_factory=list)
    version: int = 1

    def open(self, text: str, language: str) -> None:
        self.texts[self.client.open(text, language)] = text

    def step(self) -> None:
        """Edit or not, ask, and cancel now, later, or not."""
        uri = self.chance.choice(list(self.texts))
        batch = self.edits(uri) if self.chance.random() < 0.6 else []
        request = self.question(uri)
        batch.append(request)
        self.requests.append(request["id"])
        fate = self.chance.random()
        if fate < 0.2:
            batch.append(cancel(request["id"]))
        elif fate < 0.4:
            self.doomed.append(request["id"])
        if self.doomed and self.chance.random() < 0.4:
            batch.append(cancel(self.doomed.pop(self.chance.randrange(len(self.doomed)))))
        self.client.send(*batch)
        if self.chance.random() < 0.15:
            self.client.response(self.chance.choice(self.requests), ANSWERS_TIMEOUT_S)

    def question(self, uri: str) -> Json:
        request_id = self.client.next_id()
        kind = self.chance.random()
        if kind < 0.1:
            ask = message("workspace/executeCommand", {"command": "cope.server.status"})
        elif kind < 0.3:
            ask = message("textDocument/completion", inline_params(uri, *self.cursor(uri)))
        else:
            ask = message(
                INLINE, inline_params(uri, *self.cursor(uri), triggerKind=self.chance.choice([1, 2, 2]))
            )
        return {"id": request_id} | ask

    def cursor(self, uri: str) -> tuple[int, int]:
        """Return the end of the document mostly, and any place sometimes, even one that does not exist."""
        if self.chance.random() < 0.8:
            return end_of(self.texts[uri])
        return self.chance.randrange(12), self.chance.randrange(40)

    def edits(self, uri: str) -> list[Json]:
        text, typed = self.texts[uri], self.chance.choice(["x", "re", " = ", "\n", ".", "😀", "("])
        if self.chance.random() < 0.2:
            typed = self.chance.choice(CODE)
            changes: list[Json] = [{"text": typed}]
            self.texts[uri] = typed
        else:
            changes = [insertion(*end_of(text), typed)]
            self.texts[uri] = text + typed
        self.version += 1
        return [change_message(uri, *changes, version=self.version)]


def cancel(request_id: int) -> Json:
    return message("$/cancelRequest", {"id": request_id})


def outcome(answer: Json) -> str:
    """Return what kind of answer this is; fail when it is none that an editor expects."""
    if error := answer.get("error"):
        assert error["code"] == REQUEST_CANCELLED, answer
        return "cancelled"
    result = answer["result"]
    if result is None:
        return "superseded"
    return "status" if "version" in result else "offer" if result["items"] else "nothing"


@pytest.mark.timeout(1800)
def test_every_request_of_a_storm_gets_one_answer_and_no_worker_is_left(
    start_server: StartServer, scale: Scale
) -> None:
    client = start_server(COPE_LSP_COMPLETION_FALLBACK="always")
    client.initialize()
    editor = Editor(client, random.Random(SEED))
    for text in CODE:
        editor.open(text, "python")
    editor.open("const a = ", "typescript")
    worker = client.worker()
    for _ in range(scale(200, 2000)):
        editor.step()
    seen = Counter(outcome(client.response(request, ANSWERS_TIMEOUT_S)) for request in editor.requests)
    assert seen["cancelled"] > 0
    assert seen["superseded"] > 0
    find_offer(client)
    assert client.workers() == [worker], "one worker was enough"
    assert client.shut_down() == 0
    assert all(len(client.responses[request]) == 1 for request in editor.requests)
    wait_until(lambda: not worker.is_running(), "the worker is gone")


def leave(client: WireClient) -> int:
    client.notify("exit")
    return client.process.wait(timeout=5)


ENDS: dict[str, Callable[[WireClient], int]] = {
    "shutdown": WireClient.shut_down,
    "exit": leave,
    "hang-up": WireClient.hang_up,
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("end", ENDS)
def test_a_storm_may_end_at_any_moment(start_server: StartServer, scale: Scale, end: str) -> None:
    for moment in range(scale(1, 10)):
        client = start_server()
        client.initialize()
        editor = Editor(client, random.Random(SEED + moment))
        for text in CODE:
            editor.open(text, "python")
        worker = client.worker()
        for _ in range(20 + 7 * moment):
            editor.step()
        assert ENDS[end](client) == (0 if end == "shutdown" else 1)
        wait_until(lambda worker=worker: not worker.is_running(), "the worker is gone", 5)  # type: ignore[misc]
        assert all(len(answers) == 1 for answers in client.responses.values())


def test_a_day_of_typing_leaves_no_trace_in_memory(start_server: StartServer, scale: Scale) -> None:
    """Keys are pressed and taken back: the text is the same in the end, and so is the server."""
    client = start_server(COPE_LSP_COMPLETION_ENABLED="false")
    client.initialize()
    uri = client.open("x = 1\n" * 100)
    there = {"start": {"line": 50, "character": 0}, "end": {"line": 50, "character": 3}}
    keys = change_message(uri, insertion(50, 0, "abc")), change_message(uri, {"range": there, "text": ""})

    def type_for_hours() -> int:
        for _ in range(25):
            client.send(*keys * 100)
        client.status()
        return psutil.Process(client.process.pid).memory_info().rss

    before = type_for_hours()
    for _ in range(scale(1, 10)):
        after = type_for_hours()
    assert after - before < NO_TRACE_BYTES
