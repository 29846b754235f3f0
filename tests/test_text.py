"""Text as LSP counts it, compared with a slow model that follows the words of the specification."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cope_lsp.text import (
    Encoding,
    TextBuffer,
    column,
    columns_of,
    split_lines,
    units,
    without_end,
    without_hidden,
)
from tests.conftest import scaled

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("\n", ["\n"]),
        ("a\n", ["a\n"]),
        ("a\nb", ["a\n", "b"]),
        ("a\r\nb\r\n", ["a\r\n", "b\r\n"]),
        ("a\rb\r", ["a\r", "b\r"]),
        ("a\n\rb", ["a\n", "\r", "b"]),
        ("\r\r\n\n", ["\r", "\r\n", "\n"]),
        ("a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i", ["a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i"]),
        ("a\x00b\n", ["a\x00b\n"]),
    ],
)
def test_only_three_line_ends_are_line_ends(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@pytest.mark.parametrize("line", ["a", "a\n", "a\r\n", "a\r"])
def test_a_line_without_its_end_is_its_content(line: str) -> None:
    assert without_end(line) == "a"


@pytest.mark.parametrize(
    ("text", "utf8", "utf16", "utf32"),
    [
        ("", 0, 0, 0),
        ("ab", 2, 2, 2),
        ("é", 2, 1, 1),
        ("€", 3, 1, 1),
        ("😀", 4, 2, 1),
        ("e\u0301", 3, 2, 2),
        ("👩\u200d💻", 11, 5, 3),
        ("\ud83d", 3, 1, 1),
    ],
)
def test_a_text_is_as_long_as_its_encoding_makes_it(text: str, utf8: int, utf16: int, utf32: int) -> None:
    assert [units(text, encoding) for encoding in ENCODINGS] == [utf8, utf16, utf32]


@pytest.mark.parametrize(
    ("line", "character", "encoding", "expected"),
    [
        ("abc\n", 2, "utf-16", 2),
        ("abc\n", 3, "utf-16", 3),
        ("abc\n", 4, "utf-16", 3),
        ("abc\r\n", 9_999, "utf-16", 3),
        ("abc", -1, "utf-16", 0),
        ("é", -1, "utf-8", 0),
        ("", 5, "utf-16", 0),
        ("a😀b", 1, "utf-16", 1),
        ("a😀b", 2, "utf-16", 2),  # inside the pair: its end
        ("a😀b", 3, "utf-16", 2),
        ("a😀b", 4, "utf-16", 3),
        ("a😀b", 2, "utf-32", 2),
        ("a😀b", 5, "utf-8", 2),
        ("a😀b", 3, "utf-8", 2),  # inside the four bytes: their end
        ("é€\r", 2, "utf-8", 1),
        ("é€\r", 99, "utf-8", 2),
    ],
)
def test_a_column_is_found_in_the_clients_units(
    line: str, character: int, encoding: Encoding, expected: int
) -> None:
    assert column(line, character, encoding) == expected


@pytest.mark.parametrize(
    ("text", "position", "offset"),
    [
        ("", (0, 0), 0),
        ("", (3, 7), 0),
        ("ab\ncd", (1, 1), 4),
        ("ab\ncd", (1, 99), 5),
        ("ab\ncd", (0, 99), 2),
        ("ab\ncd", (2, 0), 5),
        ("ab\ncd\n", (2, 0), 6),
        ("ab\ncd\n", (9, 9), 6),
        ("ab\r\ncd", (0, 3), 2),
        ("ab\ncd", (-1, 5), 0),
        ("ab\ncd", (1, -5), 3),
    ],
)
def test_a_position_outside_means_the_nearest_end(text: str, position: tuple[int, int], offset: int) -> None:
    assert TextBuffer(text, "utf-16").offset(*position) == offset


@pytest.mark.parametrize(
    ("text", "offset", "position"),
    [
        ("", 0, (0, 0)),
        ("ab", 2, (0, 2)),
        ("ab\n", 2, (0, 2)),
        ("ab\n", 3, (1, 0)),
        ("ab\ncd", 3, (1, 0)),
        ("😀b", 1, (0, 2)),
        ("ab", -3, (0, 0)),
        ("ab", 99, (0, 2)),
        ("ab\n", 99, (1, 0)),
        ("ab\r\ncd", 3, (0, 2)),  # LSP has no position between \r and \n
    ],
)
def test_an_offset_becomes_a_position_that_exists(text: str, offset: int, position: tuple[int, int]) -> None:
    assert TextBuffer(text, "utf-16").position(offset) == position


@pytest.mark.parametrize(
    ("text", "start", "end", "new", "expected"),
    [
        ("", (0, 0), (0, 0), "a\n", "a\n"),
        ("ab", (0, 1), (0, 1), "X", "aXb"),
        ("ab\ncd\nef", (0, 1), (2, 1), "", "af"),
        ("ab\ncd\n", (2, 0), (2, 0), "ef", "ab\ncd\nef"),
        ("ab\ncd", (9, 0), (9, 9), "!", "ab\ncd!"),
        ("ab\ncd", (0, 0), (99, 0), "", ""),
        ("a\rb", (1, 0), (1, 0), "\n", "a\r\nb"),  # the \r above meets a \n
        ("a\rx\nb", (1, 0), (1, 1), "", "a\r\nb"),
        ("ab\n", (0, 1), (0, 1), "\r", "a\rb\n"),
        ("a\n", (0, 1), (0, 1), "\r", "a\r\n"),  # and so does an inserted one
        ("ab\ncd", (1, 1), (0, 1), "X", "ab\ncXd"),  # it ends before it begins
    ],
)
def test_a_change_replaces_what_it_names(
    text: str, start: tuple[int, int], end: tuple[int, int], new: str, expected: str
) -> None:
    buffer = TextBuffer(text, "utf-16")
    buffer.replace(start, end, new)
    assert buffer.text == expected
    assert buffer.lines == tuple(split_lines(expected))


def test_the_text_of_a_buffer_is_there_before_and_after_a_change() -> None:
    buffer = TextBuffer("a\nb", "utf-16")
    assert buffer.text == "a\nb"
    buffer.replace((0, 1), (1, 0), "")
    assert buffer.text == "ab"


# -- the model: one string, walked through from its beginning every time -----------------------------


def _lines(text: str) -> list[tuple[int, int]]:
    """Return (start, end of the content) of every line; a text that ends in a line end has an empty last."""
    bounds, start, at = [], 0, 0
    while at < len(text):
        if text[at] in "\r\n":
            bounds.append((start, at))
            at += 2 if text[at : at + 2] == "\r\n" else 1
            start = at
        else:
            at += 1
    return [*bounds, (start, len(text))]


def _width(char: str, encoding: Encoding) -> int:
    code = ord(char)
    if encoding == "utf-8":
        return 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)
    return 2 if encoding == "utf-16" and code >= 0x10000 else 1


def _offset(text: str, position: tuple[int, int], encoding: Encoding) -> int:
    lines = _lines(text)
    line, character = position
    if line < 0:
        return 0
    if line >= len(lines):
        return len(text)
    at, end = lines[line]
    left = character
    while at < end and left > 0:
        left -= _width(text[at], encoding)
        at += 1
    return at


def _position(text: str, offset: int, encoding: Encoding) -> tuple[int, int]:
    lines = _lines(text)
    row = max(n for n, (start, _) in enumerate(lines) if start <= max(offset, 0))
    start, end = lines[row]
    return row, sum(_width(char, encoding) for char in text[start : max(start, min(offset, end))])


def _replaced(text: str, start: tuple[int, int], end: tuple[int, int], new: str, encoding: Encoding) -> str:
    first, last = _offset(text, start, encoding), _offset(text, end, encoding)
    return text[:first] + new + text[max(first, last) :]


odd = ["\r", "\n", "\r\n", "\t", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "é", "€", "😀", "\ud83d", "\ude00"]
texts = st.lists(st.sampled_from(["a", "b", "(", " ", *odd]), max_size=25).map("".join)
positions = st.tuples(st.integers(-1, 9), st.integers(-1, 12))
edits = st.lists(st.tuples(positions, positions, texts), max_size=6)
encodings = st.sampled_from(ENCODINGS)


@pytest.mark.timeout(900)
@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(texts, edits, encodings)
@example("a\r", [((1, 0), (1, 0), "\n")], "utf-16")
@example("\r\n\r\n", [((0, 0), (1, 0), "\r"), ((0, 9), (9, 9), "\n")], "utf-16")
def test_a_buffer_is_its_text_whatever_is_edited(
    text: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]], encoding: Encoding
) -> None:
    buffer = TextBuffer(text, encoding)
    for start, end, new in edits:
        first = _offset(text, start, encoding)
        gone = text[first : max(first, _offset(text, end, encoding))]
        assert buffer.between(start, end) == (first, gone)
        buffer.replace(start, end, new)
        text = _replaced(text, start, end, new, encoding)
        assert buffer.text == text
    assert buffer.lines == tuple(split_lines(text))
    assert "".join(buffer.lines) == text


@pytest.mark.timeout(900)
@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(texts, positions, encodings)
def test_positions_and_offsets_are_those_of_the_specification(
    text: str, position: tuple[int, int], encoding: Encoding
) -> None:
    buffer = TextBuffer(text, encoding)
    assert buffer.offset(*position) == _offset(text, position, encoding)
    for offset in range(-1, len(text) + 2):
        assert buffer.position(offset) == _position(text, offset, encoding)


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(texts, encodings)
def test_an_offset_survives_the_way_to_a_position_and_back(text: str, encoding: Encoding) -> None:
    buffer = TextBuffer(text, encoding)
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] != "\r\n":
            assert buffer.offset(*buffer.position(offset)) == offset


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(texts, encodings)
def test_later_offsets_have_later_positions(text: str, encoding: Encoding) -> None:
    buffer = TextBuffer(text, encoding)
    found = [buffer.position(offset) for offset in range(len(text) + 1)]
    assert all(earlier <= later for earlier, later in pairwise(found))


def test_what_a_terminal_or_an_editor_would_obey_or_hide_goes() -> None:
    assert (
        without_hidden("a\tb\nc\x1b[2J\x9b\u202e\u200b\ufeff\U000e0041\r d é 漢 😀") == "a\tb\nc[2J d é 漢 😀"
    )


@pytest.mark.parametrize(
    ("line", "width"), [("x", 0), ("  x", 2), ("\tx", 8), ("  \tx", 8), ("\t  ", 10), ("", 0)]
)
def test_columns_are_those_of_python(line: str, width: int) -> None:
    assert columns_of(line) == width
