"""How much of a candidate for ghost text may be shown: what adds no syntax error where it would be inserted.

A candidate is cut at the ends of its lines only: half a line is not what the model meant.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cope_lsp.checks.syntax.errors import Original
from cope_lsp.checks.syntax.python_gap import PythonGap
from cope_lsp.checks.syntax.tree import Untold, swallowed, tree_faults
from cope_lsp.text import split_lines, without_end

CUTS_MAX = 16
"""How often a candidate is cut before nothing is left of it."""
WHOLE_CHARACTERS_MAX = 100_000
"""Of a document that is read whole where a piece of it does not tell, which takes some 30 ms."""

_IN_NO_FILE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Fit:
    """What of a candidate may be inserted."""

    length: int
    """In code points; 0: nothing of it."""
    is_whole: bool
    compiles: bool | None
    """Whether the whole text is free of errors with it; None: that cannot be told."""
    shape: str = field(default="", compare=False)
    """What is the same for two that are written differently and mean the same; "": that is not known."""


def fits(original: Original, offset: int, candidates: Sequence[str]) -> tuple[Fit, ...]:
    """Return how much of each candidate adds no syntax error to a text.

    What compiled must compile afterwards. What did not, as while somebody writes, may stay open where it was:
    at a bracket before the cursor, or below a last line that opens a block. What cannot be told counts as no
    error.

    Args:
        original: the text.
        offset: of the cursor, in code points.
        candidates: each on its own would be inserted there.
    """
    gap = PythonGap(original, offset) if original.language == "python" else _Gap(original, offset)
    return tuple(_fit(gap, candidate) for candidate in candidates)


def are_told(found: Sequence[Fit]) -> bool:
    """Whether a piece of a document tells what fits into all of it.

    One that has an error as it is, and has one still, may have been cut out wrongly; it may have none itself.
    """
    return all(fit.compiles is not False for fit in found)


def _fit(gap: "_Gap | PythonGap", candidate: str) -> Fit:
    """Return what fits: all of it, or else a beginning, better one that leaves nothing open."""
    longest = None
    for length in _lengths(candidate):
        inserted = candidate[:length]
        adds_error, compiles = (True, False) if _IN_NO_FILE.search(inserted) else gap.judged(inserted)
        if adds_error:
            continue
        found = Fit(length, length == len(candidate), compiles, gap.shape(inserted))
        if found.is_whole or compiles is not False:
            return found
        longest = longest or found
    return longest or Fit(0, not candidate, gap.compiles)


def _lengths(candidate: str) -> Iterator[int]:
    """Yield where a candidate may end, the longest first: at its end, or at that of a line not blank."""
    if not candidate:
        return
    yield len(candidate)
    ends: list[int] = []
    start = 0
    for line in split_lines(candidate):
        end = start + len(without_end(line))
        if line.strip() and end < len(candidate):
            ends.append(end)
        start += len(line)
    yield from ends[: -CUTS_MAX - 1 : -1]


class _Gap:
    """A place in a text; tree-sitter judges what goes there."""

    def __init__(self, original: Original, offset: int) -> None:
        self._original = original
        self._head, self._tail = original.text[:offset], original.text[offset:]

    @property
    def compiles(self) -> bool | None:
        """Whether the text has no error as it is."""
        before = self._original.parsed
        return None if isinstance(before, Untold) else not before.broken

    def shape(self, _inserted: str) -> str:
        """Return nothing: only Python tells."""
        return ""

    def judged(self, inserted: str) -> tuple[bool, bool | None]:
        """Return whether a text adds an error here, and whether there is none at all with it."""
        before = self._original.parsed
        after = self._original.reparsed(self._head + inserted + self._tail)
        if isinstance(before, Untold) or isinstance(after, Untold):
            return False, None
        if not after.broken:
            return bool(swallowed(before, after)), True
        found = tree_faults(before, after)
        return isinstance(found, tuple) and bool(found), False
