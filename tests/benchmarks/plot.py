"""The ratios of all rows as one picture: bars from the line at 1, on a logarithmic scale."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from tests.benchmarks.measure import Measurement

ROW = 22
BAR = 14
TEXT = 660
SCALE = 420
MARGIN = 50
RATIO_MAX = 100.0
"""What is further away from 1 is cut; its number is written beside it."""

BETTER, WORSE = "#2a7f62", "#b5482f"


def svg(measurements: Sequence[Measurement]) -> str:
    """Return the picture; rows without a peer are not in it."""
    rows = [row for row in measurements if row.ratio]
    width, height = TEXT + SCALE + 2 * MARGIN, ROW * len(rows) + 2 * MARGIN
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    parts = [
        f'{head} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *_axis(height),
        *(part for index, row in enumerate(rows) for part in _bar(row, MARGIN + ROW * index)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axis(height: int) -> Iterator[str]:
    for tick in (0.01, 0.1, 0.5, 1, 2, 10, 100):
        x, colour = _x(tick), "black" if tick == 1 else "#cccccc"
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{MARGIN}" y2="{height - MARGIN}" stroke="{colour}"/>'
        yield f'<text x="{x:.1f}" y="{MARGIN - 10}" text-anchor="middle">{tick:g}</text>'


def _bar(row: Measurement, top: int) -> Iterator[str]:
    ratio = row.ratio or 1.0
    start, end = sorted((_x(1), _x(ratio)))
    colour = BETTER if row.is_better else WORSE
    middle = top + ROW / 2 + 4
    label = escape(f"{row.what} / {row.peer}")
    yield f'<text x="{TEXT}" y="{middle}" text-anchor="end">{label}</text>'
    place = f'x="{start:.1f}" y="{top + (ROW - BAR) / 2}" width="{end - start:.1f}" height="{BAR}"'
    yield f'<rect {place} fill="{colour}"/>'
    at, anchor = (end + 4, "start") if ratio >= 1 else (start - 4, "end")
    yield f'<text x="{at:.1f}" y="{middle}" text-anchor="{anchor}">{ratio:.2f}</text>'


def _x(ratio: float) -> float:
    shown = min(max(ratio, 1 / RATIO_MAX), RATIO_MAX)
    share = (math.log(shown) / math.log(RATIO_MAX) + 1) / 2
    return TEXT + MARGIN + share * (SCALE - MARGIN)
