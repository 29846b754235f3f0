"""The part of a document that a hosted model is shown: one definition, not the file."""

import re
from collections.abc import Sequence

from cope_lsp.text import split_lines

LINES_MAX = 60
"""Far more than a function that one sentence can plan."""

_WORDS = "def|class|func|function|fn|fun|sub|struct|interface|trait|impl|module|type|const|let|var"


def line_of_symbol(text: str, symbol: str) -> int | None:
    """Return the 0-based line that defines `symbol`, judged by its words; None when no line does.

    A keyword before the name decides. Languages such as C and Java have none: there the name with a
    parenthesis after it, on a line that opens a block, is the definition.
    """
    name = re.escape(symbol)
    keyword = re.compile(rf"\b(?:{_WORDS})\b[^=;#]*?(?<![\w.]){name}\b")
    opening = re.compile(rf"(?<![\w.]){name}\s*\(.*\{{\s*$")
    lines = split_lines(text)
    for pattern in (keyword, opening):
        for number, line in enumerate(lines):
            if pattern.search(line):
                return number
    return None


def passage(text: str, line: int) -> str:
    """Return the definition that begins at the 0-based `line`, with the lines it stands in, unindented.

    These are the lines below that are indented deeper, one closing line at its own depth, and above it the
    first line of each block around it, so that a method is read with its class.
    """
    lines = [part.rstrip() for part in split_lines(text)]
    if not 0 <= line < len(lines):
        return ""
    end = _end(lines, line)
    around = _around(lines, line)
    return "\n".join([*around, *lines[line:end]])


def _end(lines: Sequence[str], line: int) -> int:
    depth, end = _depth(lines[line]), line + 1
    last = min(line + LINES_MAX, len(lines))
    for number in range(line + 1, last):
        if not lines[number]:
            continue
        if _depth(lines[number]) <= depth and not re.match(r"\s*(?:[)\]}]|end\b)", lines[number]):
            break
        end = number + 1
        if _depth(lines[number]) <= depth and not lines[number].endswith((":", "{")):
            break  # what closes the definition is part of it, and nothing after it
    return end


def _around(lines: Sequence[str], line: int) -> list[str]:
    found: list[str] = []
    depth = _depth(lines[line])
    for number in range(line - 1, -1, -1):
        if depth == 0:
            break
        if lines[number] and _depth(lines[number]) < depth:
            depth = _depth(lines[number])
            found.insert(0, lines[number])
    return found


def _depth(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
