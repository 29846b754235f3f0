"""What a run says: a row for each way and kind of hole, and what the product made of what the model wrote."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

from cope_lsp.evaluation.holes.fill import ANOTHER
from cope_lsp.evaluation.holes.scored import Scored
from cope_lsp.evaluation.measure import Difference, Rate, paired, wilson

RAW = "raw"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One way, on the holes of one kind, or on all."""

    kind: str
    way: str
    passed: Rate
    exact: Rate
    shown: Rate
    adds_error: int
    """Texts shown that made a file wrong that CPython accepted with the empty hole."""
    not_compiled: int
    """Texts shown with which CPython does not accept the file; it may have been wrong before."""
    milliseconds: float
    """The median."""
    against_raw: Difference | None
    """On the same holes."""
    ratio: float | None
    """Of the pass rates, to that of the raw call."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the raw text of some holes on its way to the user, and what came of that."""

    way: str
    what: str
    holes: int
    raw_passed: int
    passed: int
    gained: int
    """Passed, where the raw text did not."""
    lost: int
    """Did not pass, where the raw text did."""


def comparable(rows: Iterable[Scored], digest: str, asked: Sequence[str]) -> list[Scored]:
    """Return the rows of one model and of the holes that all asked ways have filled.

    Ways that were asked in an earlier run are there, too, if they filled all of these holes.

    Args:
        rows: whatever is known.
        digest: of the model.
        asked: the labels of the ways.
    """
    by_way: dict[str, dict[str, Scored]] = {way: {} for way in asked}
    for row in rows:
        if row.model == digest:
            by_way.setdefault(row.way, {})[row.hole] = row
    shared = set.intersection(*(set(by_way[way]) for way in asked)) if asked else set()
    complete = sorted(way for way, found in by_way.items() if shared <= found.keys())
    complete.sort(key=lambda way: not way.startswith(RAW))
    return [row for way in complete for row in by_way[way].values() if row.hole in shared]


def rows(found: Sequence[Scored]) -> list[Row]:
    """Return a row for each way, for each kind and for all; the holes of all ways are the same."""
    kinds = list(dict.fromkeys(row.kind for row in found))
    chosen = [*kinds, ALL] if len(kinds) > 1 else kinds
    return [
        _row(kind, way, _of_kind(found, kind))
        for kind in chosen
        for way in dict.fromkeys(row.way for row in found)
    ]


def changes(found: Sequence[Scored]) -> list[Change]:
    """Return what happened to the raw texts, the most frequent first."""
    raw = {row.hole: row for row in found if row.way == RAW}
    groups: dict[tuple[str, str], list[tuple[bool, bool]]] = {}
    for row in found:
        if not row.way.startswith(RAW) and row.hole in raw:
            before = raw[row.hole]
            groups.setdefault((row.way, _what(before, row)), []).append((before.passed, row.passed))
    made = [
        Change(
            way,
            what,
            len(pairs),
            sum(before for before, _ in pairs),
            sum(after for _, after in pairs),
            sum(after and not before for before, after in pairs),
            sum(before and not after for before, after in pairs),
        )
        for (way, what), pairs in groups.items()
    ]
    return sorted(made, key=lambda change: (change.way, -change.holes, change.what))


def as_tables(found: Sequence[Scored], title: str) -> list[Table]:
    """Return both tables for a terminal."""
    first = Table(*_HEADS, title=f"{title}, with 95 % intervals", caption=_CAPTION)
    for row in rows(found):
        first.add_row(*_cells(row))
    second = Table(*_CHANGE_HEADS, title="what was shown instead of what the raw call wrote")
    for change in changes(found):
        second.add_row(*map(str, asdict(change).values()))
    return [first, second] if second.row_count else [first]


def as_json(found: Sequence[Scored]) -> dict[str, Any]:
    """Return the same as plain values; shares lie between 0 and 1."""
    return {"rows": list(map(asdict, rows(found))), "changes": list(map(asdict, changes(found)))}


_HEADS = (
    *("kind", "way", "holes", "pass %", "exact %", "shown %"),
    *("errors", "ms", "against raw"),
)
_CAPTION = (
    "errors: texts shown that made a sound file unsound / with which the file is not sound, says CPython"
)
_SPACE = "without trailing space"
"""A step that changes nothing that anybody sees."""

_CHANGE_HEADS = ("way", "what", "holes", "raw passed", "passed", "gained", "lost")


def _cells(row: Row) -> tuple[str, ...]:
    against = row.against_raw
    ratio = f" (x {row.ratio:.2f})" if row.ratio is not None else ""
    return (
        row.kind,
        row.way,
        str(row.passed.count),
        f"{100 * row.passed.value:.1f} [{100 * row.passed.low:.1f}, {100 * row.passed.high:.1f}]",
        f"{100 * row.exact.value:.1f}",
        f"{100 * row.shown.value:.1f}",
        f"{row.adds_error} / {row.not_compiled}",
        f"{row.milliseconds:.0f}",
        f"{100 * against.value:+.1f}{ratio}, p {against.p:.2g}" if against else "",
    )


def _of_kind(found: Sequence[Scored], kind: str) -> list[Scored]:
    return [row for row in found if kind in {ALL, row.kind}]


def _row(kind: str, way: str, found: Sequence[Scored]) -> Row:
    mine = [row for row in found if row.way == way]
    raw = {row.hole: row.passed for row in found if row.way == RAW}
    shown = [row for row in mine if row.text is not None]
    passed = sum(row.passed for row in mine)
    is_compared = not way.startswith(RAW) and bool(raw)
    raw_passed = sum(raw.values())
    return Row(
        kind=kind,
        way=way,
        passed=wilson(passed, len(mine)),
        exact=wilson(sum(row.exact for row in mine), len(mine)),
        shown=wilson(len(shown), len(mine)),
        adds_error=sum(row.adds_error for row in shown),
        not_compiled=sum(not row.compiles for row in shown),
        milliseconds=median(row.milliseconds for row in mine),
        against_raw=paired([row.passed for row in mine], [raw[row.hole] for row in mine])
        if is_compared
        else None,
        ratio=passed / raw_passed if is_compared and raw_passed else None,
    )


def _what(raw: Scored, shown: Scored) -> str:
    """Return what became of a raw text: by the steps that were noted, or by what both texts say."""
    if shown.text is None:
        return f"nothing: {shown.reason}"
    before, after = (raw.text or "").rstrip(), shown.text.rstrip()
    if before == after:
        return "the same text"
    cuts = [step for step in shown.steps if step not in {ANOTHER, _SPACE}]
    if ANOTHER in shown.steps:
        return f"{ANOTHER}, after {cuts[-1]}" if cuts else ANOTHER
    if cuts:
        return cuts[-1]
    if before.startswith(after):
        return "its beginning"
    if after.startswith(before):
        return "more text"
    return "another text"
