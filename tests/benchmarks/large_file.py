"""A file of 20,000 lines: what an edit costs there, how quickly a suggestion is checked, and found in memory.

The file is code of the standard library, whole modules one below the other.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lsprotocol import types

from cope_lsp.checks.syntax.enclosure import piece
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.cache import ENTRIES_MAX, SuggestionCache
from cope_lsp.server.documents import LspDocument
from tests.benchmarks.edits import sources
from tests.benchmarks.measure import Measurement, median, p95
from tests.benchmarks.observed_server import LAST
from tests.benchmarks.replay import environment
from tests.benchmarks.typist import Wire
from tests.server.wire_client import (
    INLINE,
    change_message,
    inline_params,
    insertion,
    message,
    open_message,
)

LINES = 20_000
EDITS = 500
PLACES = 200
WHOLE_PLACES = 20
"""Of them, so many are checked with the whole file, too, which takes long."""

URI = "file:///large.py"
_CHEAP = message("workspace/executeCommand", {"command": "cope.server.accept", "arguments": [{"id": ""}]})
"""A question that costs next to nothing: an offer that nobody made."""


def measure(repetitions: int) -> list[Measurement]:
    """Measure with edits and places that are always the same."""
    text = large_text()
    return [
        *_edits(text),
        *_in_server(text, repetitions),
        *asyncio.run(_checks(text)),
        *_memory(text),
    ]


def large_text() -> str:
    """Return modules of the standard library, at least `LINES` lines, as one text that compiles."""
    text = ""
    for path in sources():
        module = path.read_text("utf-8")
        if "from __future__" not in module:  # which must come first in a file
            text += module.rstrip("\n") + "\n\n\n"
        if text.count("\n") >= LINES:
            return text
    msg = f"this standard library has only {text.count(chr(10))} lines of such modules"
    raise AssertionError(msg)


def _rows(
    what: str, seconds: list[float], peer: str = "", peers: list[float] | None = None
) -> list[Measurement]:
    ours, theirs = [1e3 * each for each in seconds], [1e3 * each for each in peers or ()]
    return [
        Measurement(f"large file: {what}, {share}", "ms", pick(ours), peer, pick(theirs) if theirs else None)
        for share, pick in (("median", median), ("95 of 100", p95))
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# -- edits --------------------------------------------------------------------------------------------


def _edits(text: str) -> list[Measurement]:
    """Apply changes to the server's own document, and ask it what each request asks."""
    document = LspDocument(URI, text, 1, "python", types.PositionEncodingKind.Utf16)
    end = document.buffer.offset(LINES - 1, 0)
    changes = [_typed(line) for line in _lines(EDITS)]
    applied = [_timed(partial(document.apply_change, change)) for change in changes]
    texts = []
    for change in changes:
        document.apply_change(change)
        texts.append(_timed(lambda: document.source))
    return [
        *_rows("a change is applied", applied),
        *_rows("the whole text after a change", texts),
        *_rows(
            "the offset of a position in the last line", _often(lambda: document.buffer.offset(LINES - 1, 0))
        ),
        *_rows("the position of an offset in the last line", _often(lambda: document.buffer.position(end))),
    ]


def _lines(count: int) -> list[int]:
    """Return numbers of lines, spread over the file, in no order."""
    return random.Random(1).sample(range(LINES), count)


def _typed(line: int) -> types.TextDocumentContentChangePartial:
    here = types.Position(line, 0)
    return types.TextDocumentContentChangePartial(range=types.Range(here, here), text="x")


def _often(work: Callable[[], object]) -> list[float]:
    return [_timed(work) for _ in range(PLACES)]


def _in_server(text: str, repetitions: int) -> list[Measurement]:
    """Ask the server something cheap, alone and right behind a change, and then for ghost text."""
    with tempfile.TemporaryDirectory(prefix="cope") as folder:
        client = Wire(environment(Path(folder)), Path(folder))
        try:
            client.initialize()
            client.send(open_message(URI, text))
            client.inline(URI, 0, 0, triggerKind=2)  # the model is loaded, and speaks
            alone, behind = [], []
            for version, line in enumerate(_lines(EDITS * max(1, min(repetitions, 5)) // 5), start=2):
                alone.append(_round_trip(client, {}))
                edit = change_message(URI, insertion(line, 0, "x"), version=version)
                behind.append(_round_trip(client, edit))
            remembered = _typed_ahead(client, text)
            client.shut_down()
        finally:
            client.kill()
    handled = [after - before for after, before in zip(behind, alone, strict=True)]
    return [
        *_rows("didChange in the server", handled),
        *_rows("didChange and a request behind it", behind, "the request alone", alone),
        *(_rows("a key typed ahead, answered from memory", remembered) if len(remembered) > 1 else ()),
    ]


def _round_trip(client: Wire, edit: dict[str, object]) -> float:
    request = {"id": client.next_id()} | _CHEAP
    started = time.perf_counter()
    client.send(*([edit] if edit else []), request)
    client.result(request["id"])
    return client.came_at[int(str(request["id"]))] - started


def _typed_ahead(client: Wire, text: str) -> list[float]:
    """Type what is suggested at some places near the end; return how long each answer from memory took."""
    client.send(open_message(uri := "file:///typed_ahead.py", text))
    version, seconds = 1, list[float]()
    lines = text.splitlines()
    for line in [
        each for each in range(LINES - 1, LINES - 2_000, -1) if lines[each].endswith((" =", "(", "."))
    ]:
        column = len(lines[line])
        answer = client.inline(uri, line, column, triggerKind=2)
        for item in answer["items"] if answer else []:
            for typed in item["insertText"].split("\n")[0][:-1]:
                version += 1
                request = client.next_id()
                ask = {"id": request} | message(INLINE, inline_params(uri, line, column + 1, triggerKind=2))
                started = time.perf_counter()
                client.send(change_message(uri, insertion(line, column, typed), version=version), ask)
                client.result(request)
                column += 1
                if client.command(LAST)["fromCache"]:
                    seconds.append(client.came_at[request] - started)
        if len(seconds) >= PLACES:
            break
    return seconds


# -- checks and memory ----------------------------------------------------------------------------------


async def _checks(text: str) -> list[Measurement]:
    """Take lines out, and put each in again as a suggestion."""
    reader = SyntaxReader()
    fits, scenes, pieces, whole = [], [], [], []
    try:
        for number, (without, offset, line) in enumerate(_holes(text)):
            started = time.perf_counter()
            around = piece("python", without, offset)
            pieces.append(time.perf_counter() - started)
            if number == 0:  # starts the process
                await reader.fits("python", around.text, around.offset, [line])
            started = time.perf_counter()
            await reader.fits("python", around.text, around.offset, [line])
            fits.append(time.perf_counter() - started)
            started = time.perf_counter()
            await reader.scene("python", around.text, around.offset)
            scenes.append(time.perf_counter() - started)
            if number < WHOLE_PLACES:
                started = time.perf_counter()
                await reader.new_errors("python", without, without[:offset] + line + without[offset:])
                whole.append(time.perf_counter() - started)
    finally:
        await reader.close()
    return [
        *_rows("the piece around the cursor", pieces),
        *_rows("the syntax gate, in that piece", fits, "the whole file", whole),
        *_rows("what stands at the cursor, in that piece", scenes),
    ]


def _holes(text: str) -> list[tuple[str, int, str]]:
    """Return texts that lack a line's content, where it was (an offset in code points), and the content."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    holes = []
    for number in random.Random(2).sample(range(len(lines)), len(lines)):
        content = lines[number].strip()
        if content and content[0].isalpha() and lines[number][0] == " ":
            at = starts[number] + lines[number].index(content)
            holes.append((text[:at] + text[at + len(content) :], at, content))
        if len(holes) == PLACES:
            break
    return holes


def _memory(text: str) -> list[Measurement]:
    """Look suggestions up in a full memory: half of the places were typed on, half have nothing."""
    memory = SuggestionCache()
    dice = random.Random(3)
    places = [dice.randrange(len(text)) for _ in range(ENTRIES_MAX)]
    for at in places:
        memory.put(URI, text, at, "suggestion = of(some, length)")
    seconds = []
    for at in places[-PLACES:]:
        typed = text[:at] + "suggestion" + text[at:]
        seconds.append(_timed(partial(memory.get, URI, typed, at + len("suggestion"))))
        seconds.append(_timed(partial(memory.get, URI, text, min(len(text), at + 300))))
    return _rows(f"a look into a memory of {ENTRIES_MAX} suggestions", seconds)
