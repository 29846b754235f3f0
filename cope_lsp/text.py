r"""Text as LSP counts it: line ends, and columns in the client's units.

Python's `str.splitlines` also breaks lines at form feeds, U+2028 and others; LSP knows
`\n`, `\r\n` and `\r` only (LSP 3.18, "Text Documents"). Offsets inside cope-lsp are code points.
"""

import re
import unicodedata
from bisect import bisect_left
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def split_lines(text: str) -> list[str]:
    """Split `text` into lines that keep their ends; a text that ends in a line end has no empty last line."""
    return _LINE.findall(text)


def without_hidden(text: str) -> str:
    """Return `text` without what a terminal or an editor would obey or hide: control and format characters.

    Escape sequences, right-to-left marks, zero-width and tag characters go; line ends and tabs stay.
    """
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)


def without_end(line: str) -> str:
    """Return `line` without its line end."""
    return line.rstrip("\r\n")


TAB_COLUMNS = 8
"""Python's rule (Language Reference 2.1.8): a tab leads to the next multiple."""


def columns_of(line: str) -> int:
    """Return how far a line is indented, in columns."""
    white = line[: len(line) - len(line.lstrip(" \t"))]
    return len(white.expandtabs(TAB_COLUMNS)) if "\t" in white else len(white)


def units(text: str, encoding: Encoding) -> int:
    """Return the length of `text` in code units of `encoding`."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def column(line: str, character: int, encoding: Encoding) -> int:
    """Return the code-point column of `character` code units into `line`.

    A character past the end of the line means its end, before the line end (LSP 3.18, `Position`).
    One inside a character that needs several units means the end of that character.
    """
    content = without_end(line)
    if encoding == "utf-32" or content.isascii():
        return min(max(character, 0), len(content))
    head = content[: max(character, 0)]  # a character has a unit at least
    found = bisect_left(range(len(head)), character, key=lambda index: units(head[:index], encoding))
    return min(found, len(head))


class TextBuffer:
    """A document as lines: cheap to edit at one place, cheap to ask for an offset."""

    def __init__(self, text: str, encoding: Encoding) -> None:
        self._encoding = encoding
        self._lines = split_lines(text)
        self._text: str | None = text
        self._known_start = (0, 0)
        """A row, and the offset where it begins: who asks next mostly asks nearby."""

    @property
    def text(self) -> str:
        """The whole text."""
        if self._text is None:
            self._text = "".join(self._lines)
        return self._text

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines with their ends."""
        return tuple(self._lines)

    def rows(self, first: int, last: int) -> list[str]:
        """Return the lines `first` to `last`, both included, with their ends; fewer if there are fewer."""
        return self._lines[max(first, 0) : last + 1]

    def offset(self, line: int, character: int) -> int:
        """Return the code-point offset of a client position; positions outside mean the nearest end."""
        row, col = self.locate(line, character)
        return self._start(row) + col

    def between(self, start: tuple[int, int], end: tuple[int, int]) -> tuple[int, str]:
        """Return what lies between two client positions, and the code-point offset where it begins."""
        first, first_col = self.locate(*start)
        last, last_col = max(self.locate(*end), (first, first_col))
        rows = self.rows(first, last)
        if len(rows) == last - first + 1:
            rows[-1] = rows[-1][:last_col]
        return self._start(first) + first_col, "".join(rows)[first_col:]

    def position(self, offset: int) -> tuple[int, int]:
        r"""Return the client's (line, character) of a code-point offset.

        An offset past the end means the end; one between `\r` and `\n`, which LSP cannot name, the end of
        the line's content.
        """
        row, start = self._row_at(max(offset, 0))
        line = self._line(row)
        content = without_end(line)
        if row == len(self._lines) - 1 and line != content and offset >= start + len(line):
            return row + 1, 0
        return row, units(content[: max(offset, 0) - start], self._encoding)

    def replace(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        """Replace what lies between two client positions (line, character) by `text`."""
        first, first_col = self.locate(*start)
        last, last_col = self.locate(*end)
        last, last_col = max((last, last_col), (first, first_col))
        head = self._line(first)[:first_col]
        tail = self._line(last)[last_col:]
        # A lone \r before the change may now meet a \n, and a last line may get a line below it:
        # both neighbours are split again.
        low = max(first - 1, 0)
        before = "".join(self._lines[low:first])
        after = "".join(self._lines[last + 1 : last + 2])
        self._lines[low : last + 2] = split_lines(before + head + text + tail + after)
        if self._known_start[0] > low:
            self._known_start = (0, 0)
        self._text = None

    def locate(self, line: int, character: int) -> tuple[int, int]:
        """Return the row and the code-point column of a client position; outside means the nearest end."""
        if line < 0:
            return 0, 0
        if line < len(self._lines):
            return line, column(self._lines[line], character, self._encoding)
        if self._lines and without_end(self._lines[-1]) == self._lines[-1]:
            return len(self._lines) - 1, len(self._lines[-1])
        return len(self._lines), 0

    def _start(self, row: int) -> int:
        """Return the offset where a row begins."""
        low = max(row - 1, 0)  # a change of a row also splits the one above again
        known, offset = self._known_start
        if known <= low:
            offset += sum(map(len, self._lines[known:low]))
        else:
            offset -= sum(map(len, self._lines[low:known]))
        self._known_start = low, offset
        return offset + sum(map(len, self._lines[low:row]))

    def _row_at(self, offset: int) -> tuple[int, int]:
        """Return the row that an offset lies in, the last one for what lies behind, and where it begins."""
        row, start = self._known_start
        while row > 0 and start > offset:
            row -= 1
            start -= len(self._lines[row])
        while row < len(self._lines) - 1 and start + len(self._lines[row]) <= offset:
            start += len(self._lines[row])
            row += 1
        above = max(row - 1, 0)
        self._known_start = above, start - (len(self._lines[above]) if above < row else 0)
        return row, start

    def _line(self, row: int) -> str:
        return self._lines[row] if row < len(self._lines) else ""
