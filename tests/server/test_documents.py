"""Documents follow every edit, with lines and columns as LSP counts them, whatever is in the text."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from cope_lsp.server.documents import Derived, LspDocument, LspWorkspace
from tests.conftest import scaled
from tests.server.conftest import StartServer
from tests.server.places import Encoding, units
from tests.server.wire_client import Json, WireClient

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
PIECES = (
    "a",
    "_b1",
    " ",
    "é",
    "漢",
    "😀",
    "\n",
    "\r",
    "\r\n",
    "\f",
    "\v",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
)
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


# -- the model: the specification, word by word, on one string -----------------------------------


def line_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every line, without its line end; there is always a last line."""
    spans, start, at = [], 0, 0
    while at < len(text):
        if text[at] in "\r\n":
            spans.append((start, at))
            at += 2 if text[at : at + 2] == "\r\n" else 1
            start = at
        else:
            at += 1
    return [*spans, (start, len(text))]


def position_at(text: str, offset: int, encoding: Encoding) -> types.Position:
    """Return the position of an offset; between \\r and \\n there is none but the end of the line."""
    spans = line_spans(text)
    line = max(index for index, (start, _) in enumerate(spans) if start <= offset)
    start, end = spans[line]
    return types.Position(line, units(text[start : min(offset, end)], encoding))


def nearest(text: str, offset: int) -> int:
    """Return `offset`, or the end of its line when it stands between \\r and \\n."""
    return offset - 1 if text[max(offset - 1, 0) : offset + 1] == "\r\n" else offset


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement between two places, given as numbers of which only the remainder counts."""

    one: int
    other: int
    text: str
    past_end: bool = False

    def offsets(self, text: str) -> tuple[int, int]:
        low, high = sorted(nearest(text, number % (len(text) + 1)) for number in (self.one, self.other))
        return low, high

    def apply(self, text: str) -> str:
        low, high = self.offsets(text)
        return text[:low] + self.text + text[high:]

    def change(self, text: str, encoding: Encoding) -> types.TextDocumentContentChangePartial:
        low, high = (position_at(text, offset, encoding) for offset in self.offsets(text))
        if self.past_end and high == position_at(text, len(text), encoding):
            high = types.Position(high.line + 3, 7)  # beyond the document means its end
        elif self.past_end and self.offsets(text)[1] in (end for _, end in line_spans(text)):
            high = types.Position(high.line, high.character + 5)  # beyond the line means its end
        return types.TextDocumentContentChangePartial(types.Range(low, high), self.text)


numbers = st.integers(0, 10_000)
edits = st.builds(Edit, numbers, numbers, texts, st.booleans())


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(text=texts, sequence=st.lists(edits, max_size=8), encoding=st.sampled_from(ENCODINGS))
@pytest.mark.timeout(1800)
def test_every_edit_lands_where_the_specification_says(
    text: str, sequence: list[Edit], encoding: Encoding
) -> None:
    document = LspDocument("file:///a.py", text, 1, "python", encoding)
    for edit in sequence:
        document.apply_change(edit.change(text, encoding))
        text = edit.apply(text)
        assert document.source == text
        assert "".join(document.lines) == text


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(text=texts, number=numbers, beyond=st.integers(0, 3), encoding=st.sampled_from(ENCODINGS))
@pytest.mark.timeout(1800)
def test_every_position_means_one_offset_and_back(
    text: str, number: int, beyond: int, encoding: Encoding
) -> None:
    buffer = LspDocument("file:///a.py", text, 1, "python", encoding).buffer
    offset = nearest(text, number % (len(text) + 1))
    position = position_at(text, offset, encoding)
    assert buffer.offset(position.line, position.character) == offset
    assert buffer.position(offset) == (position.line, position.character)
    _, end = line_spans(text)[position.line]
    past = units(text[offset:end], encoding) + beyond
    assert buffer.offset(position.line, position.character + past) == end
    assert buffer.offset(len(line_spans(text)) + beyond, beyond) == len(text)


@given(before=texts, after=texts)
def test_a_whole_new_text_replaces_the_old(before: str, after: str) -> None:
    document = LspDocument("file:///a.py", before, 1, "python", "utf-16")
    document.apply_change(types.TextDocumentContentChangeWholeDocument(after))
    assert document.source == after


# -- the same through the wire --------------------------------------------------------------------

ODD = "a\fb\nc\u2028d\re\x85f\r\n😀 = '漢'\x1c\n\x0bend\r\r\n_x"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_server_sees_the_text_that_the_editor_has(start_server: StartServer, encoding: Encoding) -> None:
    """Without a model an answer still tells one thing: whether an identifier goes on at a place."""
    client = start_server("--model", "none.gguf")
    client.initialize(encoding=encoding)
    text, uri = ODD, client.open(ODD)
    sequence = [Edit(3, 3, "é\r"), Edit(8, 14, "\n漢"), Edit(20, 5, "w\u2029w\r")]
    for version, edit in enumerate([*sequence, Edit(0, 0, "\n")], start=2):
        client.change(uri, as_json(edit.change(text, encoding)), version=version)
        text = edit.apply(text)
        for offset in {nearest(text, offset) for offset in range(len(text) + 1)}:
            position = position_at(text, offset, encoding)
            assert sees_word(client, uri, position) == is_word(text[offset : offset + 1]), offset


def as_json(change: types.TextDocumentContentChangePartial) -> Json:
    start, end = (
        {"line": place.line, "character": place.character} for place in (change.range.start, change.range.end)
    )
    return {"range": {"start": start, "end": end}, "text": change.text}


def is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def sees_word(client: WireClient, uri: str, position: types.Position) -> bool:
    assert client.inline(uri, position.line, position.character, triggerKind=2) == {"items": []}
    reason = client.status()["lastSilence"]
    assert reason in {"inside-word", "model-unavailable"}
    return bool(reason == "inside-word")


async def test_who_waits_for_a_document_in_vain_leaves_nothing_behind() -> None:
    workspace = LspWorkspace(None)
    for name in ("a", "b"):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(workspace.opening(f"file:///{name}.py"), 0.01)
    waiting = [asyncio.create_task(workspace.opening("file:///a%20b.py")) for _ in range(2)]
    await asyncio.sleep(0)
    workspace.put_text_document(types.TextDocumentItem("file:///a b.py", "python", 1, ""))
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert not workspace._waiting


async def test_what_follows_from_a_text_is_worked_out_once_per_version() -> None:
    asked: list[str] = []

    async def length(text: str) -> int:
        asked.append(text)
        return len(text)

    derived: Derived[int] = Derived()
    document = LspDocument("file:///a.py", "ab", 1, "python", None)
    assert [await derived.of(document, length) for _ in range(3)] == [2, 2, 2]
    document.apply_change(types.TextDocumentContentChangeWholeDocument("abc"))
    document.version = 2
    assert [await derived.of(document, length) for _ in range(3)] == [3, 3, 3]
    assert asked == ["ab", "abc"]
    document.version = None
    assert [await derived.of(document, length) for _ in range(2)] == [3, 3]
    assert len(asked) == 4, "without a version nobody knows whether it is the same"
