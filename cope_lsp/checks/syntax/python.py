"""What CPython says of the syntax of Python: the whole of a file, or a passage on its own.

This Python's grammar is not always the user's: callers ask first whether it accepts what was there before.
"""

import ast
import hashlib
import re
import warnings
from dataclasses import dataclass
from itertools import accumulate

from cope_lsp.text import split_lines

MISSING_BODY = "expected an indented block"
"""How the message of a line begins that opens a block which is not there."""

_HEAD = re.compile(r"([ \t]*)(?:async[ \t]+def|def|class)\b")


@dataclass(frozen=True, slots=True)
class Rejected:
    """Text that is no Python: `line` is 1-based, `start` and `end` are code points into the whole of it."""

    line: int
    message: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """Text on which CPython gave up, as on one that nests too deeply."""

    reason: str


def compiled(source: str, *, parse_only: bool = False) -> Rejected | Unread | None:
    """Return why CPython does not compile a module; None: it does.

    Args:
        source: its text; while it is read no other thread runs.
        parse_only: leaves out what is no matter of grammar, such as a `nonlocal` that finds no variable.
    """
    flags = ast.PyCF_ONLY_AST if parse_only else 0
    try:
        with warnings.catch_warnings():  # this is no code of ours, and it is not for a warning to stop it
            warnings.simplefilter("ignore")
            compile(source.removeprefix("\ufeff"), "<draft>", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        return _rejected(source, error)
    except ValueError as error:  # a NUL, in older versions; half a surrogate pair
        return Rejected(_line_of_nul(source), str(error))
    except (RecursionError, MemoryError, OverflowError, SystemError):
        return Unread("it nests too deeply for Python")
    return None


def shape_of(statements: str) -> str:
    """Return a digest of the tree of some statements, at any indentation; "" where they are none.

    Two that differ in spaces, brackets, quotes or comments only have the same.
    """
    first = next((line for line in statements.split("\n") if line.strip()), "")
    framed = f"if 1:\n{statements}" if _indent(first) else statements
    for text in (framed, framed.rstrip() + " pass"):  # a last line may open a block
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.dump(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, SystemError):
            continue
        return hashlib.sha256(tree.encode("utf-8", "replace")).hexdigest()[:16]
    return ""


def passage(source: str, first: int, last: int) -> str | None:
    """Return the innermost function or class around some lines, else the statements at the top level.

    It goes by indentation, because the file around it does not parse.

    Args:
        source: of the file.
        first: 0-based.
        last: 0-based, inclusive.

    Returns:
        a module in which the passage has its line numbers; None: there is none that could stand alone.
    """
    lines = split_lines(source)
    depth = min((_indent(line) for line in lines[first : last + 1] if line.strip()), default=1)
    for row in range(min(first, len(lines) - 1), -1, -1):
        head = _HEAD.match(lines[row])
        is_around = head and (len(head[1]) < depth or (row == first and len(head[1]) == depth))
        if is_around or (depth == 0 and lines[row].strip() and not _indent(lines[row])):
            text = "".join(lines[row : _end(lines, last + 1, _indent(lines[row]))])
            if not _indent(lines[row]):
                return "\n" * row + text
            return "\n" * (row - 1) + "if 1:\n" + text if row else None
    return None


def _rejected(source: str, error: SyntaxError) -> Rejected:
    if not error.lineno:
        return Rejected(_line_of_nul(source), error.msg)
    starts = [0, *accumulate(map(len, split_lines(source)))]

    def place(line: int | None, column: int | None) -> int:
        row = min(max(line or 1, 1), len(starts)) - 1
        return min(starts[row] + max((column or 1) - 1, 0), len(source))

    start = place(error.lineno, error.offset)
    if isinstance(error, IndentationError) and not error.msg.startswith(MISSING_BODY):
        # The place is that of a token behind the white space, or of the end; it is about the whole line.
        return Rejected(error.lineno, error.msg, place(error.lineno, 1), place(error.lineno + 1, 1))
    return Rejected(error.lineno, error.msg, start, max(start, place(error.end_lineno, error.end_offset)))


def _end(lines: list[str], row: int, depth: int) -> int:
    """Return the first row from `row` on that is not blank and not indented more than `depth`."""
    while row < len(lines) and (not lines[row].strip() or _indent(lines[row]) > depth):
        row += 1
    return row


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _line_of_nul(source: str) -> int:
    return len(split_lines(source.partition("\0")[0] + "|"))
