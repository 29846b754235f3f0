"""`cope-lsp budget`: what hosted models may cost and did cost."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.cli import prices
from cope_lsp.cli.money import amount_nusd
from cope_lsp.config import Loaded
from cope_lsp.errors import CopeError
from cope_lsp.ledger.audit import Finding
from cope_lsp.ledger.entries import Call, Limits, ModelLimit, Period, Summary, usd
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.prices import Price

BAR_COLUMNS = 30
DAYS_SHOWN = 14

_STATES = {"open": "green", "warning": "yellow", "closed": "bold red"}
_SEVERITIES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `budget` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    parser.set_defaults(act=_show, days=DAYS_SHOWN)
    parser.add_argument("--json", action="store_true", help="print one JSON document")

    show = _action(actions, "show", _show, "what is spent and what is left (the default)")
    show.add_argument("--days", type=_positive, default=DAYS_SHOWN, help="bars in the chart")

    change = _action(actions, "set", _set, 'change the limits; amounts in USD, "none" for no limit')
    change.add_argument("--call", type=amount_nusd, default=..., metavar="USD", help="for one call")
    change.add_argument("--day", type=amount_nusd, default=..., metavar="USD", help="for a day of UTC")
    change.add_argument("--month", type=amount_nusd, default=..., metavar="USD", help="for a month of UTC")
    change.add_argument("--model-only", metavar="NAME", help="make --day and --month limits of this model")
    change.add_argument("--warn", type=_positive, metavar="PERCENT", help="warn from this share on")
    change.add_argument("--reopen", action="store_true", help="go on after a call cost more than reserved")

    history = _action(actions, "history", _history, "the last calls and what became of them")
    history.add_argument("--last", type=_positive, default=20, metavar="N", help="how many calls")

    export = _action(actions, "export", _export, "every entry of the ledger, as CSV or JSON")
    export.add_argument("--output", type=Path, metavar="FILE", help="a new file, instead of the terminal")

    price = _action(actions, "price", _show, "what the hosted model costs, and how to set it")
    prices.add_arguments(price)

    verify = _action(actions, "verify", _verify, "check the ledger and compute every cost again")
    verify.add_argument("--repair", action="store_true", help="build it anew from what is good in it")
    verify.add_argument(
        "--repair-clock", action="store_true", help="accept this machine's clock when the ledger is ahead"
    )


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Do what was asked; exit 1 when `verify` finds something to mend, or `price` no price."""
    if arguments.action == "price":  # it is in the table of prices, not in the ledger
        return prices.run(arguments, loaded.config)
    with Ledger() as ledger:
        code: int = arguments.act(arguments, ledger)
    return code


def _action(actions: Any, name: str, act: Callable[..., int], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.set_defaults(act=act)
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        msg = f"{text} is not between 1 and 100000"
        raise argparse.ArgumentTypeError(msg)
    return number


# -- show --------------------------------------------------------------------------------------------


def _show(arguments: argparse.Namespace, ledger: Ledger) -> int:
    summary = ledger.summary(arguments.days)
    if arguments.json:
        print(json.dumps(asdict(summary)))
    else:
        _print_summary(Console(), summary)
    return 0


def _print_summary(console: Console, summary: Summary) -> None:
    style = _STATES[summary.state]
    reason = f": {escape(summary.reason)}" if summary.reason else ""
    console.print(f"Hosted calls are [{style}]{summary.state}[/]{reason}\n")
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, period in (("today", summary.day), ("this month", summary.month)):
        table.add_row(name, _gauge(period), _of_limit(period), f"[dim]{_calls(period.calls)}[/]")
    limit = summary.limits.call_nusd
    table.add_row("one call", "", "no limit" if limit is None else f"at most {usd(limit)}")
    console.print(table)
    if summary.calls:
        _print_chart(console, summary)
    _print_models(console, summary)
    for call in summary.open_calls:
        if call.state == "unknown":
            console.print(
                f"[yellow]{call.id}[/] was never settled and counts in full: {usd(call.bound_nusd)}"
            )
    if summary.ahead_ms:
        ahead = f"{summary.ahead_ms / 3_600_000:.1f} hours ahead of this machine's clock"
        console.print(f"\n[yellow]The ledger is {ahead};[/] if that is wrong: budget verify --repair-clock")
    if not summary.calls:
        console.print("\nNo hosted model was ever asked. Change the limits: cope-lsp budget set --day 0.20")


def _gauge(period: Period) -> str:
    if period.percent is None:
        return ""
    filled = min(round(period.percent / 100 * BAR_COLUMNS), BAR_COLUMNS)
    style = "green" if period.percent < 80 else "yellow" if period.percent < 100 else "red"
    return f"[{style}]{'█' * filled}[/][dim]{'░' * (BAR_COLUMNS - filled)}[/]"


def _of_limit(period: Period) -> str:
    limit = "no limit" if period.limit_nusd is None else f"of {usd(period.limit_nusd)}"
    return f"{usd(period.spent_nusd)} {limit}"


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _print_chart(console: Console, summary: Summary) -> None:
    highest = max(day.spent_nusd for day in summary.days) or 1
    console.print()
    for day in summary.days:
        bar = "█" * -(-day.spent_nusd * BAR_COLUMNS // highest)
        amount = f"{usd(day.spent_nusd)}  [dim]{_calls(day.calls)}[/]" if day.calls else "[dim]-[/]"
        console.print(f"[dim]{day.day[5:]}[/] [cyan]{bar}[/] {amount}", highlight=False)


def _print_models(console: Console, summary: Summary) -> None:
    if not summary.models:
        return
    console.print("\n[dim]this month, by model[/]")
    for row in summary.models:
        name = f"{escape(row.model)} [dim]at {escape(row.endpoint)}[/]"
        console.print(f"{usd(row.month_nusd):>16}  {name}, {_calls(row.calls)}", highlight=False)


# -- set ---------------------------------------------------------------------------------------------


def _set(arguments: argparse.Namespace, ledger: Ledger) -> int:
    try:
        after = ledger.change_limits(lambda before: _changed(before, arguments))
    except ValueError as error:
        raise CopeError(str(error)) from error
    if arguments.reopen:
        ledger.reopen()
    if arguments.json:
        print(json.dumps(asdict(after)))
    else:
        _print_limits(Console(), after)
    return 0


def _changed(limits: Limits, arguments: argparse.Namespace) -> Limits:
    given = {
        f"{name}_nusd": value
        for name in ("call", "day", "month")
        if (value := getattr(arguments, name)) is not ...
    }
    if arguments.warn is not None:
        limits = replace(limits, warn_percent=arguments.warn)
    if arguments.model_only is None:
        return replace(limits, **given)
    if "call_nusd" in given:
        msg = "--call is for all models; with --model-only give --day or --month"
        raise CopeError(msg)
    if not arguments.model_only:
        raise CopeError("--model-only takes the name of a model")
    name = arguments.model_only
    rows = {row.model: row for row in limits.models}
    own = replace(rows.get(name, ModelLimit(name)), **given)
    others = tuple(row for row in limits.models if row.model != name)
    empty = own.day_nusd is None and own.month_nusd is None
    return replace(limits, models=others if empty else (*others, own))


def _print_limits(console: Console, limits: Limits) -> None:
    parts = {"call": limits.call_nusd, "day": limits.day_nusd, "month": limits.month_nusd}
    shown = ", ".join(f"{_limit(amount)} a {name}" for name, amount in parts.items())
    console.print(f"Limits: {shown}", highlight=False)
    for row in limits.models:
        own = f"{_limit(row.day_nusd)} a day, {_limit(row.month_nusd)} a month"
        console.print(f"  {escape(row.model)}: {own}")
    console.print(f"A warning comes from {limits.warn_percent} % on.")


def _limit(amount: int | None) -> str:
    return "no limit" if amount is None else usd(amount)


# -- history and export --------------------------------------------------------------------------------


def _history(arguments: argparse.Namespace, ledger: Ledger) -> int:
    calls = ledger.history(arguments.last)
    if arguments.json:
        print(json.dumps([asdict(call) for call in calls]))
    elif calls:
        _print_calls(Console(), calls)
    else:
        print("no hosted model was ever asked")
    return 0


def _print_calls(console: Console, calls: tuple[Call, ...]) -> None:
    table = Table(box=None, pad_edge=False)
    for name, justify in (("when (UTC)", "left"), ("for", "left"), ("model", "left"), ("state", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # rich takes these words
    table.add_column("cost", justify="right")
    table.add_column("reserved", justify="right")
    for call in calls:
        table.add_row(
            _time(call.at_ms), escape(call.purpose), escape(call.model), _state(call),
            usd(call.spent_nusd), f"[dim]{usd(call.bound_nusd)}[/]",
        )  # fmt: skip
    console.print(table)


def _state(call: Call) -> str:
    """Say what became of a call, and why it cost what it did when that is not the server's own count."""
    if call.state == "settled":
        return "settled" if call.basis == "usage" else "settled, in full"
    return f"voided: {escape(call.basis)}" if call.state == "voided" else call.state


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _export(arguments: argparse.Namespace, ledger: Ledger) -> int:
    rows = [asdict(entry) | {"detail": dict(entry.detail)} for entry in ledger.entries()]
    with _output(arguments.output) as file:
        if arguments.json:
            json.dump(rows, file)
            file.write("\n")
        else:
            _write_csv(file, rows)
    return 0


@contextmanager
def _output(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            yield file
    except FileExistsError as error:
        msg = f"{path} exists already; name a new file"
        raise CopeError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise CopeError(msg) from error


def _write_csv(file: IO[str], rows: list[dict[str, Any]]) -> None:
    names = ["number", "at_ms", "kind", "id", "subject", "amount_nusd", "overrun"]
    names += ["endpoint", "model", "workspace", "purpose", "detail"]
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"detail": json.dumps(row["detail"])} for row in rows)


# -- verify --------------------------------------------------------------------------------------------


def _verify(arguments: argparse.Namespace, ledger: Ledger) -> int:
    console = Console(quiet=arguments.json)
    if arguments.repair:
        repaired = ledger.repair()
        console.print(f"Built anew with {repaired.entries} entries.")
        for path in repaired.aside:
            console.print(f"  the old file is kept: {escape(str(path))}")
    if arguments.repair_clock:
        back_ms = ledger.repair_clock()
        console.print(f"The ledger's time went back by {back_ms / 3_600_000:.1f} hours.")
    report = ledger.verify(_price_cost)
    if arguments.json:
        print(json.dumps(asdict(report) | {"sound": report.is_sound}))
    else:
        _print_findings(console, report.findings)
        state = "[green]sound[/]" if report.is_sound else "[bold red]not sound[/]"
        console.print(f"{report.entries} entries, {report.recomputed} costs computed again: {state}")
    return int(not report.is_sound)


def _price_cost(price: Mapping[str, Any], usage: Mapping[str, Any]) -> int:
    return Price.from_json(price).cost_nusd(usage)


def _print_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        style = _SEVERITIES[finding.severity]
        console.print(f"[{style}]{finding.severity}[/] {escape(finding.subject)}: {escape(finding.fact)}")
        if finding.next_step:
            console.print(f"  [dim]-> {escape(finding.next_step)}[/]")
