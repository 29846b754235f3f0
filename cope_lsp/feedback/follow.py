"""Points of a text that stay where they belong while the text is edited."""

from collections.abc import Sequence
from dataclasses import dataclass

from cope_lsp.text import split_lines, without_end

Point = tuple[int, int]
"""A row and a column in code points, both from 0. A column past the end of a row means its end."""

ROW_END = 1 << 40
"""The column of a point that is to stay at the end of its row."""


@dataclass(frozen=True, slots=True)
class Change:
    """What lay between `start` and `end` was replaced by a text that now ends at `new_end`."""

    start: Point
    end: Point
    new_end: Point

    def touches(self, start: Point, end: Point) -> bool:
        """Whether it changed something between two points of the text before it, or at one of them."""
        return self.start <= end and start <= self.end


def replacement(start: Point, end: Point, text: str) -> Change:
    """Return the change that puts `text` between two points."""
    end = max(start, end)
    *above, last = _rows(text)
    column = len(last) if above else start[1] + len(last)
    return Change(start, end, (start[0] + len(above), column))


def whole(before: Sequence[str], after: Sequence[str]) -> Change:
    """Return the change of the rows that differ, for an editor that sent all of its text."""
    shorter = min(len(before), len(after))
    head = next((row for row in range(shorter) if before[row] != after[row]), shorter)
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not old or not new:
        return Change((head, 0), (head + len(old), 0), (head + len(new), 0))
    left = _common(old[0], new[0])
    right = _common(_rest(old, left)[::-1], _rest(new, left)[::-1])
    return Change((head, left), _end(head, old, right), _end(head, new, right))


def moved(point: Point, change: Change, *, is_end: bool = False) -> Point:
    """Return where a point is after a change.

    The start of a passage stays before what is inserted at it; its end, with `is_end`, goes behind that. Of a
    point in replaced text only the row counts: from the start of the new text, or from its end.
    """
    start, end, new_end = change.start, change.end, change.new_end
    if point < start or (point == start and not (is_end and start == end)):
        return point
    if point >= end:
        row = point[0] + new_end[0] - end[0]
        return row, point[1] + (new_end[1] - end[1]) * (point[0] == end[0])
    if is_end:
        return max((new_end[0] - (end[0] - point[0]), point[1]), start)
    return min(point, new_end)


def behind(start: Point, text: str) -> Point:
    """Return the point where a text ends that stands at `start`."""
    return replacement(start, start, text).new_end


def passage(lines: Sequence[str], start: Point, end: Point) -> str:
    r"""Return what lies between two points, with `\n` for every line end."""
    if end < start or start[0] >= len(lines):
        return ""
    rows = [without_end(line) for line in lines[start[0] : end[0] + 1]]
    if len(rows) == end[0] - start[0] + 1:
        rows[-1] = rows[-1][: end[1]]
    rows[0] = rows[0][start[1] :]
    return "\n".join(rows)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _rest(rows: Sequence[str], left: int) -> str:
    return rows[-1][left:] if len(rows) == 1 else rows[-1]


def _end(head: int, rows: Sequence[str], right: int) -> Point:
    return head + len(rows) - 1, len(rows[-1]) - right


def _rows(text: str) -> list[str]:
    lines = split_lines(text)
    ends_in_row = bool(lines) and without_end(lines[-1]) != lines[-1]
    return [without_end(line) for line in lines] + [""] * (ends_in_row or not lines)
