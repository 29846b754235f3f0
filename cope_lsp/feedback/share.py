"""How much of an accepted text is still there."""

import re

CHARACTERS_MAX = 2_000
"""Of the accepted text; of the passage where it should be, three times as many are looked at."""


def kept_share(accepted: str, now: str) -> float:
    """Return the share of the characters of `accepted` that `now` has in the same order, from 0 to 1.

    Words count whole: two letters of another word are no remains. White space does not count.
    """
    wanted, there = _pieces(accepted[:CHARACTERS_MAX]), _pieces(now[: 3 * CHARACTERS_MAX])
    return _common(wanted, there) / len(wanted) if wanted else 1.0


def _pieces(text: str) -> list[tuple[str, int]]:
    """Return one piece for each character that counts: its word, and its number in that."""
    return [(word, index) for word in re.findall(r"\w+|[^\w\s]", text) for index in range(len(word))]


def _common(wanted: list[tuple[str, int]], there: list[tuple[str, int]]) -> int:
    """Return the length of the longest common subsequence, a row of the usual table in one integer.

    Crochemore, Iliopoulos, Pinzon and Reid, "A fast and practical bit-vector algorithm for the longest common
    subsequence problem" (2001): a bit is 0 where the row grows by one.
    """
    places: dict[tuple[str, int], int] = {}
    for index, piece in enumerate(wanted):
        places[piece] = places.get(piece, 0) | 1 << index
    ones = (1 << len(wanted)) - 1
    row = ones
    for piece in there:
        here = row & places.get(piece, 0)
        row = ((row + here) | (row - here)) & ones
    return len(wanted) - row.bit_count()
