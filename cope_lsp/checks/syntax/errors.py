"""Which syntax errors an edit brings into a file.

Errors that were there before do not count, wherever the edit moves them. Two readers judge: tree-sitter,
which makes a tree of any text and says what it could not place; and, for Python, CPython, whose word goes
before that of a grammar.

Grammars are native code, and on some short texts tree-sitter takes ten seconds in which nothing can stop it.
The server therefore asks through `SyntaxReader`.
"""

import re
from functools import cached_property

from cope_lsp.checks.syntax.languages import parser
from cope_lsp.checks.syntax.python import Rejected, Unread, compiled, passage
from cope_lsp.checks.syntax.tree import (
    Edit,
    Fault,
    Parsed,
    Untold,
    common_head,
    parse,
    swallowed,
    tree_faults,
)
from cope_lsp.text import split_lines

BYTES_MAX = 1_000_000
COMPILED_CHARACTERS_MAX = 200_000
"""Of a file that CPython reads whole, which takes a second for a million; else it reads what changed."""
PARSE_TIMEOUT_S = 0.5
TOO_LARGE = Untold(f"the file is larger than {BYTES_MAX} bytes")

_SURROGATE = re.compile("[\ud800-\udfff]")


def new_errors(language: str, before: str, after: str) -> tuple[Fault, ...] | Untold:
    """Return the syntax errors that an edit brings into a file: see `Original.new_errors`."""
    return Original(language, before).new_errors(after)


class Original:
    """A file, or a stretch of one, before an edit. It is parsed when it is first asked, once."""

    def __init__(self, language: str, text: str) -> None:
        self.language = language
        self.text = text

    @cached_property
    def parsed(self) -> Parsed | Untold:
        """What tree-sitter says of it."""
        return _parsed(self.language, self.text)

    @property
    def is_sound(self) -> bool:
        """Whether there is no error in it; False, too, where that cannot be told."""
        if self.language == "python" and len(self.text) <= COMPILED_CHARACTERS_MAX:
            return self._compiles
        return not isinstance(self.parsed, Untold) and not self.parsed.broken

    @cached_property
    def _compiles(self) -> bool:
        return self.language == "python" and _compiles(self.text)

    def new_errors(self, after: str) -> tuple[Fault, ...] | Untold:
        """Return the errors in the file after an edit that were not there before.

        Returns:
            the one to read first comes first; (): the edit is sound.
        """
        if after == self.text:
            return ()
        if max(len(after), len(self.text)) > BYTES_MAX:
            return TOO_LARGE
        halves = _halves(self.text, after)
        if halves:
            return halves
        if isinstance(self.parsed, Untold):
            return self.parsed
        if self._compiles and len(after) <= COMPILED_CHARACTERS_MAX:
            return self._compiled(self.parsed, after)
        stands_alone = self._passage(after) if self.language == "python" else None
        if isinstance(stands_alone, Fault):
            return (stands_alone,)
        if stands_alone:
            return ()
        parsed = self.reparsed(after)
        return parsed if isinstance(parsed, Untold) else tree_faults(self.parsed, parsed)

    def reparsed(self, after: str) -> Parsed | Untold:
        """Return what tree-sitter says of the text after an edit, for which it reads only what changed."""
        return self.parsed if isinstance(self.parsed, Untold) else _parsed(self.language, after, self.parsed)

    def _compiled(self, before: Parsed, after: str) -> tuple[Fault, ...] | Untold:
        """CPython accepts the file as it was; so it must accept it after the edit."""
        said = compiled(after)
        if isinstance(said, Rejected):
            return (Fault(said.line, said.message),)
        if isinstance(said, Unread):
            return Untold(said.reason)
        parsed = self.reparsed(after)
        return () if isinstance(parsed, Untold) else swallowed(before, parsed)

    def _passage(self, after: str) -> Fault | bool:
        """CPython did not accept the file as it was; but if it accepted what the edit is in, it must again.

        Returns:
            what is wrong there; True: nothing; False: it was not accepted before either.
        """
        edit = Edit.between(self.text, after)
        old = passage(self.text, *_rows(self.text, edit.start, edit.old_end))
        if old is None or compiled(old, parse_only=True):
            return False
        new = passage(after, *_rows(after, edit.start, edit.new_end))
        said = compiled(new, parse_only=True) if new else None
        return Fault(said.line, said.message) if isinstance(said, Rejected) else new is not None and not said


def _parsed(language: str, text: str, last: Parsed | None = None) -> Parsed | Untold:
    fresh = parser(language)
    if fresh is None:
        return Untold(f"there is no grammar for {language}")
    # Half a surrogate pair has no bytes. Whether one is new was looked at; here it is like other characters.
    data = _SURROGATE.sub("\ufffd", text).encode("utf-8")
    if len(data) > BYTES_MAX:
        return TOO_LARGE
    return parse(data, fresh, PARSE_TIMEOUT_S, last)


def _compiles(text: str) -> bool:
    return len(text) <= COMPILED_CHARACTERS_MAX and compiled(text) is None


def _halves(before: str, after: str) -> tuple[Fault, ...]:
    """Return a fault when an edit brings half a surrogate pair, which no file can hold."""
    if len(_SURROGATE.findall(after)) <= len(_SURROGATE.findall(before)):
        return ()
    found = _SURROGATE.search(after, common_head(before, after)) or _SURROGATE.search(after)
    at = found.start() if found else 0
    return (Fault(_row(after, at) + 1, f"U+{ord(after[at]):04X} is half a character"),)


def _rows(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the 0-based rows between two offsets, without blank ones; the one above if all are blank."""
    part = text[start:end]
    last = _row(text, len(text[:end].rstrip()))
    return (_row(text, start + len(part) - len(part.lstrip())) if part.strip() else last), last


def _row(text: str, offset: int) -> int:
    return len(split_lines(text[:offset] + "|")) - 1
