"""What CPython says of the syntax of Python: the whole of a file, or a passage on its own.

This Python's grammar is not always the user's: callers ask first whether it accepts what was there before.
"""

import ast
import re
import warnings
from dataclasses import dataclass

from cope_lsp.text import split_lines

_HEAD = re.compile(r"([ \t]*)(?:async[ \t]+def|def|class)\b")


@dataclass(frozen=True, slots=True)
class Rejected:
    """Text that is no Python; `line` is 1-based."""

    line: int
    message: str


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
        return Rejected(error.lineno or _line_of_nul(source), error.msg)
    except ValueError as error:  # a NUL, in older versions; half a surrogate pair
        return Rejected(_line_of_nul(source), str(error))
    except (RecursionError, MemoryError, OverflowError, SystemError):
        return Unread("it nests too deeply for Python")
    return None


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


def _end(lines: list[str], row: int, depth: int) -> int:
    """Return the first row from `row` on that is not blank and not indented more than `depth`."""
    while row < len(lines) and (not lines[row].strip() or _indent(lines[row]) > depth):
        row += 1
    return row


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _line_of_nul(source: str) -> int:
    return len(split_lines(source.partition("\0")[0] + "|"))
