"""Which stretch of a document is read for ghost text: the piece around the cursor, told by its lines alone.

A document of 20,000 lines takes a parser longer than a key may take; the function that is written does not.
"""

import re
from collections.abc import Iterator, Sequence

from cope_lsp.text import columns_of

LINES_MAX = 400
"""Half of them above the cursor, half below."""
CHARACTERS_MAX = 40_000
"""Likewise."""

GOES_ON = re.compile(
    r"[)\]}{]|(?:elif|else|elseif|elsif|except|finally|catch|rescue|ensure|end|until|fi|done|esac|case|default)\b"
    r"|(?!try\b)[A-Za-z_]\w*:\s*$"  # a label, or what C++ has in a class: "public:"
)
"""How a line begins that stands as far to the left as the piece that it belongs to."""
PRELUDE = re.compile(r"#|@|//|/\*|\*|--|<!--")
"""How a line begins that belongs to the piece below it: a comment, a decorator."""
_OPEN_END = re.compile(r"[,(\[\\]\s*(?:(?:#|//|--).*)?$")
"""How a line ends that goes on in the next, wherever that begins."""
_LOOK_BACK = 1_000
_LONG_QUOTES = ('"""', "'''")
_BEFORE_STRING = re.compile(r"(?:^|[=(\[{,:+%]|\b(?:return|in|and|or))[ \t]*[rRbBuUfF]{0,2}$", re.MULTILINE)
_BEFORE_LONE_STRING = re.compile(r"^[ \t]*(?:async\b|def\b|class\b|\)).*:$|[=(\[{,]$")
_BEHIND_STRING = re.compile(r"[ \t]*[.)\]},:%;+#]")


def stretch(text: str, offset: int) -> tuple[int, int]:
    """Return where the piece of a document around an offset begins and ends; both are ends of lines.

    A piece begins at a line in column 0 and ends before the next that begins another. One that is larger than
    the bounds, such as the one class of a file of Java, is taken apart: then it is the piece in a column
    further to the right, or the row of a long table with those next to it, and at last the lines within the
    bounds. Only these are looked at. What it stands in is told by `enclosure`.

    Args:
        text: the whole document.
        offset: of the cursor, in code points.
    """
    low, high = bounds(text, offset)
    lines = text[low:high].split("\n")
    row = text.count("\n", low, offset)
    for column in _columns(lines, row):
        first = _first(lines, row, column)
        while first and (string := string_around(text, low, _offset(lines, low, first))) is not None:
            first = _first(lines, text.count("\n", low, string), column)
        if (not first and low > 0) or (first is None and column):  # nobody knows what stands above
            continue
        from_row = _below_blank(lines, first or 0, row) if column else row
        start, last = _offset(lines, low, first or 0), _last(lines, from_row, column)
        end = _behind_strings(text, lines, (low, start, last), column)
        if end < high or high == len(text):
            return start, end
    tables = (table_rows(text, offset, column) for column in _columns(lines, row) if column)
    return next(filter(None, tables), (low, high))


def bounds(text: str, offset: int) -> tuple[int, int]:
    """Return where the lines begin and end that are looked at around an offset."""
    return _low(text, offset), _high(text, offset)


def table_rows(text: str, offset: int, column: int) -> tuple[int, int] | None:
    """Return where the rows of a table begin and end that tell what fits into one: it, and one on each side.

    They tell whether a comma must stand between them. A row may go over several lines.

    Args:
        text: the whole document.
        offset: of the cursor, in code points.
        column: in which rows begin.

    Returns:
        None: there is no such table, or its rows are larger than the bounds.
    """
    low, high = bounds(text, offset)
    lines = text[low:high].split("\n")
    first, end = _table_rows(lines, text.count("\n", low, offset), column)
    if (first == 0 and low > 0) or (end == len(lines) and high < len(text)):
        return None
    start, end = _offset(lines, low, first), min(_offset(lines, low, end), high)
    is_whole = all(text.count(quote, start, end) % 2 == 0 for quote in _LONG_QUOTES)
    return (start, end) if is_whole and start <= offset else None


def _low(text: str, offset: int) -> int:
    """Return the beginning of the first line within the bounds."""
    first = max(0, offset - CHARACTERS_MAX // 2)
    lines = text[first:offset].split("\n")  # in C, which the same in a loop would not be
    if first and len(lines) > 1:
        del lines[0]
    return offset - _length(lines[-1 - LINES_MAX // 2 :])


def _high(text: str, offset: int) -> int:
    """Return the end of the last line within the bounds, behind its line end."""
    last = min(len(text), offset + CHARACTERS_MAX // 2)
    lines = text[offset:last].split("\n")
    if last < len(text) and len(lines) > 1:
        del lines[-1]
    end = offset + _length(lines[: 1 + LINES_MAX // 2])
    return end + text.startswith("\n", end)


def _length(lines: Sequence[str]) -> int:
    return sum(map(len, lines)) + len(lines) - 1


def _line_end(text: str, offset: int) -> int:
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def _behind_strings(text: str, lines: Sequence[str], piece: tuple[int, int, int], column: int) -> int:
    """Return where a piece ends, given what its lines begin with; not inside of a string of several lines.

    Args:
        text: of the document.
        lines: those within the bounds.
        piece: where they begin in the text, where the piece begins, and the row of the line behind it.
        column: in which the piece begins.
    """
    low, start, last = piece
    high = low + _length(lines)
    end = plain = min(_offset(lines, low, last), high)
    for quote in _LONG_QUOTES:
        while text.count(quote, start, end) % 2:
            close = text.find(quote, end, high)
            if close < 0:
                break
            last = _last(lines, text.count("\n", low, close), column)
            end = min(_offset(lines, low, last), high)
    # Quotes that nothing closes within the bounds are none of a long string, or somebody writes it just now.
    return plain if end == high < len(text) else end


def string_around(text: str, low: int, at: int) -> int | None:
    """Return where a string of three quotes begins in which the line at `at` seems to lie; None: in none."""
    for quote in _LONG_QUOTES:
        found = text.rfind(quote, low, at)
        if found >= 0 and _opens_string(text, quote, found):
            return found
    return None


def _opens_string(text: str, quote: str, found: int) -> bool:
    """Whether three quotes are the first ones of a string, by what stands around them in their line."""
    start, end = text.rfind("\n", 0, found) + 1, _line_end(text, found)
    if text.count(quote, start, end) > 1 or not _BEFORE_STRING.search(text, start, found):
        return False
    rest = text[found + len(quote) : end]
    if not text[start:found].strip() and not rest.strip():  # alone in its line: what stands above tells
        above = text[max(0, start - _LOOK_BACK) : start].rstrip()
        return not above or _BEFORE_LONE_STRING.search(above[above.rfind("\n") + 1 :]) is not None
    return not _BEHIND_STRING.match(rest)


def _offset(lines: Sequence[str], low: int, row: int) -> int:
    return low + sum(map(len, lines[:row])) + row


def _columns(lines: Sequence[str], row: int) -> Iterator[int]:
    """Yield the columns in which a piece around a row may begin, from the left."""
    yield 0
    below = next((line for line in lines[row + 1 :] if line.strip()), "")
    yield from sorted({columns_of(line) for line in (*lines[: row + 1], below) if line.strip()} - {0})


def _first(lines: Sequence[str], row: int, column: int) -> int | None:
    """Return the row in which the piece in a column begins; None: above of all lines."""
    own = row
    if not _heads(lines, row, column):
        while row >= 0 and not _begins(lines, row, column):
            row -= 1
        if row >= 0 and columns_of(lines[row]) < column:  # it is around the piece
            return row + 1 if row < own and _are_inside(lines[row + 1 : own + 1], column) else None
    top = row
    while top > 0 and _is_prelude(lines[top - 1], column):
        top -= 1
    return top if row >= 0 else None


def _last(lines: Sequence[str], row: int, column: int) -> int:
    """Return the row before which the piece in a column ends."""
    above = next((at for at in range(row, -1, -1) if lines[at].strip()), row)
    if _is_prelude(lines[above], column):  # the cursor is above what it belongs to
        row = _below_prelude(lines, row, column)
    row += 1
    while row < len(lines):
        if _begins(lines, row, column):
            return row
        if _is_prelude(lines[row], column):
            below = _below_prelude(lines, row, column)
            if below < len(lines) and _begins(lines, below, column):
                return row
            row = below
        else:
            row += 1
    return row


def _below_blank(lines: Sequence[str], first: int, row: int) -> int:
    """Return the row of the cursor, or, where all above is blank in its piece, the one that is not."""
    if any(line.strip() for line in lines[first : row + 1]):
        return row
    return next((at for at in range(row, len(lines)) if lines[at].strip()), row)


def _below_prelude(lines: Sequence[str], row: int, column: int) -> int:
    while row < len(lines) and (not lines[row].strip() or _is_prelude(lines[row], column)):
        row += 1
    return row


def _heads(lines: Sequence[str], row: int, column: int) -> bool:
    """Whether a row is a comment or a decorator right in front of what begins a piece."""
    below = _below_prelude(lines, row, column) if _is_prelude(lines[row], column) else len(lines)
    return below < len(lines) and _begins(lines, below, column)


def _begins(lines: Sequence[str], row: int, column: int) -> bool:
    """Whether a piece begins in a row, in a column or one further to the left."""
    line = lines[row]
    if not line[: column + 1].strip():  # it is blank, or stands further to the right, as most do
        return False
    if _closes(line, column):
        return True
    rest = line.lstrip(" \t")
    if columns_of(line) > column or GOES_ON.match(rest) or PRELUDE.match(rest):
        return False
    above = lines[row - 1] if row else ""
    return _OPEN_END.search(above) is None or PRELUDE.match(above.lstrip(" \t")) is not None


def _are_inside(lines: Sequence[str], column: int) -> bool:
    """Whether no line but a comment stands further to the left than a column."""
    return all(columns_of(line) >= column or PRELUDE.match(line.lstrip()) for line in lines if line.strip())


def _closes(line: str, column: int) -> bool:
    """Whether a line ends what a piece in a column further to the right stands in."""
    return columns_of(line) < column and GOES_ON.match(line.lstrip(" \t")) is not None


def _table_rows(lines: Sequence[str], row: int, column: int) -> tuple[int, int]:
    """Return the first one, and the end, of the lines of the rows of a table around a line."""
    first, begun = row, 0
    for at in range(row, -1, -1):
        if lines[at].strip():
            if columns_of(lines[at]) < column:
                break
            first, begun = at, begun + _is_row(lines[at], column)
            if begun == 2:  # its own, and the one above
                break
    end, begun = row + 1, 0
    for at in range(row + 1, len(lines)):
        if lines[at].strip():
            begun += _is_row(lines[at], column)
            if columns_of(lines[at]) < column or begun == 2:
                break
            end = at + 1
    return first, end


def _is_row(line: str, column: int) -> bool:
    rest = line.lstrip(" \t")
    goes_on = GOES_ON.match(rest) and not rest.startswith("{")
    return columns_of(line) == column and not goes_on and not PRELUDE.match(rest)


def _is_prelude(line: str, column: int) -> bool:
    if not line[: column + 2].strip():
        return False
    rest = line.lstrip(" \t")
    # The lines of a comment stand one column to the right of where it begins.
    return columns_of(line) <= column + rest.startswith("*") and PRELUDE.match(rest) is not None
