"""Where the labels of points go, so that none covers another one, or a point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import cos, hypot, pi, sin

NEAR = 11.0
"""Pixels from a point to its label where there is room."""

_RING, _RINGS, _ANGLES = 14.0, 60, 16
_POINT = 8.0
"""Half of the square around a point that stays free."""

_AIR = 2.0
_CROSSING = 90.0
"""Pixels that a label rather moves away than to lie on a bar or a line."""


Segment = tuple[tuple[float, float], tuple[float, float]]
"""A straight line from a point to a point."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; y goes down."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box", air: float = 0.0) -> bool:
        """Tell whether two rectangles share a place, or come closer than `air`."""
        return (
            self.left < other.right + air
            and other.left < self.right + air
            and self.top < other.bottom + air
            and other.top < self.bottom + air
        )

    def holds(self, other: "Box") -> bool:
        """Tell whether another rectangle lies within."""
        is_within = self.left <= other.left and other.right <= self.right
        return is_within and self.top <= other.top and other.bottom <= self.bottom

    def nearest(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return the place of the rectangle that is nearest to a point."""
        x, y = point
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


@dataclass(frozen=True, slots=True)
class Label:
    """A label that wants a place."""

    x: float
    """Of its point, as `y`."""
    y: float
    width: float
    height: float


def placed(wanted: Sequence[Label], area: Box, avoided: Sequence[Box] = ()) -> list[Box]:
    """Return a rectangle within the area for each label, as near to its point as is free.

    The order is that of the points from the left. What is `avoided` (bars and lines) is crossed where all
    else is far away; labels and points are not. Where the area is too small, one may cover another one.
    """
    points = [Box(label.x - _POINT, label.y - _POINT, label.x + _POINT, label.y + _POINT) for label in wanted]
    board = _Board(area, points, avoided)
    for index in sorted(range(len(wanted)), key=lambda index: (wanted[index].x, wanted[index].y, index)):
        label, box = wanted[index], board.place(wanted[index])
        board.labels[index] = box
        board.leaders.append(_leader(label, box))
    return [board.labels[index] for index in range(len(wanted))]


@dataclass(slots=True)
class _Board:
    """What has its place."""

    area: Box
    points: Sequence[Box]
    avoided: Sequence[Box]
    labels: dict[int, Box] = field(default_factory=dict)
    leaders: list[Segment] = field(default_factory=list)

    def place(self, label: Label) -> Box:
        """Return the nearest free place, or one a little further away that crosses nothing."""
        free: Box | None = None
        for box in _places(label):
            if free and distance(label, box) > distance(label, free) + _CROSSING:
                break
            if self._is_free(box):
                free = free or box
                if self._is_clear(box, _leader(label, box)):
                    return box
        return free or next((box for box in _places(label) if self.area.holds(box)), next(_places(label)))

    def _is_free(self, box: Box) -> bool:
        return (
            self.area.holds(box)
            and not any(box.overlaps(other, _AIR) for other in (*self.labels.values(), *self.points))
            and not any(_crosses(leader, box) for leader in self.leaders)
        )

    def _is_clear(self, box: Box, leader: Segment) -> bool:
        """Tell whether nothing is crossed. A leader may cross bars: its own point stands on two."""
        return not any(box.overlaps(other) for other in self.avoided) and not any(
            _crosses(leader, other) for other in self.labels.values()
        )


def _leader(label: Label, box: Box) -> Segment:
    return (label.x, label.y), box.nearest((label.x, label.y))


def distance(label: Label, box: Box) -> float:
    """Return how far a label is from its point."""
    x, y = box.nearest((label.x, label.y))
    return hypot(x - label.x, y - label.y)


def _places(label: Label) -> Iterator[Box]:
    """Yield places, the nearest first; at one distance to the right of the point first."""
    for ring in range(_RINGS):
        away = NEAR + ring * _RING
        for step in range(_ANGLES):
            turn = (step + 1) // 2 * (1 if step % 2 else -1)  # 0, 1, -1, 2, -2 and so on
            angle = turn * 2 * pi / _ANGLES
            x, y = label.x + away * cos(angle), label.y + away * sin(angle)
            # The label hangs on the side that looks to the point; above and below it is in the middle.
            left = x - label.width * (1 - cos(angle)) / 2
            top = y - label.height * (1 - sin(angle)) / 2
            yield Box(left, top, left + label.width, top + label.height)


def _crosses(segment: Segment, box: Box) -> bool:
    """Tell whether a straight line goes through a rectangle (Liang and Barsky 1984)."""
    (x, y), (to_x, to_y) = segment
    enters, leaves = 0.0, 1.0
    for way, room in (
        (x - to_x, x - box.left),
        (to_x - x, box.right - x),
        (y - to_y, y - box.top),
        (to_y - y, box.bottom - y),
    ):
        if way == 0:
            if room < 0:
                return False
        elif way < 0:
            enters = max(enters, room / way)
        else:
            leaves = min(leaves, room / way)
    return enters < leaves
