"""Pictures of findings, as SVG: accuracy against cost, and confidence against how often it was right."""

from collections.abc import Iterator, Sequence
from html import escape

from cope_lsp.evaluation.findings import Findings, Judgement, Row
from cope_lsp.evaluation.labels import NEAR, Box, Label, distance, placed
from cope_lsp.evaluation.svg import (
    FONT_SIZE,
    Scale,
    around,
    document,
    line,
    shortened,
    text,
    text_width,
    ticks,
)

WIDTH = 920
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 84, 56
LABEL_MAX = 330.0
"""Pixels; a longer label ends with dots, and its point has the whole."""

PANEL_WIDTH, PANEL_HEIGHT, PANELS = 292, 330, 3
COUNTS = 44
"""The height of the highest bar that counts answers."""

_TICKS = 8


def pictures(found: Findings) -> dict[str, str]:
    """Return the pictures of a run by the names of their files."""
    made = {"accuracy-cost.svg": accuracy_cost(found)} if found.rows else {}
    for estimator in sorted({one.estimator for one in found.judgements}):
        chosen = [one for one in found.judgements if one.estimator == estimator]
        made[f"reliability-{estimator}.svg"] = reliability(estimator, chosen)
    return made


def accuracy_cost(found: Findings) -> str:
    """Return accuracy against cost, with intervals, and the front: what nothing beats at its cost."""
    rows = found.rows
    height = 560 + 18 * max(0, len(rows) - 12)
    x = Scale(0.0, max(row.usd_per_1000.high for row in rows) * 1.05 or 1.0, LEFT, WIDTH - RIGHT)
    low, high = min(row.accuracy.low for row in rows), max(row.accuracy.high for row in rows)
    y = Scale(*around(low, max(high, low + 0.01), _TICKS), height - BOTTOM, TOP)
    said = "; ".join(
        f"{row.label}: {row.accuracy.value:.1%} for {row.usd_per_1000.value:.3g} USD" for row in rows
    )
    parts = [
        text(LEFT, 26, "Accuracy and cost", size=16),
        text(LEFT, 44, _legend(found), kind="soft"),
        *_cost_axes(found, x, y),
        *_front([row for row in rows if row.is_on_front], x, y),
        *(part for row in rows for part in _bars(row, x, y)),
        *_labels(rows, x, y),
        *(part for row in rows for part in _mark(row, x, y)),
    ]
    description = f"Accuracy against USD per 1,000 tasks, with 95 % intervals. {said}."
    return document("accuracy-cost", (WIDTH, height), "Accuracy and cost of each method", description, parts)


def reliability(estimator: str, judgements: Sequence[Judgement]) -> str:
    """Return a panel for each method: how many answers there are of each confidence, and the share right."""
    rows = -(-len(judgements) // PANELS)
    height = rows * PANEL_HEIGHT + 64
    said = "; ".join(
        f"{one.label}: calibration error {one.calibration.error.value:.1%} of {one.calibration.count} answers"
        for one in judgements
    )
    parts = [
        text(24, 26, f"How sure, and how often right: {estimator}", size=16),
        text(
            24,
            44,
            "points: share right, with 95 % intervals; on the line: without fault; bars: answers",
            kind="soft",
        ),
    ]
    for index, one in enumerate(judgements):
        left, top = 14 + index % PANELS * (PANEL_WIDTH + 8), 56 + index // PANELS * PANEL_HEIGHT
        parts += _panel(one, left, top)
    title = f"Reliability of {estimator} as evidence"
    return document(f"reliability-{estimator}", (WIDTH, height), title, f"{said}.", parts)


def _legend(found: Findings) -> str:
    baseline = f"; the square is {found.baseline}" if found.baseline else ""
    return f"bars: 95 % intervals; filled and dashed: nothing is better at that cost{baseline}"


def _cost_axes(found: Findings, x: Scale, y: Scale) -> Iterator[str]:
    for tick in ticks(y.low, y.high, _TICKS + 1):
        yield line("grid", (x.start, y(tick)), (x.end, y(tick)))
        yield text(x.start - 8, y(tick) + 4, f"{100 * tick:.10g}", kind="soft", anchor="end")
    for tick in ticks(x.low, x.high, _TICKS):
        yield line("grid", (x(tick), y.start), (x(tick), y.end))
        yield text(x(tick), y.start + 18, f"{tick:.10g}", kind="soft", anchor="middle")
    yield line("axis", (x.start, y.start), (x.end, y.start))
    yield line("axis", (x.start, y.start), (x.start, y.end))
    yield text(x.end, y.start + 40, "USD per 1,000 tasks", anchor="end")
    yield text(x.start, y.end - 12, "% right")
    full = next((row.usd_per_1000.value for row in found.rows if row.label == found.baseline), 0.0)
    if full:
        for tick in ticks(0.0, x.high / full, _TICKS):
            yield line("axis", (x(tick * full), y.end), (x(tick * full), y.end - 4))
            if x(tick * full) - x.start > text_width("% right") + 16:
                yield text(x(tick * full), y.end - 8, f"{100 * tick:.10g} %", kind="soft", anchor="middle")
        said = f"of the cost of {found.baseline}"
        yield text(x.end, y.end - 24, shortened(said, 400), kind="soft", anchor="end")


def _front(front: Sequence[Row], x: Scale, y: Scale) -> Iterator[str]:
    """Draw stairs: between two methods nothing is better than the cheaper one."""
    if not front:
        return
    start = f"M{x(front[0].usd_per_1000.value):.1f},{y(front[0].accuracy.value):.1f}"
    steps = "".join(f"H{x(row.usd_per_1000.value):.1f}V{y(row.accuracy.value):.1f}" for row in front[1:])
    style = 'class="front" fill="none" stroke-width="1.5" stroke-dasharray="5 4"'
    yield f'<path d="{start}{steps}H{x.end:.1f}" {style}/>'


def _bars(row: Row, x: Scale, y: Scale) -> Iterator[str]:
    at_x, at_y = x(row.usd_per_1000.value), y(row.accuracy.value)
    yield line("bar", (at_x, y(row.accuracy.low)), (at_x, y(row.accuracy.high)))
    yield line("bar", (x(row.usd_per_1000.low), at_y), (x(row.usd_per_1000.high), at_y))


def _mark(row: Row, x: Scale, y: Scale) -> Iterator[str]:
    at_x, at_y = x(row.usd_per_1000.value), y(row.accuracy.value)
    kind = "best" if row.is_on_front else "other"
    accuracy, cost = row.accuracy, row.usd_per_1000
    said = (
        f"{row.label}: {accuracy.value:.1%} [{accuracy.low:.1%}, {accuracy.high:.1%}] "
        f"of {accuracy.count} tasks, {cost.value:.3g} USD per 1,000 tasks"
    )
    style = f'class="{kind}" stroke-width="2"'
    if row.is_baseline:
        place = f'x="{at_x - 5:.1f}" y="{at_y - 5:.1f}" width="10" height="10"'
        yield f"<rect {place} {style}><title>{escape(said)}</title></rect>"
    else:
        place = f'cx="{at_x:.1f}" cy="{at_y:.1f}" r="5"'
        yield f"<circle {place} {style}><title>{escape(said)}</title></circle>"


def _labels(rows: Sequence[Row], x: Scale, y: Scale) -> Iterator[str]:
    said = [shortened(row.label, LABEL_MAX) for row in rows]
    for row, words, (label, box) in zip(rows, said, label_boxes(rows, x, y), strict=True):
        if distance(label, box) > NEAR + 4:
            yield line("leader", (label.x, label.y), box.nearest((label.x, label.y)))
        weight = ' font-weight="bold"' if row.is_on_front else ""
        place = f'x="{box.left:.1f}" y="{box.bottom - 4:.1f}"'
        yield f'<text class="ink halo" {place}{weight}>{escape(words)}</text>'


def label_boxes(rows: Sequence[Row], x: Scale, y: Scale) -> list[tuple[Label, Box]]:
    """Return for each row its label and where it goes."""
    wanted = [
        Label(
            x(row.usd_per_1000.value),
            y(row.accuracy.value),
            # Bold text is wider by a tenth at most.
            text_width(shortened(row.label, LABEL_MAX)) * (1.1 if row.is_on_front else 1.0),
            FONT_SIZE + 3,
        )
        for row in rows
    ]
    bars = [
        bar
        for row, label in zip(rows, wanted, strict=True)
        for bar in (
            Box(label.x - 1, y(row.accuracy.high), label.x + 1, y(row.accuracy.low)),
            Box(x(row.usd_per_1000.low), label.y - 1, x(row.usd_per_1000.high), label.y + 1),
        )
    ]
    front = [(label.x, label.y) for row, label in zip(rows, wanted, strict=True) if row.is_on_front]
    for (from_x, from_y), (to_x, to_y) in zip(front, [*front[1:], (x.end, y.end)], strict=True):
        bars.append(Box(from_x, from_y - 1, to_x, from_y + 1))
        if to_x < x.end:
            bars.append(Box(to_x - 1, to_y, to_x + 1, from_y))
    return list(zip(wanted, placed(wanted, Box(x.start + 4, y.end, x.end, y.start - 2), bars), strict=True))


def _panel(one: Judgement, left: float, top: float) -> Iterator[str]:
    found = one.calibration
    x = Scale(0.0, 1.0, left + 34, left + PANEL_WIDTH - 10)
    y = Scale(0.0, 1.0, top + PANEL_HEIGHT - 44 - COUNTS - 18, top + 40)
    yield text(x.start, top + 16, shortened(one.label, PANEL_WIDTH - 44))
    low, high = found.error.low, found.error.high
    error = f"error {100 * found.error.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {found.count}"
    yield text(x.start, top + 31, shortened(error, PANEL_WIDTH - 44, 11), kind="soft", size=11)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield line("grid", (x.start, y(tick)), (x.end, y(tick)))
        yield line("grid", (x(tick), y.start), (x(tick), y.end))
        yield text(x.start - 6, y(tick) + 4, f"{100 * tick:.0f}", kind="soft", anchor="end", size=11)
    yield line("axis", (x(0), y(0)), (x(1), y(1)), ' stroke-dasharray="3 3"')
    yield from _counts(one, x, y.start)
    places = [(x(part.confidence), y(part.right.value)) for part in found.bins]
    path = " ".join(f"{at_x:.1f},{at_y:.1f}" for at_x, at_y in places)
    yield f'<polyline class="front" points="{path}" fill="none" stroke-width="1.5"/>'
    for part, (at_x, at_y) in zip(found.bins, places, strict=True):
        yield line("bar", (at_x, y(part.right.low)), (at_x, y(part.right.high)))
        said = f"sure of {part.confidence:.1%}, right {part.right.value:.1%} of {part.right.count}"
        yield f'<circle class="best" cx="{at_x:.1f}" cy="{at_y:.1f}" r="3.5"><title>{said}</title></circle>'


def _counts(one: Judgement, x: Scale, below: float) -> Iterator[str]:
    """Draw how many answers each bin has, under the panel."""
    base = below + 14 + COUNTS + 6
    most = max(part.right.count for part in one.calibration.bins)
    for part in one.calibration.bins:
        height = COUNTS * part.right.count / most
        place = f'x="{x(part.low) + 1:.1f}" width="{x(part.high) - x(part.low) - 2:.1f}"'
        yield f'<rect class="count" {place} y="{base - height:.1f}" height="{height:.1f}"/>'
        middle = (x(part.low) + x(part.high)) / 2
        yield text(middle, base - height - 3, _count(part.right.count), anchor="middle", size=9)
    yield line("axis", (x.start, base), (x.end, base))
    for tick in (0.0, 0.5, 1.0):
        yield text(x(tick), base + 13, f"{100 * tick:.0f}", kind="soft", anchor="middle", size=11)
    yield text((x(0) + x(1)) / 2, base + 27, "confidence %", kind="soft", anchor="middle", size=11)


def _count(count: int) -> str:
    return f"{count}" if count < 10_000 else f"{count // 1_000}k"
