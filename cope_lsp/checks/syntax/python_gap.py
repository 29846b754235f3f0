"""A place in Python where ghost text may go, and what CPython says of that.

While somebody writes, the text seldom compiles before and mostly does after: then nothing else need be asked.
Else it is the place of the error that tells whether the new text brought it.
"""

import re
from functools import cached_property, lru_cache

from cope_lsp.checks.syntax.errors import COMPILED_CHARACTERS_MAX, Original
from cope_lsp.checks.syntax.python import MISSING_BODY, Rejected, Unread, compiled, shape_of
from cope_lsp.checks.syntax.tree import Untold, swallowed

_IN_CLASS = "class _:\n"
_IN_BLOCK = "if 1:\n"
_FIRST_CHARACTERS = 20
_FRAMES_KEPT = 16
_WIDTH_MAX = 40
_NUMBERS = re.compile(r"\d+")
_DEFINITION = re.compile(r"[ \t]*(?:@|#|(?:async[ \t]+)?def\b|class\b)")
_UNTERMINATED = "unterminated triple-quoted"
"""All that follows is a string, whatever it is, as in a docstring that somebody has begun to write."""
_LONG_QUOTES = ('"""', "'''")
_NOT_ALONE = re.compile(r"\b(?:async|await|yield|global|nonlocal|__future__)\b|:=|\"\"\"|'''|[\\\t\f\r]")
"""What in a statement can be right on its own and wrong where it goes, or the other way round."""
_CODE_IN_STRING = re.compile(r"[fFtT][rR]?(?:\"\"\"|''')")
_REACH_FAR = ("async", "global", "nonlocal", "__future__", "\t", "\f")
"""What in a text can make a statement wrong that is right on its own."""


class PythonGap:
    """A place in a text of Python."""

    def __init__(self, original: Original, offset: int) -> None:
        self._original = original
        self._head, self._tail = original.text[:offset], original.text[offset:]
        first = _first_line(original.text)
        white = first[: len(first) - len(first.lstrip(" \t"))]
        # What was cut out of a class or a function is read as if it stood in one that goes on below.
        self._above = "" if not white else _IN_CLASS if _DEFINITION.match(first) else _IN_BLOCK
        self._below = f"\n{white}pass\n" if white else ""

    @property
    def compiles(self) -> bool | None:
        """Whether the text has no error as it is."""
        return None if isinstance(self._before, Unread) else self._before is None

    def shape(self, inserted: str) -> str:
        """Return what a text means in its line, as a digest of its tree; "" where it is none on its own."""
        before = self._head[max(self._head.rfind("\n"), self._head.rfind("\r")) + 1 :]
        behind = self._tail.partition("\n")[0]
        return shape_of(before + inserted + behind)

    def judged(self, inserted: str) -> tuple[bool, bool | None]:
        """Return whether a text adds an error here, and whether there is none at all with it."""
        if self._stands_alone(inserted):
            return False, True
        after = self._head + inserted + self._tail
        if len(after) > COMPILED_CHARACTERS_MAX:
            return self._is_new_to_the_tree(after), None
        said = self._said(after)
        if said is None:
            return self._takes_in(inserted, after), True
        if isinstance(said, Unread):
            return not isinstance(self._before, Unread), None
        if isinstance(self._before, Unread):
            return False, False
        if self._before is None:
            return True, False
        start = len(self._above) + len(self._head)
        is_new = brings(self._before, said, self._framed(after), start, start + len(inserted))
        return self._is_new_to_the_tree(after) if is_new is None else is_new, False

    def _is_new_to_the_tree(self, after: str) -> bool:
        found = self._original.new_errors(after)
        return isinstance(found, tuple) and bool(found)

    @cached_property
    def _before(self) -> Rejected | Unread | None:
        return self._said(self._original.text)

    def _said(self, text: str) -> Rejected | Unread | None:
        if len(text) > COMPILED_CHARACTERS_MAX:
            return Unread("it is too long")
        return compiled(self._framed(text), parse_only=self._above == _IN_BLOCK)

    def _framed(self, text: str) -> str:
        return self._above + text + self._below

    def _takes_in(self, inserted: str, after: str) -> bool:
        """Whether code below becomes part of a string that the new text begins, though all of it compiles."""
        if not any(inserted.count(quote) % 2 for quote in _LONG_QUOTES):
            return False
        parsed = self._original.reparsed(after)
        before = self._original.parsed
        return (
            not isinstance(before, Untold)
            and not isinstance(parsed, Untold)
            and bool(swallowed(before, parsed))
        )

    # -- a shorter way to the same answer -----------------------------------------------------

    def _stands_alone(self, inserted: str) -> bool:
        """Whether a text compiles here for sure; False says nothing.

        It does if the rest compiles with another statement in the place of the line, and the line compiles on
        its own. While somebody writes in one line the rest stays the same, and is read once.
        """
        above, below, line = self._line
        if line is None:
            return False
        before, behind = line
        statements = before + inserted + behind
        if _NOT_ALONE.search(statements):
            return False
        rows = [row for row in statements.split("\n") if row.strip()]
        if not rows:
            return False
        first = next((row for row in rows if not row.lstrip().startswith("#")), rows[0])
        white = first[: len(first) - len(first.lstrip(" "))]
        if len(white) > _WIDTH_MAX or not all(row.startswith(white) for row in rows):
            return False
        if compiled(f"def _():\n{statements}" if white else statements):
            return False
        other = "return" if "return" in statements else "pass"
        return _compiles(self._framed(f"{above}{white}{other}\n{below}"))

    @cached_property
    def _line(self) -> tuple[str, str, tuple[str, str] | None]:
        """The lines above, those below, and both halves of the one of the cursor; None: of no use."""
        text = self._original.text
        if len(text) > COMPILED_CHARACTERS_MAX or _reaches_far(text):
            return "", "", None
        head, tail = self._head.replace("\r\n", "\n"), self._tail.replace("\r\n", "\n")
        above, end, before = head.rpartition("\n")
        behind, _, below = tail.partition("\n")
        return above + end, below, (before, behind)


@lru_cache(_FRAMES_KEPT)
def _compiles(source: str) -> bool:
    return compiled(source) is None


def _first_line(text: str) -> str:
    """Return the beginning of a text, from its first line on that is not blank."""
    start = len(text) - len(text.lstrip())
    return text[text.rfind("\n", 0, start) + 1 : start + _FIRST_CHARACTERS]


def _reaches_far(text: str) -> bool:
    # Looking for words one by one is many times faster than a pattern.
    if any(word in text for word in _REACH_FAR) or text.count("\r") != text.count("\r\n"):
        return True
    return any(quote in text for quote in _LONG_QUOTES) and _CODE_IN_STRING.search(text) is not None


def brings(old: Rejected, new: Rejected, after: str, start: int, end: int) -> bool | None:
    """Return whether an insertion brought an error into a text that had another one.

    Args:
        old: the first error of the text before.
        new: and after the insertion.
        after: the text with it.
        start: where it begins in there, in code points.
        end: and where it ends.

    Returns:
        None: the places of the errors do not tell.
    """
    if new.message.startswith(MISSING_BODY):
        return _lacks_body_within(new, after, start, end)
    behind = after[end : new.start] if new.start >= end else "\n"
    if not behind.strip(" \t") and after[new.start : new.start + 1] in {"", "\r", "\n"}:
        return True  # the last line is not complete
    was_there = _NUMBERS.sub("", old.message) == _NUMBERS.sub("", new.message)
    if was_there and old.start == _before(new.start, start, end):
        return False if new.start < start and new.message.startswith(_UNTERMINATED) else None
    if new.start < end and max(new.end, new.start + 1) > start:
        return True
    # What is first in a text that is read from its beginning was not there, if another was first before.
    return True if new.start >= end and _before(new.start, start, end) < old.start else None


def _lacks_body_within(new: Rejected, after: str, start: int, end: int) -> bool | None:
    """Whether an insertion goes on without the body of a block; one that it opens at its end may lack it."""
    named = _NUMBERS.findall(new.message)
    if not named:
        return None
    row, first, last = int(named[-1]), after.count("\n", 0, start) + 1, after[:end].rstrip().count("\n") + 1
    return None if row < first else row < last


def _before(place: int, start: int, end: int) -> int:
    """Return where a place was before an insertion."""
    return place if place < start else max(start, place - (end - start))
