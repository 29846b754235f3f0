"""The days as a picture: bars for what was shown and accepted, and a line for the rate of acceptance."""

from collections.abc import Iterator, Sequence
from html import escape

from cope_lsp.feedback.summary import Figures

WIDTH, HEIGHT = 860, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 60, 50, 50
BAR_SHARE = 0.7
LABELS_MAX = 10

SHOWN, ACCEPTED, RATE, GRID = "#cfd8dc", "#2a7f62", "#b5482f", "#dddddd"


def svg(days: Sequence[Figures]) -> str:
    """Return the picture of at least one day, oldest first."""
    highest = max((day.shown for day in days), default=0) or 1
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'{head} viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
        "<title>Suggestions shown and accepted by day</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        *_axes(highest),
        *(part for index, day in enumerate(days) for part in _bars(day, index, len(days), highest)),
        *_line(days),
        *_legend(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axes(highest: int) -> Iterator[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{highest * share:g}</text>'
        yield f'<text x="{WIDTH - RIGHT + 8}" y="{y + 4:.1f}" fill="{RATE}">{share:.0%}</text>'


def _bars(day: Figures, index: int, number: int, highest: int) -> Iterator[str]:
    middle, width = _x(index, number), _step(number) * BAR_SHARE
    title = f"<title>{escape(day.name)}: {day.shown} shown, {day.accepted + day.partly} accepted</title>"
    for value, colour in ((day.shown, SHOWN), (day.accepted + day.partly, ACCEPTED)):
        top = _y(value / highest)
        place = f'x="{middle - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_y(0) - top:.1f}"'
        yield f'<rect {place} fill="{colour}">{title}</rect>'
    if index % -(-number // LABELS_MAX) == 0:
        label = escape(day.name[5:])
        yield f'<text x="{middle:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>'


def _line(days: Sequence[Figures]) -> Iterator[str]:
    """Draw the rate through the days on which something was shown."""
    points = [(_x(index, len(days)), _y(day.rate)) for index, day in enumerate(days) if day.rate is not None]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{RATE}" stroke-width="2"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{RATE}"/>'


def _legend() -> Iterator[str]:
    entries = ((SHOWN, "shown"), (ACCEPTED, "accepted, whole or in part"), (RATE, "share accepted"))
    for index, (colour, text) in enumerate(entries):
        x = LEFT + 200 * index
        yield f'<rect x="{x}" y="18" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 18}" y="28">{text}</text>'


def _step(number: int) -> float:
    return (WIDTH - LEFT - RIGHT) / max(number, 1)


def _x(index: int, number: int) -> float:
    return LEFT + _step(number) * (index + 0.5)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - min(share, 1.0) * (HEIGHT - TOP - BOTTOM)
