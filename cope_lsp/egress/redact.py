"""Secrets out of a text: replaced before a prompt is built, and looked for again in what is to be sent.

The value alone is replaced, by `[redacted:KIND]`; the name, the quotes and the code around it stay, so that
the text still parses. What counts as a value is in `rules/` and `likeness.py`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from cope_lsp.egress import rulebook
from cope_lsp.egress.likeness import MARK, made_up

PASSES_MAX = 6
LITERAL_CHARACTERS_MIN = 8
"""A shorter literal would blank out ordinary words."""

KEY_BLOCK_MAX = 40_000

KNOWN_KEY = "known-key"
PRIVATE_KEY = "private-key"
EVERYTHING = "everything"

Span = tuple[int, int]
Found = tuple[int, int, str]

_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text that `redact` has seen, and the kinds of what it took out, in the order of the text."""

    text: str
    found: tuple[str, ...]


def redact(text: str, *, literals: Iterable[str] = ()) -> Redacted:
    """Replace every secret that is found in `text`.

    Args:
        text: what is to be shown to a model elsewhere.
        literals: secrets known by their value, such as the API key in use.
    """
    known = tuple(literals)
    kinds: list[str] = []
    for _ in range(PASSES_MAX):
        found = search(text, known)
        if not found:
            return Redacted(text, tuple(kinds))
        kinds += [kind for _, _, kind in found]
        text = replaced(text, found)
    # Only a text made for it gets here: what one pass leaves behind, the next takes.
    return Redacted(f"[redacted:{EVERYTHING}]", tuple(kinds))


def secrets_in(text: str, *, literals: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the kinds of the secrets in `text`: none after `redact`."""
    return tuple(kind for _, _, kind in search(text, tuple(literals)))


def replaced(text: str, found: list[Found]) -> str:
    """Return `text` with a marker of its kind in the place of each secret."""
    parts, last = [], 0
    for start, end, kind in found:
        parts += [text[last:start], f"[redacted:{kind}]"]
        last = end
    return "".join((*parts, text[last:]))


def search(text: str, literals: tuple[str, ...]) -> list[Found]:
    """Return what is to be replaced: in order, none overlapping."""
    hidden = _marker().sub(lambda marker: MARK * len(marker[0]), text.replace(MARK, "\1"))
    low = _lower(hidden)
    ranked: list[tuple[int, int, int, str]] = []
    for start, end, kind in (*_literals(hidden, literals), *_private_keys(hidden, low)):
        ranked.append((start, end, -1, kind))
    hits = _Hits(low)
    for rank, rule in enumerate(rulebook.rules()):
        reach = 0  # a run is followed to its end once, however many finds there are in it
        for start, end in rule.spans(hidden, hits):
            reach = reach if end < reach else rulebook.run_end(hidden, end)
            ranked.append((start, reach, rank, rule.kind))
    return list(_merged(sorted(ranked)))


@cache
def _marker() -> re.Pattern[str]:
    """Return what finds the markers of `redact`, and nothing that merely looks like one."""
    kinds = {rule.kind for rule in rulebook.rules()} | {KNOWN_KEY, PRIVATE_KEY, EVERYTHING}
    return re.compile(rf"\[redacted:(?:{'|'.join(map(re.escape, sorted(kinds)))})\]")


class _Hits(dict[str, list[int]]):
    """Where each keyword begins, looked up when a rule first asks."""

    def __init__(self, low: str) -> None:
        self._low = low

    def __missing__(self, keyword: str) -> list[int]:
        places = self[keyword] = list(_places(self._low, keyword))
        return places


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))


def _lower(text: str) -> str:
    """Return `text` in small letters, each where it was: `str.lower` makes two of some."""
    return text.lower() if text.isascii() else text.translate(_UPPER)


def _merged(ranked: list[tuple[int, int, int, str]]) -> Iterator[Found]:
    """Join what overlaps; the rule of the lowest rank names it."""
    last: tuple[int, int, int, str] | None = None
    for start, end, rank, kind in ranked:
        if last is None or start >= last[1]:
            if last:
                yield last[0], last[1], last[3]
            last = start, end, rank, kind
        else:
            name = (rank, kind) if rank < last[2] else last[2:]
            last = last[0], max(end, last[1]), *name
    if last:
        yield last[0], last[1], last[3]


def _literals(text: str, literals: tuple[str, ...]) -> Iterator[Found]:
    for literal in literals:
        if len(literal) >= LITERAL_CHARACTERS_MIN:
            for start in _places(text, literal):
                yield start, start + len(literal), KNOWN_KEY


_KEY_MARK = re.compile(r"-----(begin|end)[ a-z0-9_-]{0,60}private key(?: block)?-----")
_KEY_RUN = re.compile(r"\\+[nrt]|([A-Za-z0-9+/=]+)", re.ASCII)
_KEY_GAP = re.compile(r"(?:\\+[nrt]?|[\s\"'`+,;()>|#*:.-])*", re.ASCII)
_KEY_RUN_MIN = 16
_KEY_HEADERS_MAX = 20
"""Words before the key itself, such as "Proc-Type: 4,ENCRYPTED"."""


def _private_keys(text: str, low: str) -> Iterator[Found]:
    """Yield the lines of private keys, also of a key whose beginning or end was cut off.

    Each line is a span of its own: a key in source code is often a string a line.
    """
    if "private key" not in low:
        return
    for mark in _KEY_MARK.finditer(low):
        runs = _after(text, mark.end()) if mark[1] == "begin" else _before(text, mark.start())
        for start, end in runs:
            yield start, end, PRIVATE_KEY


def _after(text: str, start: int) -> list[Span]:
    """Return the lines of the key that begins at `start`."""
    end = min(len(text), start + KEY_BLOCK_MAX)
    close = text.find("-----", start, end)
    whole = close >= 0
    runs = _runs(text, start, close if whole else end)
    first = next((i for i, run in enumerate(runs[:_KEY_HEADERS_MAX]) if _is_key_line(text, run)), None)
    if first is None or MARK in text[start : runs[first][0]]:
        return []
    return _unbroken(text, runs[first:], start=runs[first][0], short_end=close if whole else -1)


def _before(text: str, end: int) -> list[Span]:
    """Return the lines of a key that ends at `end`, and of which the beginning may be missing."""
    start = max(0, end - KEY_BLOCK_MAX, text.rfind("-----", 0, end) + 5)
    runs = _runs(text, start, end)
    lines: list[Span] = []
    for run in reversed(runs):
        gap = text[run[1] : lines[-1][0] if lines else end]
        if not _KEY_GAP.fullmatch(gap) or not (_is_key_line(text, run) or not lines):
            break
        lines.append(run)
    return lines if any(_is_key_line(text, line) for line in lines) else []


def _unbroken(text: str, runs: list[Span], *, start: int, short_end: int) -> list[Span]:
    lines: list[Span] = []
    for run in runs:
        last = lines[-1][1] if lines else start
        closes = short_end >= 0 and bool(_KEY_GAP.fullmatch(text, run[1], short_end))
        if not _KEY_GAP.fullmatch(text, last, run[0]) or not (closes or _is_key_line(text, run)):
            break
        lines.append(run)
    return lines


def _runs(text: str, start: int, end: int) -> list[Span]:
    return [run.span(1) for run in _KEY_RUN.finditer(text, start, end) if run[1]]


def _is_key_line(text: str, run: Span) -> bool:
    return run[1] - run[0] >= _KEY_RUN_MIN and made_up(text[slice(*run)])
