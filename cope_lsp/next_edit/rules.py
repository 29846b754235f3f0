"""The next edit: what follows from what was just renamed, added or removed, by rules and not by a model.

A wrong proposal costs more than none: where a rule does not apply for certain, there is none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from time import monotonic
from typing import TYPE_CHECKING

from cope_lsp.checks.syntax.languages import parser
from cope_lsp.checks.syntax.tree import Parsed, Untold, parse
from cope_lsp.next_edit import blocks
from cope_lsp.next_edit.history import Change
from cope_lsp.next_edit.hunks import Hunk, Renamed, earlier, renamed
from cope_lsp.next_edit.rename import follow_rename
from cope_lsp.next_edit.signature import Difference, follow_signature
from cope_lsp.next_edit.source import Place, Source, TooMuchError

if TYPE_CHECKING:  # native code
    from tree_sitter import Parser

LANGUAGES = blocks.LANGUAGES | {"python"}
"""The LSP ids of the languages that there are rules for."""
CHARACTERS_MAX = 1_000_000
TIMEOUT_S = 0.25
NOTHING = Untold("nothing follows from the last edits")

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What lies between two offsets, in code points, shall become `text`."""

    start: int
    end: int
    text: str


def next_edit(
    language: str, text: str, changes: Sequence[Change], offset: int, timeout_s: float = TIMEOUT_S
) -> Proposal | Untold:
    """Return the edit that follows from the last ones: the next behind the cursor, else the first of all.

    Args:
        language: an LSP language id.
        text: the file now.
        changes: the last edits, oldest first.
        offset: of the cursor, in code points.
        timeout_s: for reading the file, and for the rules.
    """
    fresh = parser(language) if language in LANGUAGES else None
    if fresh is None:
        return Untold(f"there are no rules for {language}")
    if len(text) > CHARACTERS_MAX:
        return Untold(f"the file is larger than {CHARACTERS_MAX} characters")
    text = _SURROGATE.sub("\ufffd", text)
    parsed = parse(text.encode(), fresh, timeout_s)
    if isinstance(parsed, Untold):
        return parsed
    try:
        return _Rules(language, text, parsed, fresh, timeout_s).first(changes, offset)
    except TooMuchError:
        return Untold("the file nests too deeply, or a name stands at too many places")


class _Rules:
    """The rules, for one text."""

    def __init__(self, language: str, text: str, parsed: Parsed, fresh: "Parser", timeout_s: float) -> None:
        self._language = language
        self._text = text
        self._is_ascii = text.isascii()
        self._parsed = parsed
        self._parser = fresh
        self._timeout_s = timeout_s
        self._source = Source(parsed.data, parsed.tree)

    def first(self, changes: Sequence[Change], offset: int) -> Proposal | Untold:
        """Return what follows from the last edit, else from the last two together, and so on."""
        deadline = monotonic() + self._timeout_s
        cursor = self._byte(offset)
        for words, hunks in self._differences(changes):
            if monotonic() > deadline:
                return Untold(f"the rules took longer than {self._timeout_s:g} s")
            found = self._places(words, hunks, changes[-1])
            places = sorted(found, key=lambda each: (each.start < cursor, each.start))
            if places and self._is_sound(places[0]):
                return Proposal(self._offset(places[0].start), self._offset(places[0].end), places[0].text)
        return NOTHING

    def _differences(self, changes: Sequence[Change]) -> Iterator[tuple[Renamed | None, Sequence[Hunk]]]:
        """Yield what differs from ever earlier texts; of the steps of one rename only the whole."""
        all_of_them = ((renamed(hunks, self._text), hunks) for hunks in earlier(changes, self._text))
        for pair, same in groupby(all_of_them, key=lambda each: each[0] and (each[0].old, each[0].new)):
            steps = list(same)
            yield from steps[-1:] if pair else steps

    def _places(self, words: Renamed | None, hunks: Sequence[Hunk], last: Change) -> list[Place]:
        places = self._follow(words, last) if words else []
        if not places and hunks and self._language == "python":
            found = [Difference(self._byte(h.start), self._byte(h.end), self._old(h)) for h in hunks]
            places = follow_signature(self._source, found, self._parser)
        return places

    def _follow(self, words: Renamed, last: Change) -> list[Place]:
        latest = max((each for each in words.starts if each <= last.end), default=words.starts[0])
        in_bytes = Renamed(words.old, words.new, tuple(map(self._byte, words.starts)))
        if self._language == "python":
            return follow_rename(self._source, in_bytes, self._byte(latest))
        return blocks.follow_local_rename(self._language, self._source, in_bytes, self._byte(latest))

    def _is_sound(self, place: Place) -> bool:
        """Whether an edit brings no syntax error."""
        data = self._parsed.data
        after = data[: place.start] + place.text.encode() + data[place.end :]
        self._parser.reset()
        parsed = parse(after, self._parser, self._timeout_s, self._parsed)
        return isinstance(parsed, Parsed) and len(parsed.broken) <= len(self._parsed.broken)

    def _old(self, hunk: Hunk) -> bytes:
        return _SURROGATE.sub("\ufffd", hunk.old).encode()

    def _byte(self, offset: int) -> int:
        return offset if self._is_ascii else len(self._text[:offset].encode())

    def _offset(self, byte: int) -> int:
        return byte if self._is_ascii else len(self._parsed.data[:byte].decode())
