"""Somebody who types changes again, in an editor that asks for ghost text at each key and believes no answer.

Each answer is compared with the document as it was when it was given: `fits` says what must hold.
"""

import random
import re
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

from tests.benchmarks.history import Change, shared
from tests.benchmarks.observed_server import LAST
from tests.server.wire_client import (
    INLINE,
    Json,
    WireClient,
    change_message,
    inline_params,
    message,
    open_message,
)

SERVER = (sys.executable, "-m", "tests.benchmarks.observed_server")

ERROR_SHARE = 0.02
ACCEPT_SHARE = 0.3
WORD_SHARE = 0.4
"""Of what could be accepted whole: so often it is the first word only, as where no more of it is right."""

MENDED_SHARE = 0.1
"""So often a suggestion of which only the beginning is right is accepted, and its end taken away again."""

BACKSPACES_MAX = 20
"""A longer piece is selected, and goes with one key."""

Manner = Literal["waits", "hurries", "cancels", "types through"]
"""What follows a key: the answer; the next key and its question; that with a cancellation of this question;
the next key without a question, as from an editor that asks at pauses."""

_SHARES = (0.7, 0.12, 0.06, 0.12)
_CANCELLED = -32800
_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")

_OF_THE_MODEL = frozenset(
    {
        "empty",
        "repeats-suffix",
        "repeats-prefix",
        "repeats-itself",
        "too-short",
        "marks-in-text",
        "adds-error",
    }
)
"""Silences of which the model knows; for all others it was not asked."""


@dataclass(frozen=True, slots=True)
class State:
    """The document of an editor after a key."""

    version: int
    text: str
    cursor: int
    """The offset in code points."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for ghost text."""

    request: int
    state: State


def fits(item: Json, asked: State, then: State) -> bool:
    """Whether an item that was asked for in one state makes sense in the same state or a later one.

    The later text must be that of the question with something typed at its place and nothing else; the item
    must replace nothing, and stand behind what was typed.
    """
    at, length = asked.cursor, len(then.text) - len(asked.text)
    if length < 0 or not item["insertText"]:
        return False
    typed = then.text[at : at + length]
    is_typed = then.text == asked.text[:at] + typed + asked.text[at:]
    here = position(then.text, at + length)
    return is_typed and item["range"] == {"start": here, "end": here}


def position(text: str, offset: int) -> Json:
    """Return the position of an offset for a server that counts code points."""
    start = text.rfind("\n", 0, offset) + 1
    return {"line": text.count("\n", 0, offset), "character": offset - start}


@dataclass(slots=True)
class Counts:
    """What became of the keys."""

    keys: int = 0
    changes: int = 0
    questions: int = 0
    left: int = 0
    """Questions answered with nothing, because the user had gone on."""
    modelled: int = 0
    """Awaited answers for which the model was asked."""
    remembered: int = 0
    """Awaited answers from memory."""
    shown: int = 0
    typed_through: int = 0
    """Those that were shown behind what had been typed since the question."""
    accepted: int = 0
    words: int = 0
    kept: int = 0
    accepted_characters: int = 0
    kept_characters: int = 0
    model_ms: list[float] = field(default_factory=list)
    memory_ms: list[float] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """A line for each stale answer."""
    errors: list[str] = field(default_factory=list)
    """A line for each answer that was an error, but for those that were asked for by a cancellation."""

    @property
    def wrong(self) -> list[str]:
        """All lines on answers that must not be."""
        return [f"stale: {line}" for line in self.stale] + [f"error: {line}" for line in self.errors]


class Wire(WireClient):
    """A client that notes when each answer came, and what the server must have read by then."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.came_at: dict[int, float] = {}
        self.read_by: dict[int, int] = {}
        """The version that the server had surely read when it answered a request: it reads in order, and had
        answered another request that was sent after that version."""
        self.sent_after: dict[int, int] = {}
        """The version that was sent before each request."""
        self._read = 0
        super().__init__(SERVER, environment, folder)

    def _hear(self, heard: Json) -> None:
        request = heard.get("id")
        if "method" not in heard and isinstance(request, int):
            self.came_at[request] = time.perf_counter()
            self._read = max(self._read, self.sent_after.get(request, 0))
            self.read_by[request] = self._read
        super()._hear(heard)


class Typist:
    """Somebody who types changes again."""

    def __init__(self, client: Wire, seed: int) -> None:
        self.counts = Counts()
        self._client = client
        self._dice = random.Random(seed)
        self._version = 0
        """It goes on from document to document, so that versions say which text is newer."""
        self._uri = ""
        self._state = State(0, "", 0)
        self._states: dict[int, State] = {}
        """All versions of the open document."""
        self._origin = array("L")
        """For each character the number of the acceptance that it is from, or 0."""
        self._accepted: dict[int, int] = {}
        """The length of each accepted text by its number."""
        self._open: list[Asked] = []
        """Questions whose answers nobody has waited for."""
        self._types_through = False

    def write(self, change: Change, keys_max: int) -> None:
        """Type one change, at most so many keys of it."""
        self._begin(change)
        last, shift = self.counts.keys + keys_max, 0
        for hunk in change.hunks:
            if self.counts.keys >= last:
                break
            self._press(hunk.at + shift, hunk.at + shift, "")
            self._take_away(hunk.at + shift, len(hunk.old))
            self._type(hunk.at + shift, hunk.new, last)
            shift += len(hunk.new) - len(hunk.old)
        self._end()

    # -- the work -------------------------------------------------------------------------------------

    def _begin(self, change: Change) -> None:
        self._version += 1
        self._uri = f"file:///history/{change.commit[:12]}/{quote(change.path)}"
        self._state = State(self._version, change.before, 0)
        self._states = {self._version: self._state}
        self._origin = array("L", [0]) * len(change.before)
        self._accepted = {}
        opening = open_message(self._uri, change.before)
        opening["params"]["textDocument"]["version"] = self._version
        self._client.send(opening)
        self.counts.changes += 1

    def _end(self) -> None:
        self._look_at_rest()
        self._types_through = False
        self._client.notify("textDocument/didClose", {"textDocument": {"uri": self._uri}})
        for number, length in self._accepted.items():
            left = self._origin.count(number)
            self.counts.kept_characters += left
            self.counts.kept += left == length

    def _take_away(self, at: int, length: int) -> None:
        if length > BACKSPACES_MAX:
            self._press(at, at + length, "")
            return
        for end in range(at + length, at, -1):
            self._press(end - 1, end, "")

    def _type(self, at: int, text: str, last: int) -> None:
        """Type a text from an offset on, until so many keys were pressed in all."""
        done = 0
        while done < len(text) and self.counts.keys < last:
            if self._dice.random() < ERROR_SHARE:
                self._press(at + done, at + done, self._dice.choice("etaoin"))
                self._press(at + done, at + done + 1, "")
            key = _key(text, done)
            offer = self._press(at + done, at + done, key)
            done += len(key)
            done += self._accept(at + done, offer, text[done:])

    def _accept(self, at: int, offer: Json | None, rest: str) -> int:
        """Accept an offer, or not; return how much of the rest that is to be typed it has written."""
        wants, is_word, is_mended = (
            self._dice.random() < share for share in (ACCEPT_SHARE, WORD_SHARE, MENDED_SHARE)
        )
        if offer is None:
            return 0
        text: str = offer["insertText"]
        right, word = shared(text, rest), _WORD.match(text)
        end = word.end() if word else len(text)
        if wants and end <= right and end < len(text) and (is_word or right < len(text)):
            self.counts.words += 1
            self._insert(at, text[:end])
            return end
        if (wants and right == len(text)) or (is_mended and 2 * right >= len(text)):
            self._insert(at, text, offer["command"])
            if right < len(text):
                self._press(at + right, at + len(text), "")
            return right
        return 0

    def _insert(self, at: int, text: str, command: Json | None = None) -> None:
        self.counts.accepted += 1
        self.counts.accepted_characters += len(text)
        self._accepted[self.counts.accepted] = len(text)
        self._press(at, at, text, self.counts.accepted, command)

    # -- keys -----------------------------------------------------------------------------------------

    def _press(
        self, start: int, end: int, text: str, origin: int = 0, command: Json | None = None
    ) -> Json | None:
        """Press a key, and return what is offered after it if its answer is waited for.

        `command` is what an editor runs when it has inserted an offer.
        """
        self.counts.keys += 1
        (manner,) = self._dice.choices(get_args(Manner), _SHARES)
        messages = [] if start == end and not text else [self._change(start, end, text, origin)]
        if not messages:
            self._state = State(self._version, self._state.text, start)
        if command:
            messages.append({"id": self._client.next_id()} | message("workspace/executeCommand", command))
        if self._types_through:
            self._typed_through(messages)
            return None
        asked = Asked(self._client.next_id(), self._state)
        where = position(self._state.text, self._state.cursor)
        params = inline_params(self._uri, where["line"], where["character"], triggerKind=2)
        messages.append({"id": asked.request} | message(INLINE, params))
        self._open.append(asked)
        self.counts.questions += 1
        self._client.sent_after[asked.request] = self._version
        sent = time.perf_counter()
        self._client.send(*messages)
        if manner == "cancels":
            self._client.notify("$/cancelRequest", {"id": asked.request})
        self._types_through = manner == "types through"
        return self._awaited(asked, sent) if manner == "waits" else None

    def _change(self, start: int, end: int, text: str, origin: int) -> Json:
        old = self._state.text
        where = {"start": position(old, start), "end": position(old, end)}
        self._version += 1
        self._state = State(self._version, old[:start] + text + old[end:], start + len(text))
        self._states[self._version] = self._state
        self._origin[start:end] = array("L", [origin]) * len(text)
        return change_message(self._uri, {"range": where, "text": text}, version=self._version)

    def _awaited(self, asked: Asked, sent: float) -> Json | None:
        """Wait for the answer to the newest question, and note where it came from."""
        answer = self._client.response(asked.request)
        milliseconds = 1e3 * (self._client.came_at[asked.request] - sent)
        self._look_at_rest()
        last = self._client.command(LAST)
        if last["fromCache"]:
            self.counts.remembered += 1
            self.counts.memory_ms.append(milliseconds)
        elif last["silence"] in _OF_THE_MODEL or last["silence"] is None:
            self.counts.modelled += 1
            self.counts.model_ms.append(milliseconds)
        items = (answer.get("result") or {}).get("items") or []
        if items and items[0]["insertText"] != last["text"]:
            self._complain(asked, items[0], f"it is not what was found: {last['text']!r}")
        return items[0] if items else None

    def _typed_through(self, messages: Sequence[Json]) -> None:
        """Type on before the answer, and look whether it takes that into account."""
        self._types_through = False
        probe = self._client.next_id()
        self._client.sent_after[probe] = self._version
        self._client.send(*messages, {"id": probe} | _last_message())
        self._client.result(probe)
        asked = self._open[-1]
        answer = self._client.response(asked.request)
        self._look_at_rest()
        for item in (answer.get("result") or {}).get("items") or []:
            whole = self._client.command(LAST)["text"]
            typed = self._state.text[asked.state.cursor : self._state.cursor]
            if item["insertText"] != whole and typed + item["insertText"] != whole:
                self._complain(asked, item, f"what was typed is not the beginning of {whole!r}")
            self.counts.typed_through += item["insertText"] != whole

    def _look_at_rest(self) -> None:
        """Look at all answers that nobody has looked at; each must have come, or come now."""
        for asked in self._open:
            answer = self._client.response(asked.request)
            if "error" in answer and answer["error"]["code"] != _CANCELLED:
                self.counts.errors.append(str(answer["error"]["message"]))
            items = (answer.get("result") or {}).get("items") or []
            self.counts.left += answer.get("result") is None
            self.counts.shown += bool(items)
            read_by = self._client.read_by[asked.request]
            for item in items:
                if not any(fits(item, asked.state, then) for then in self._since(asked, read_by)):
                    self._complain(asked, item, f"version {read_by} was known")
        self._open.clear()

    def _since(self, asked: Asked, read_by: int) -> list[State]:
        """Return the states that the server may have known when it answered."""
        first = max(asked.state.version, read_by)
        return [state for version, state in self._states.items() if version >= first]

    def _complain(self, asked: Asked, item: Json, why: str) -> None:
        what = f"{self._uri} version {asked.state.version} at {asked.state.cursor}"
        self.counts.stale.append(f"{what}: {item['insertText']!r} at {item['range']['start']}: {why}")


def _key(text: str, done: int) -> str:
    """Return what the next key brings: a character, or a line end with its indentation."""
    if text[done] != "\n":
        return text[done]
    below = text[done + 1 :]
    return "\n" + below[: len(below) - len(below.lstrip(" "))]


def _last_message() -> Json:
    return message("workspace/executeCommand", {"command": LAST, "arguments": []})
