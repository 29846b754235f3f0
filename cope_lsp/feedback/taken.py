"""What became of an offered text, told by what stands at its place now."""

from collections.abc import Iterable
from typing import Literal

Outcome = Literal["accepted", "partly", "typed", "rejected"]
"""accepted: put in whole; partly: a beginning of it; typed: key by key, to its end; rejected: something else
was typed there."""

_OPENERS = {")": "(", "]": "[", "}": "{", '"': '"', "'": "'", "`": "`"}


def matched(offered: Iterable[str], there: str) -> tuple[str, int] | None:
    """Return the offered text that stands at the place, and how many of its characters do.

    None when something else stands there. A bracket or quote that an editor closes by itself is no text of
    the user's.
    """
    found = [(text, length) for text in offered if (length := _length(text, there)) is not None]
    return max(found, key=lambda pair: pair[1], default=None)


def judged(text: str, before: int, now: int, *, may_insert: bool) -> Outcome | None:
    """Return what a step from `before` to `now` matching characters makes of an offer; None: nothing yet.

    `may_insert` is false for an editor that tells late, and several keys at once: who types fast would look
    like who accepts.
    """
    at_once = may_insert and len(text[before:now].strip()) > 1
    if now == len(text) > before:
        return "accepted" if at_once else "typed"
    return "partly" if at_once else None


def _length(text: str, there: str) -> int | None:
    if there.startswith(text):
        return len(text)
    while not text.startswith(there):
        opener = _OPENERS.get(there[-1])
        there = there[:-1]
        if opener is None or not _is_open(there, opener):
            return None
    return len(there)


def _is_open(text: str, opener: str) -> bool:
    closer = next(closer for closer, its in _OPENERS.items() if its == opener)
    if closer == opener:
        return text.count(opener) % 2 == 1
    return text.count(opener) > text.count(closer)
