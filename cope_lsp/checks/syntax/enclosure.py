"""What encloses a stretch of a document: the lines that open what it stands in, and what closes that.

A row of a table looks like a statement when it is read alone; between the brackets of its table it does not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from cope_lsp.checks.syntax.quotes import without_prose
from cope_lsp.checks.syntax.stretch import (
    CHARACTERS_MAX,
    GOES_ON,
    PRELUDE,
    bounds,
    stretch,
    string_around,
    table_rows,
)
from cope_lsp.text import columns_of

HEAD_ROWS_MAX = 40
"""Of what opens a block or a bracket, when it goes over several lines."""
LEVELS_MAX = 30
LINES_MAX = 2_000
"""Of comments and strings that stand further to the left than what they are in."""
STEPS_MAX = 100
"""Of a search that goes up, from an `else` or `case` to the next."""

_FIRST_CHUNK = 2_000
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_NOT_BLANK = re.compile(r"^[ \t]*\S.*$", re.MULTILINE)
_ALL_CLOSERS = (")", "]", "}")
_BRACKET = re.compile(r"[()\[\]{}]")
_ENDS_STATEMENT = re.compile(r"[)\]} \t]+\w*;")
_GOES_ON_BEHIND = re.compile(r"(?:else|catch|finally)\b")
_BARE_BLOCK = re.compile(r"(?:if|elif|else|try|except|finally|with)\b")
"""In place of such a head stands one behind which none of the others may stand."""
_WORD_ENDS = {"lua": "end", "ruby": "end"}
_SHELL_ENDS = {"then": "fi", "else": "fi", "do": "done", "in": "esac"}
_BRACES_ARE_TABLES = frozenset({"json", "lua", "python"})
_BEFORE_BRACE = ",;:=([{}"
_NO_FRAME = frozenset({"html"})
"""Whose lines say nothing about what is open."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document with what encloses it: what is read in place of all of it."""

    start: int
    """Where the stretch begins in the document, and where it ends; all offsets are code points."""
    end: int
    text: str
    offset: int
    """Of the cursor, in `text`."""
    is_certain: bool
    """Whether the stretch is known to stand in what is around it in `text`."""


@dataclass(frozen=True, slots=True)
class _Level:
    """One of the things that a stretch stands in."""

    head: str
    closers: str
    start: int
    """Where it begins in the document."""
    is_table: bool
    """Whether what stands in it are no statements."""


def piece(language: str, text: str, offset: int) -> Piece:
    """Return what is read for a place in a document: the stretch around it, in what encloses that.

    Args:
        language: the LSP language id.
        text: the whole document.
        offset: of the cursor, in code points.
    """
    start, end = stretch(text, offset)
    if (start, end) == (0, len(text)):
        return Piece(start, end, text, offset, is_certain=True)
    levels = _levels(language, text, offset, (start, end))
    if levels and levels[0].is_table:
        around = table_rows(text, offset, columns_of(_first_line(text[start:end])))
        start, end = around or (start, end)
        levels = levels if around else None
    alone = text[start:end]
    if levels is None:
        return Piece(start, end, alone, offset - start, is_certain=False)
    above = "".join(level.head for level in reversed(levels))
    has_more = columns_of(_next_line(text, end)) >= columns_of(_first_line(alone))
    below = _filler(language, alone, levels[0].head, has_more=has_more) if levels else ""
    below += "".join(level.closers for level in levels)
    if below and not alone.endswith("\n"):
        below = "\n" + below
    return Piece(start, end, above + alone + below, len(above) + offset - start, is_certain=True)


def _levels(language: str, text: str, offset: int, around: tuple[int, int]) -> list[_Level] | None:
    """Return what a stretch stands in, the innermost first; None: its lines do not tell."""
    first = _first_line(text[slice(*around)]).rstrip()
    rest = first.lstrip(" \t")
    goes_on = GOES_ON.match(rest) and not rest.startswith("{")
    if not first or goes_on or language in _NO_FRAME or around == bounds(text, offset):
        return None
    levels: list[_Level] = []
    at, white = around[0], _white(first)
    while white:
        level = _level(language, text, (at, around[1]), white)
        if level is None or len(levels) == LEVELS_MAX:
            return None
        levels.append(level)
        at, white = level.start, _white(_line(text, level.start))
    return levels


def _level(language: str, text: str, around: tuple[int, int], white: str) -> _Level | None:
    at = first = _above(text, around[0], len(white))
    for _ in range(STEPS_MAX):
        if at is None or first is None or not _goes_on(text, first) or _is_far(text, first, at):
            break
        first = _above(text, first, _indent(text, first) + 1)
    else:
        return None
    if at is None or first is None:
        return None
    head, first = _head(language, text, (first, at), around[0])
    opened = _opened(language, head)
    closers = _word_end(language, head) + "".join(_CLOSERS[mark] for mark in reversed(opened))
    own = _white(_line(text, first))
    if closers and language != "python":
        tail = _below(text, around[1], len(own) + 1).lstrip()
        if not tail.startswith(closers[0]):  # it is not closed, or not where it should be
            return None
        closers += ";" if _ENDS_STATEMENT.match(tail) else ""
    is_table = bool(opened) and (opened[-1] != "{" or language in _BRACES_ARE_TABLES)
    return _Level(head, f"{own}{closers}\n" if closers else "", first, is_table)


def _goes_on(text: str, start: int) -> bool:
    """Whether a line belongs to a statement that begins above it and as far to the left."""
    line = _line(text, start).lstrip()
    if line.startswith("{"):  # of a head above, or one of several things in brackets
        above = text[:start].rstrip()[-1:]
        return bool(above) and above not in _BEFORE_BRACE
    return GOES_ON.match(line) is not None


def _is_far(text: str, first: int, at: int) -> bool:
    """Whether it does not matter what begins above a line: it closes that, and that is too long."""
    return text[at:].lstrip(" \t")[:1] in _ALL_CLOSERS and text.count("\n", first, at) > HEAD_ROWS_MAX


def _above(text: str, end: int, width: int) -> int | None:
    """Return where the nearest line above begins that is indented less than `width`; comments are none."""
    strings = 0
    for at in islice(_shallow(text, end, width), LINES_MAX):
        if at >= end:  # in a string that begins further up
            continue
        line = _line(text, at)
        if PRELUDE.match(line.lstrip()) and not line.rstrip().endswith("{"):
            continue
        string = string_around(text, max(0, at - CHARACTERS_MAX // 2), at)
        if string is None:
            return at
        end, strings = _line_end(text, string), strings + 1
        if strings == STEPS_MAX:
            return None
    return None


def _shallow(text: str, end: int, width: int) -> Iterator[int]:
    """Yield where lines above begin that are not blank and indented less than `width`, the nearest first."""
    # The literal that it begins with lets the search leap from line to line.
    pattern = re.compile(rf"\n[ \t]{{0,{width - 1}}}(?=\S)")
    size, high = _FIRST_CHUNK, end
    while high > 0:
        low = max(0, text.rfind("\n", 0, max(0, high - size)))
        yield from (match.start() + 1 for match in reversed(list(pattern.finditer(text, low, high))))
        high, size = low, 2 * size
    first = _line(text, 0)
    if end > 0 and first.strip() and len(_white(first)) < width:
        yield 0


def _below(text: str, start: int, width: int) -> str:
    """Return the nearest line from `start` on, a beginning of a line, that is indented less than `width`."""
    found = re.compile(rf"\n[ \t]{{0,{width - 1}}}(?=\S)").search(text, max(start - 1, 0))
    return _line(text, found.start() + 1) if found else ""


def _head(language: str, text: str, rows: tuple[int, int], end: int) -> tuple[str, int]:
    """Return the lines that open what lies behind them, up to `end`, and where they begin.

    Args:
        language: the LSP language id.
        text: of the document.
        rows: where the statement begins, and the line of it that is the nearest one: it may be its `else`.
        end: where the stretch begins.
    """
    first, at = rows
    line, white = _line(text, at), _white(_line(text, at))
    if language == "python" and _BARE_BLOCK.match(line.lstrip()):
        return f"{white}with _:\n", at
    if first == at or text.count("\n", first, at) <= HEAD_ROWS_MAX:
        return _through(language, text, rows, end), first
    if line.lstrip()[0] in "}])":
        return f"{white}{_rest(language, line)}\n", at
    return _line(text, first) + "\n" + line + "\n", first


def _rest(language: str, line: str) -> str:
    """Return what a line opens that first closes something else."""
    behind = line.lstrip(")]}, \t")
    if _GOES_ON_BEHIND.match(behind):
        return "".join(_opened(language, behind))
    return behind


def _through(language: str, text: str, rows: tuple[int, int], end: int) -> str:
    """Return the lines of a head, down to the one that opens something, or else those that are told."""
    first, at = rows
    stop = told = _line_end(text, at)
    for _ in range(HEAD_ROWS_MAX):
        head = text[first:stop]
        code = without_prose(language, head).rstrip()
        opened = _opened(language, head)
        if language == "python":
            is_whole = code.endswith(":") and not opened
        else:
            is_whole = code.endswith(tuple(_CLOSERS))
        if is_whole:
            return head
        if stop >= end:
            break
        stop = _line_end(text, stop)
    return text[first:told]


def _opened(language: str, text: str) -> list[str]:
    """Return the brackets that a text opens and does not close."""
    opened: list[str] = []
    for mark in _BRACKET.findall(without_prose(language, text)):
        if mark in _CLOSERS:
            opened.append(mark)
        elif opened and _CLOSERS[opened[-1]] == mark:
            opened.pop()
    return opened


def _word_end(language: str, head: str) -> str:
    """Return the word that ends what a head opens, in a language of words."""
    code = without_prose(language, head).rstrip()
    if code.endswith(tuple(_CLOSERS)):
        return ""
    if language == "shellscript":
        return _SHELL_ENDS.get(code.split()[-1] if code.split() else "", "")
    return _WORD_ENDS.get(language, "")


def _filler(language: str, alone: str, head: str, *, has_more: bool) -> str:
    """Return what stands below a stretch for all that does in the document, at the same depth."""
    opened, white = _opened(language, head), _white(_first_line(alone))
    if language == "python":
        return "" if opened else f"{white}pass\n"
    if opened and has_more and without_prose(language, alone).rstrip().endswith(","):
        if language == "json" and opened[-1] == "{":
            return f'{white}"": 0\n'
        if language == "json" or opened[-1] == "(":
            return f"{white}0\n"
    return ""


def _first_line(text: str) -> str:
    """Return the first line that is neither blank nor a comment, else the first not blank, else ""."""
    lines = [line for line in text.split("\n") if line.strip()]
    return next((line for line in lines if not PRELUDE.match(line.lstrip())), lines[0] if lines else "")


def _next_line(text: str, start: int) -> str:
    """Return the first line from `start` on that is not blank; "": there is none."""
    found = _NOT_BLANK.search(text, start)
    return found[0] if found else ""


def _line(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]


def _line_end(text: str, offset: int) -> int:
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def _indent(text: str, start: int) -> int:
    """Return how many blanks a line begins with."""
    return len(_white(_line(text, start)))


def _white(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
