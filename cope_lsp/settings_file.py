"""A settings file: its text, as far as it may be read, and the lines on which its keys stand.

The lines are for messages that say where to look.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

FILE_BYTES_MAX = 10_000
"""Far more than all settings with their comments need. Python's TOML parser takes time and memory that grow
with the square of the length of a dotted key, and the file may be a hostile repository's."""

_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*"
_TABLE_LINE = re.compile(rf"\s*\[{{1,2}}{_KEY}\]")
_VALUE_LINE = re.compile(rf"{_KEY}=")


def text_of(path: Path) -> str:
    """Return the text of a settings file.

    Raises:
        OSError: it cannot be opened, or it is a device or a pipe, which could be endless.
        ValueError: it is too large or not UTF-8.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is not a file")
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise ValueError(f"it is larger than {FILE_BYTES_MAX} bytes")
    return data.decode("utf-8")


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
