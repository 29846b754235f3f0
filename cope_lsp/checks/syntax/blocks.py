"""Blocks as the lines of a text show them: which line opens one, whether it is empty, where its lines stand.

It goes by lines and not by a tree, because a text that somebody is writing seldom parses where the cursor is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cope_lsp.text import TAB_COLUMNS, columns_of

HEAD_ROWS_MAX = 40
"""Of a line that opens a block, when its brackets go over several rows."""

_PYTHON_HEAD = re.compile(
    r"(?:async[ \t]+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b.*:[ \t]*$"
)
_WORD_HEADS = {
    "lua": re.compile(r".*\b(?:then|do|else|repeat)$|.*\bfunction\b[^()]*\([^()]*\)$"),
    "ruby": re.compile(
        r"(?:def|class|module|if|unless|while|until|case|when|begin|else|elsif|ensure|rescue|for)\b.*"
        r"|.*\bdo(?:[ \t]*\|.*\|)?$"
    ),
    "shellscript": re.compile(r".*\b(?:then|do|else)$|.*\{$"),
}
_LITERAL = re.compile(r"[=(\[,:?&|!<+]$|\b(?:default|export|import|in|of|return)$")
"""What stands before a brace that opens no block."""
_NO_BLOCKS = frozenset({"html", "json"})
_CLOSER = re.compile(r"[)\]}]|(?:end|else|elseif|elsif|until|fi|done|esac|when|rescue|ensure)\b")
_DEFINES = re.compile(r"(?:async[ \t]+)?(?:def|class)\b")
_FILLER = re.compile(r"(?:pass|\.\.\.)[ \t]*(?:#.*)?$|#")
_COMMENT = re.compile(r"[ \t]+#.*$")
_COMMENTS = {
    "python": _COMMENT,
    "ruby": _COMMENT,
    "shellscript": _COMMENT,
    "lua": re.compile(r"[ \t]*--.*$"),
}
_SLASHES = re.compile(r"[ \t]*(?://.*|/\*[^*]*\*/[ \t]*)$")
_STRING = re.compile(
    r"""[rRuU]?(?:"{3}(?:\\.|[^\\])*?"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
"""A string in one row that may be a docstring."""
_STEPS = {"go": TAB_COLUMNS} | dict.fromkeys(
    ("css", "html", "javascript", "javascriptreact", "json", "lua", "ruby", "typescript", "typescriptreact"),
    2,
)
_STEP = 4


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text, without their ends, and the place of the cursor."""

    language: str
    rows: tuple[str, ...]
    row: int
    column: int
    """In code points."""

    @classmethod
    def around(cls, language: str, text: str, offset: int) -> "Lines":
        """Return the lines of a text around an offset."""
        start = text.rfind("\n", 0, offset) + 1
        lines = tuple(line.rstrip("\r") for line in text.split("\n"))
        return cls(language, lines, text.count("\n", 0, offset), offset - start)

    @property
    def before(self) -> str:
        """What stands before the cursor in its line."""
        return self.rows[self.row][: self.column]

    @property
    def after(self) -> str:
        """What stands behind it in its line."""
        return self.rows[self.row][self.column :]

    @property
    def at_end(self) -> bool:
        """Whether nothing but blanks stands behind the cursor in its line."""
        return not self.after.strip()


@dataclass(frozen=True, slots=True)
class Head:
    """A line that opens a block."""

    row: int
    """The last one, if its brackets go over several."""
    depth: int
    """The column in which it begins."""


def is_empty_block(lines: Lines) -> bool:
    """Whether the cursor stands where the first statement of a block goes, which has none yet."""
    if not lines.at_end:
        return lines.after.lstrip().startswith("}") and _opens(lines.language, lines.before)
    head = head_at(lines)
    return head is not None and _is_empty(lines, head)


def head_at(lines: Lines) -> Head | None:
    """Return what opens the block at whose beginning the cursor stands: its line, or one above blank ones."""
    if lines.before.strip():
        return _head(lines, lines.row)
    row = _above(lines, lines.row)
    if row is not None and lines.language == "python":
        row = _over_docstring(lines.rows, row)
    return None if row is None else _head(lines, row)


def indent_at(lines: Lines) -> int:
    """Return the column of the lines of the innermost block in which new ones at the cursor belong."""
    own = columns_of(lines.rows[lines.row])
    below = next((line for line in lines.rows[lines.row + 1 :] if line.strip()), "")
    if lines.before.strip():
        head = _head(lines, lines.row) if lines.at_end or lines.after.lstrip().startswith("}") else None
        return (
            _inside(lines, head, 0, below)
            if head
            else columns_of(lines.rows[_first_row(lines.rows, lines.row)])
        )
    row = next((row for row in range(lines.row - 1, -1, -1) if lines.rows[row].strip()), None)
    head = None if row is None else _head(lines, row)
    if head:
        return _inside(lines, head, own, below)
    if own or row is None:
        return own
    over, under = columns_of(lines.rows[_first_row(lines.rows, row)]), columns_of(below)
    return over if over > under and _CLOSER.match(below.lstrip(" \t")) else min(over, under)


def _inside(lines: Lines, head: Head, own: int, below: str) -> int:
    """Return the column of the block that a line opens."""
    if own > head.depth:
        return own
    return columns_of(below) if columns_of(below) > head.depth else head.depth + _step(lines)


def _step(lines: Lines) -> int:
    """Return by how many columns a block is indented in this text."""
    steps = []
    last = 0
    for line in lines.rows:
        if line.strip():
            width = columns_of(line)
            steps += [width - last] if 2 <= width - last <= TAB_COLUMNS else []
            last = width
    return min(steps, default=_STEPS.get(lines.language, _STEP))


def _head(lines: Lines, row: int) -> Head | None:
    """Return what a row is the last one of, if that opens a block."""
    text = lines.before if row == lines.row else lines.rows[row]
    first = _first_row(lines.rows, row)
    if lines.language == "python":
        parts = [_bare(line) for line in (*lines.rows[first:row], text)]
        is_open = sum(map(_depth, parts)) > 0
        if is_open or not _PYTHON_HEAD.match(" ".join(parts).lstrip()):
            return None
    elif not _opens(lines.language, text):
        return None
    return Head(row, columns_of(lines.rows[first]))


def _opens(language: str, line: str) -> bool:
    """Whether a line opens a block, where its own text tells."""
    if language in _NO_BLOCKS:
        return False
    text = _COMMENTS.get(language, _SLASHES).sub("", line).strip()
    if language in _WORD_HEADS:
        return _WORD_HEADS[language].match(text) is not None
    before = text.removesuffix("{").rstrip()
    return text.endswith("{") and (before.endswith("=>") or _LITERAL.search(before) is None)


def _first_row(rows: Sequence[str], row: int) -> int:
    """Return the row in which a statement begins that ends in `row`: above its brackets and backslashes."""
    depth = 0
    for above in range(row, max(row - HEAD_ROWS_MAX, -1), -1):
        line = rows[above].rstrip()
        depth += _depth(_bare(line.removesuffix("{") if above == row else line))
        if depth >= 0 and not (above and rows[above - 1].endswith("\\")):
            return above
    return row


def _bare(line: str) -> str:
    """Return a line without what is in strings, and without a comment of Python."""
    text = _STRING.sub("''", line) if '"' in line or "'" in line else line
    return _COMMENT.sub("", text)


def _depth(text: str) -> int:
    """Return how many brackets a text leaves open; fewer than none: how many it closes."""
    return sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")


def _is_empty(lines: Lines, head: Head) -> bool:
    """Whether nothing stands in a block below the cursor but blank lines, comments and `pass`."""
    for row in range(lines.row + 1, len(lines.rows)):
        line = lines.rows[row]
        if line.strip() and columns_of(line) <= head.depth:
            return True
        if line.strip() and not (lines.language == "python" and _FILLER.match(line.strip())):
            return False
    return True


def _above(lines: Lines, row: int) -> int | None:
    """Return the nearest row above one that is neither blank nor a filler."""
    for above in range(row - 1, -1, -1):
        text = lines.rows[above].strip()
        if text and not (lines.language == "python" and _FILLER.match(text)):
            return above
    return None


def _over_docstring(lines: Sequence[str], row: int) -> int:
    """Return the row of the head above of a docstring that ends in `row`, or `row` if none does."""
    first = _docstring_start(lines, row)
    if first is None:
        return row
    above = next((at for at in range(first - 1, -1, -1) if lines[at].strip()), row)
    head = lines[_first_row(lines, above)].strip()
    return above if _DEFINES.match(head) else row


def _docstring_start(lines: Sequence[str], row: int) -> int | None:
    last = lines[row].strip()
    if _STRING.fullmatch(last):
        return row
    quote = last[-3:]
    if quote not in {'"""', "'''"}:
        return None
    rows = range(row - 1, -1, -1)
    return next((at for at in rows if lines[at].strip().lstrip("rRuU").startswith(quote)), None)
