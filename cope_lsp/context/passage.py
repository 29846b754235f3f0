"""The part of a document that a hosted model is shown: one definition, not the file."""

import re
from collections.abc import Sequence

from cope_lsp.text import split_lines

LINES_MAX = 60
"""Far more than a function that one sentence can plan."""

_BLOCK_WORDS = "def|class|func|function|fn|fun|sub|struct|interface|trait|impl|module"
_WORDS = f"{_BLOCK_WORDS}|type|const|let|var"
_CONTROL = "if|elif|else|for|foreach|while|switch|match|catch|do|try|with|return|await|throw|new"


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


def definition_around(text: str, line: int) -> int:
    """Return the 0-based line that begins the definition around `line`; without one `line` itself."""
    lines = [part.rstrip() for part in split_lines(text)]
    start = min(line, len(lines) - 1)
    while start > 0 and not lines[start]:
        start -= 1
    if line >= len(lines) or start < 0:
        return line
    outward = (start, *reversed(_around(lines, start)))
    return next((number for number in outward if _begins_definition(lines[number])), line)


def _begins_definition(line: str) -> bool:
    if re.match(rf"\s*(?:{_CONTROL})\b", line):
        return False
    return bool(re.search(rf"\b(?:{_BLOCK_WORDS})\b\s*[\w*<(&]", line) or re.search(r"\w\s*\(.*\{\s*$", line))


def passage(text: str, line: int) -> str:
    """Return the definition that begins at the 0-based `line`, with the lines it stands in, unindented.

    These are the lines below that are indented deeper, one closing line at its own depth, and above it the
    first line of each block around it, so that a method is read with its class.
    """
    lines = [part.rstrip() for part in split_lines(text)]
    if not 0 <= line < len(lines):
        return ""
    end = _end(lines, line)
    around = [lines[number] for number in _around(lines, line)]
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


def _around(lines: Sequence[str], line: int) -> list[int]:
    """Return the first line of each block around a line, the outermost first."""
    found: list[int] = []
    depth = _depth(lines[line])
    for number in range(line - 1, -1, -1):
        if depth == 0:
            break
        if lines[number] and _depth(lines[number]) < depth:
            depth = _depth(lines[number])
            found.insert(0, number)
    return found


def _depth(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
