"""Where a text differs from what it was some edits ago."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cope_lsp.next_edit.history import Change

_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_WORD_MAX = 200


@dataclass(frozen=True, slots=True)
class Hunk:
    """What lies between `start` and `end` now was `old` then; offsets are code points of the text now."""

    start: int
    end: int
    old: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """All that differs: the word `old` became `new`, at these offsets."""

    old: str
    new: str
    starts: tuple[int, ...]


def earlier(changes: Sequence[Change], text: str) -> Iterator[tuple[Hunk, ...]]:
    """Yield the differences from the text before the last edit, before the last two, and so on.

    Args:
        changes: the edits, oldest first.
        text: what they made.
    """
    hunks: tuple[Hunk, ...] = ()
    for change in reversed(changes):
        hunks = _before(hunks, change, text)
        yield hunks


def _before(hunks: tuple[Hunk, ...], change: Change, text: str) -> tuple[Hunk, ...]:
    """Return the differences from the text before a change, given those from the text after it."""
    above: list[Hunk] = []
    touched: list[tuple[int, Hunk]] = []
    below: list[Hunk] = []
    shift = shift_above = shift_touched = 0  # an offset now, less the same place's offset after the change
    for hunk in hunks:
        start = hunk.start - shift
        shift += hunk.end - hunk.start - len(hunk.old)
        if start + len(hunk.old) < change.start:
            above.append(hunk)
            shift_above = shift_touched = shift
        elif start > change.end:
            below.append(hunk)
        else:
            touched.append((start, hunk))
            shift_touched = shift
    low = min([change.start, *(start for start, _ in touched)])
    high = max([change.end, *(start + len(hunk.old) for start, hunk in touched)])
    then = _text_then(text, touched, low + shift_above, high + shift_touched)
    old = then[: change.start - low] + change.removed + then[change.end - low :]
    made = Hunk(low + shift_above, high + shift_touched, old)
    kept = (made,) if text[made.start : made.end] != old else ()
    return (*above, *kept, *below)


def _text_then(text: str, touched: list[tuple[int, Hunk]], start: int, end: int) -> str:
    """Return what stood between two offsets of now, with the hunks in between taken back."""
    parts = []
    for _, hunk in touched:
        parts += [text[start : hunk.start], hunk.old]
        start = hunk.end
    return "".join([*parts, text[start:end]])


def renamed(hunks: Sequence[Hunk], text: str) -> Renamed | None:
    """Return the one word that became one other everywhere; None when something else differs, too."""
    words = [_widened(hunk, text) for hunk in _joined(hunks, text)]
    # `{a}` that became `{a: b}` is a rename of a variable whose field keeps its name.
    starts = [hunk.start + _length_of_field(hunk, text) for hunk in words]
    pairs = {(hunk.old, text[start : hunk.end]) for hunk, start in zip(words, starts, strict=True)}
    if len(pairs) != 1:
        return None
    ((old, new),) = pairs
    is_name = all(len(word) <= _WORD_MAX and _NAME.fullmatch(word) for word in (old, new))
    return Renamed(old, new, tuple(starts)) if is_name else None


def _length_of_field(hunk: Hunk, text: str) -> int:
    field = f"{hunk.old}: "
    return len(field) if hunk.old and text[hunk.start : hunk.end].startswith(field) else 0


def _joined(hunks: Sequence[Hunk], text: str) -> list[Hunk]:
    """Return the hunks, those within one word as one."""
    joined: list[Hunk] = []
    for hunk in hunks:
        last = joined[-1] if joined else None
        gap = text[last.end : hunk.start] if last and hunk.start - last.end <= _WORD_MAX else ""
        if last and gap and all(map(_is_of_word, gap)):
            joined[-1] = Hunk(last.start, hunk.end, last.old + gap + hunk.old)
        else:
            joined.append(hunk)
    return joined


def _widened(hunk: Hunk, text: str) -> Hunk:
    """Return a hunk that reaches to the ends of the words that it touches."""
    start, end = hunk.start, hunk.end
    while start and hunk.start - start <= _WORD_MAX and _is_of_word(text[start - 1]):
        start -= 1
    while end < len(text) and end - hunk.end <= _WORD_MAX and _is_of_word(text[end]):
        end += 1
    return Hunk(start, end, text[start : hunk.start] + hunk.old + text[hunk.end : end])


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character in "_$"
