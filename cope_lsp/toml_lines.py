"""Lines of a TOML text: on which line a key stands, so that a message can say where to look."""

import re
from collections.abc import Mapping

_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*"
_TABLE_LINE = re.compile(rf"\s*\[{{1,2}}{_KEY}\]")
_VALUE_LINE = re.compile(rf"{_KEY}=")


def lines_of(text: str) -> dict[str, int]:
    """Return the line, from 1, of every key and table in a TOML text that was parsed already."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _TABLE_LINE.match(line):
            table = _plain_key(header[1])
            lines.setdefault(table, number)
            table += "."
        elif name := _VALUE_LINE.match(line):
            lines.setdefault(table + _plain_key(name[1]), number)
    return lines


def _plain_key(key: str) -> str:
    return re.sub(r"""[\s"']""", "", key)


def line_of(key: str, lines: Mapping[str, int]) -> int:
    """Return the line of a dotted key, or that of the table in which it lies."""
    while key not in lines and "." in key:
        key = key.rpartition(".")[0]
    return lines.get(key, 1)
