"""`cope-lsp stats`: what became of suggestions, how long they took, and why none appeared."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.config import Loaded
from cope_lsp.errors import CopeError
from cope_lsp.feedback.picture import svg
from cope_lsp.feedback.store import DAYS_KEPT, Store
from cope_lsp.feedback.summary import Delays, Figures, Summary, summarized

DAYS_SHOWN = 30

_NOTHING = (
    "Nothing was counted yet. Use an editor with cope-lsp for a while: what is shown, accepted and kept of\n"
    "its suggestions is counted on this machine, and goes nowhere else."
)
_SWITCHED_OFF = "stats.enabled is false: nothing is counted."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `stats` takes."""
    parser.add_argument("--days", type=_days, default=DAYS_SHOWN, metavar="N", help="how many days back")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the days into this file, too")
    parser.add_argument("--reset", action="store_true", help="forget everything that was counted")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print what was counted, draw it, or forget it."""
    store = Store()
    try:
        if arguments.reset:
            store.reset()
            print(
                json.dumps({"reset": True}) if arguments.json else "Everything that was counted is forgotten."
            )
            return 0
        summary = summarized(store.counts(arguments.days), arguments.days)
    except OSError as error:
        raise CopeError(str(error)) from error
    if arguments.plot:
        _draw(summary, arguments.plot)
    if arguments.json:
        print(json.dumps(asdict(summary)))
    else:
        _print(Console(), summary, is_on=loaded.config.stats_enabled)
        if arguments.plot:
            print(f"\nThe days are drawn in {arguments.plot}")
    return 0


def _days(text: str) -> int:
    number = int(text)
    if not 1 <= number <= DAYS_KEPT:
        msg = f"{text} is not between 1 and {DAYS_KEPT}"
        raise argparse.ArgumentTypeError(msg)
    return number


def _draw(summary: Summary, path: Path) -> None:
    try:
        path.write_text(svg(summary.days), "utf-8")
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise CopeError(msg) from error


def _print(console: Console, summary: Summary, *, is_on: bool) -> None:
    if summary.is_empty:
        console.print(_NOTHING if is_on else _SWITCHED_OFF, highlight=False)
        return
    _print_figures(console, "language", summary.languages)
    if len(summary.models) > 1:
        _print_figures(console, "model", summary.models)
    _print_figures(console, "day (UTC)", [day for day in summary.days if day.shown], summary.total)
    _print_delays(console, summary.delays)
    _print_silences(console, summary.silences)
    if not is_on:
        console.print(f"\n{_SWITCHED_OFF}", highlight=False)


def _print_figures(
    console: Console, title: str, rows: Sequence[Figures], total: Figures | None = None
) -> None:
    if not rows:
        return
    table = Table(title, box=None, pad_edge=False, show_footer=total is not None)
    for name in ("shown", "accepted", "partly", "typed", "rejected", "rate", "kept after 30 s"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(escape(row.name), *_cells(row))
    if total is not None:
        for column, cell in zip(table.columns, ("all", *_cells(total)), strict=True):
            column.footer = cell
    console.print(table)
    console.print()


def _cells(row: Figures) -> tuple[str, ...]:
    numbers = (row.shown, row.accepted, row.partly, row.typed, row.rejected)
    return (*map(str, numbers), _percent(row.rate), _percent(row.kept))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _print_delays(console: Console, rows: Sequence[Delays]) -> None:
    if not rows:
        return
    table = Table("answered from", box=None, pad_edge=False)
    for name in ("suggestions", "half within", "95 % within"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(f"the {row.name}", str(row.answers), _ms(row.p50_s), _ms(row.p95_s))
    console.print(table)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _print_silences(console: Console, silences: Sequence[tuple[str, int]]) -> None:
    if not silences:
        return
    table = Table("why nothing appeared", box=None, pad_edge=False)
    table.add_column("times", justify="right")
    for reason, number in silences:
        table.add_row(escape(reason), str(number))
    console.print()
    console.print(table)
