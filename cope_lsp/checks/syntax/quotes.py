"""Whether a text ends in a string or a comment, told by their marks.

For text that does not parse at this moment, as while somebody writes a string whose end is not there yet.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

Open = Literal["comment", "string"]

_HASH = frozenset({"php", "python", "ruby", "shellscript"})
_SLASHES = frozenset(
    {
        "c",
        "cpp",
        "csharp",
        "go",
        "java",
        "javascript",
        "javascriptreact",
        "php",
        "rust",
        "typescript",
        "typescriptreact",
    }
)
_BACKTICK = frozenset({"go", "javascript", "javascriptreact", "typescript", "typescriptreact"})
_APOSTROPHE_IS_MORE = frozenset({"html", "rust"})
"""There it also marks a lifetime, or is a letter of prose."""


def open_at_end(language: str, text: str) -> Open | None:
    """Return what is open at the end of a text; a string of one line ends with its line at the latest."""
    for found in _pattern(language).finditer(text):
        if found.lastgroup:
            return "comment" if found.lastgroup.startswith("comment") else "string"
    return None


def without_prose(language: str, text: str) -> str:
    """Return a text without its strings and comments, for which no mark is left."""
    return _pattern(language).sub("", text)


@cache
def _pattern(language: str) -> re.Pattern[str]:
    """Return a pattern of strings and comments, in which a group takes what is open when the text ends."""
    parts: list[str] = []
    for kind, start, inside, end in _marks(language):
        # What is closed is tried first. Of two marks with one beginning the longer one comes first.
        parts.append(f"{start}{inside}{end}|(?P<{kind}_{len(parts)}>{start}{inside}\\\\?\\Z)")
    return re.compile("|".join(parts), re.DOTALL)


def _marks(language: str) -> Iterator[tuple[Open, str, str, str]]:
    """Yield what a string or a comment begins with, what is in it, and where it ends, all as patterns."""
    for start, end in _block_comments(language):
        yield "comment", re.escape(start), ".*?", re.escape(end)
    for mark in _line_comments(language):
        yield "comment", re.escape(mark), r"[^\n]*", r"(?=\n)"
    for quote in _long_quotes(language):
        yield "string", quote, r"(?:\\.|[^\\])*?", quote
    for quote in ('"',) if language in _APOSTROPHE_IS_MORE else ('"', "'"):
        yield "string", quote, rf"(?:\\.|[^\\\n{quote}])*", quote


def _block_comments(language: str) -> tuple[tuple[str, str], ...]:
    if language in _SLASHES or language == "css":
        return (("/*", "*/"),)
    return {"lua": (("--[[", "]]"),), "html": (("<!--", "-->"),)}.get(language, ())


def _line_comments(language: str) -> tuple[str, ...]:
    hashes = ("#",) if language in _HASH else ()
    slashes = ("//",) if language in _SLASHES else ()
    return (*hashes, *slashes, *(("--",) if language == "lua" else ()))


def _long_quotes(language: str) -> tuple[str, ...]:
    if language == "python":
        return ('"""', "'''")
    return ("`",) if language in _BACKTICK else ()
