"""Patterns of .gitignore files, read as git does (gitignore(5), wildmatch.c), in time bounded by their size.

Text is bytes decoded as Latin-1, one character a byte: git compares bytes. Each `*` but the last of a part,
and each `**` but the last of a pattern, takes the first place where what follows it fits and never looks
back. That finds a match whenever there is one, and no pattern can take exponential time. (The library
pathspec is not used: a pattern with seven stars takes it seconds, and it does not know `[[:alpha:]]`.)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

WILDCARDS_MAX = 64
"""A pattern with more of them was not made by a person."""

_NEVER = r"(?!)"
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class GlobError(ValueError):
    """A pattern has more wildcards than `WILDCARDS_MAX`."""


@dataclass(frozen=True)
class Glob:
    """One pattern and the line, from 1, on which it stands."""

    line: int
    text: str
    negated: bool
    folders_only: bool
    by_name: bool
    """Compare the last part of a path only, as a pattern without a slash does."""
    pattern: str
    fold: bool

    def matches(self, path: str, *, folder: bool) -> bool:
        """Tell whether the pattern names `path`, which is relative to the folder of the pattern's file."""
        if self.folders_only and not folder:
            return False
        subject = path.rpartition("/")[2] if self.by_name else path
        return self._expression.fullmatch(subject) is not None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        flags = re.DOTALL | re.ASCII | (re.IGNORECASE if self.fold else 0)
        return re.compile(_translated(self.pattern), flags)


def globs(text: str, *, fold: bool = False) -> Iterator[Glob]:
    """Yield the patterns of an ignore file.

    Args:
        text: the whole file, decoded as Latin-1.
        fold: whether small and capital letters are the same.

    Raises:
        GlobError: a pattern is too complicated.
    """
    for number, line in enumerate(text.removeprefix("ï»¿").split("\n"), start=1):
        glob = _parsed(number, line, fold=fold)
        if glob:
            if sum(map(glob.pattern.count, "*?[")) > WILDCARDS_MAX:
                raise GlobError(f"line {number} has more than {WILDCARDS_MAX} wildcards")
            yield glob


def _parsed(number: int, line: str, *, fold: bool) -> Glob | None:
    text = _without_trailing_blanks(line.removesuffix("\r"))
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    pattern = text[1:] if negated else text
    folders_only = pattern.endswith("/")
    pattern = pattern[:-1] if folders_only else pattern
    if not pattern:
        return None
    by_name = "/" not in pattern
    return Glob(number, text, negated, folders_only, by_name, pattern.removeprefix("/"), fold)


def _without_trailing_blanks(line: str) -> str:
    kept = line.rstrip(" ")
    escapes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if escapes % 2 and kept != line else kept


def _translated(pattern: str) -> str:
    """Return the expression for a whole pattern: its parts, with what `**` stands for between them."""
    *inner, last = _parts(pattern)
    stretches: list[str] = [""]
    for part in inner:
        if _spans_folders(part):
            stretches.append("")
        else:
            stretches[-1] += _part(part) + "/"
    # `a/**` is everything below `a`, and `/**` everything there is.
    stretches[-1] += ".+" if _spans_folders(last) else _part(last)
    expression = stretches[0]
    for stretch in stretches[1:-1]:
        expression += f"(?>(?:[^/]+/)*?{stretch})"
    return expression + (f"(?:[^/]+/)*?{stretches[-1]}" if len(stretches) > 1 else "")


def _spans_folders(part: str) -> bool:
    return len(part) > 1 and not part.strip("*")


def _parts(pattern: str) -> list[str]:
    """Split a pattern at its slashes, but not at one in brackets."""
    parts, start, index = [], 0, 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\":
            index += 1
        elif character == "[":
            index = max(index, _bracket_end(pattern, index) - 1)
        elif character == "/":
            parts.append(pattern[start:index])
            start = index + 1
        index += 1
    return [*parts, pattern[start:]]


def _part(part: str) -> str:
    """Return the expression for what stands between two slashes."""
    chunks: list[str] = [""]
    index = 0
    while index < len(part):
        character = part[index]
        index += 1
        if character == "*":
            if chunks[-1] or len(chunks) == 1:
                chunks.append("")
        elif character == "?":
            chunks[-1] += "[^/]"
        elif character == "[":
            end = _bracket_end(part, index - 1)
            chunks[-1] += _bracket(part[index : end - 1]) if end else _NEVER
            index = end or len(part)
        elif character == "\\":
            chunks[-1] += re.escape(part[index]) if index < len(part) else _NEVER
            index += 1
        else:
            chunks[-1] += re.escape(character)
    expression = chunks[0]
    for chunk in chunks[1:-1]:
        expression += f"(?>[^/]*?{chunk})"
    return expression + (f"[^/]*{chunks[-1]}" if len(chunks) > 1 else "")


def _bracket_end(text: str, start: int) -> int:
    """Return the index behind the bracket expression that begins at `start`; 0 when it has no end."""
    index = start + 1
    if index < len(text) and text[index] in "!^":
        index += 1
    first = True
    while index < len(text):
        character = text[index]
        if character == "]" and not first:
            return index + 1
        first = False
        if character == "\\":
            index += 1
        elif text.startswith("[:", index) and (close := text.find(":]", index + 2)) >= 0:
            index = close + 1
        index += 1
    return 0


def _bracket(body: str) -> str:
    """Return the expression for what stands between brackets."""
    negated = body[:1] in {"!", "^"}
    items = _members(body[1:] if negated else body)
    if items is None:
        return _NEVER
    if not items:
        return "[^/]" if negated else _NEVER
    return f"(?!/)[{'^' if negated else ''}{items}]"


def _members(body: str) -> str | None:
    """Return the inside of a character class; None when git would never match it."""
    items, index = "", 0
    while index < len(body):
        if body.startswith("[:", index) and (close := body.find(":]", index + 2)) >= 0:
            name = body[index + 2 : close]
            if name not in _POSIX:
                return None
            items += _POSIX[name]
            index = close + 2
            continue
        low, index = _member(body, index)
        if body[index : index + 1] == "-" and index + 1 < len(body):
            high, index = _member(body, index + 1)
            items += f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
        else:
            items += re.escape(low)
    return items


def _member(body: str, index: int) -> tuple[str, int]:
    escaped = body[index] == "\\" and index + 1 < len(body)
    index += escaped
    return body[index], index + 1
