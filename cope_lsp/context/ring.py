"""Pieces of the files that are open: a few where somebody was lately, and how like two pieces are."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cope_lsp.context.named import HEAD_CHARACTERS, lines_around
from cope_lsp.egress.redact import KEY_BLOCK_MAX

CHUNKS_MAX = 16
CHUNK_LINES_BEFORE = 15
CHUNK_LINES_AFTER = 16
"""With the line itself 32."""
CHUNK_CHARACTERS_MAX = 2_000

SAME = 0.9
"""A chunk that is so like a newer one makes room for it."""
SAME_PLACE = 0.5
"""And one of the same file that is so like it is an older state of the same place."""
REPEATS = 0.5
"""What is so like the text at the cursor would only be repeated by the model."""
RELATED_MIN = 0.05

_KEY = "-----BEGIN "
_WORD = re.compile(r"\w+")
_CODE = re.compile(
    r"^[ \t]*(?:export |pub |public |async |static )*(?:def|class|func|function|fn|struct|impl)\b",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines of an open file as they were when they were picked."""

    uri: str
    language: str
    text: str


class Ring:
    """The last chunks that were picked, at most `CHUNKS_MAX`; the oldest makes room for the next."""

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque(maxlen=CHUNKS_MAX)

    def pick(self, uri: str, language: str, text: str, offset: int) -> None:
        """Keep the lines around a place, which replace what is like them."""
        chunk = Chunk(uri, language, cut(text, offset, CHUNK_LINES_BEFORE, CHUNK_LINES_AFTER))
        if chunk.text:
            kept = [each for each in self._chunks if not _gives_way(each, chunk)]
            self._chunks = deque([*kept, chunk], CHUNKS_MAX)

    def forget(self, uri: str) -> None:
        """Drop what is from one file."""
        self._chunks = deque((each for each in self._chunks if each.uri != uri), CHUNKS_MAX)

    def related(self, uri: str, languages: frozenset[str], here: str) -> list[Chunk]:
        """Return the chunks of other files that have to do with the text at the cursor, the best first.

        Args:
            uri: of the file with the cursor.
            languages: from which chunks may be.
            here: the text around the cursor.
        """
        words = words_of(here)
        scored = [
            (shared(words_of(chunk.text), words), chunk)
            for chunk in reversed(self._chunks)
            if chunk.uri != uri and chunk.language in languages and not repeats(chunk.text, here)
        ]
        best = sorted(scored, key=lambda each: each[0], reverse=True)
        return [chunk for score, chunk in best if score >= RELATED_MIN]


def first_code(text: str) -> int:
    """Return where the first definition in a text begins; 0 without one."""
    found = _CODE.search(text, 0, HEAD_CHARACTERS)
    return found.start() if found else 0


def cut(text: str, offset: int, before: int, after: int) -> str:
    """Return whole lines around a place, without blank ones at both ends; "" when they are no code to show.

    Lines are never cut, since half of a secret looks like none; so does a part of a key that has many lines.
    """
    start, end = lines_around(text, offset, before, after)
    is_code = end - start <= 2 * CHUNK_CHARACTERS_MAX  # no person wrote lines that are so long
    if not is_code or text.find(_KEY, max(0, start - KEY_BLOCK_MAX), end) >= 0:
        return ""
    kept = text[start:end].replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()
    return kept if len(kept) <= CHUNK_CHARACTERS_MAX else kept[:CHUNK_CHARACTERS_MAX].rpartition("\n")[0]


def repeats(piece: str, here: str) -> bool:
    """Whether a piece is more than half the same as the text at the cursor, by its lines or its words."""
    lines = shared(lines_of(piece), lines_of(here))
    return max(lines, shared(words_of(piece), words_of(here))) > REPEATS


def overlaps(one: str, others: Iterable[str]) -> bool:
    """Whether half of the lines of a piece, or of another, stand in both."""
    mine = lines_of(one)
    for other in others:
        theirs = lines_of(other)
        if 2 * len(mine & theirs) > min(len(mine), len(theirs)):
            return True
    return False


def shared(one: frozenset[str], other: frozenset[str]) -> float:
    """Return what two sets have in common, of all that is in them (Jaccard): 0 to 1."""
    either = len(one | other)
    return len(one & other) / either if either else 0.0


@lru_cache(64)
def words_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(_WORD.findall(text))


@lru_cache(64)
def lines_of(text: str) -> frozenset[str]:
    """Return the lines of a text that say something, without what indents them."""
    return frozenset(line for each in text.splitlines() if len(line := each.strip()) > 1)


def _gives_way(old: Chunk, new: Chunk) -> bool:
    likeness = shared(lines_of(old.text), lines_of(new.text))
    return likeness > (SAME_PLACE if old.uri == new.uri else SAME)
