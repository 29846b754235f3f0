"""`cope-lsp sent`: what left this machine, request by request."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.config import Loaded
from cope_lsp.egress.audit import Audit, Sent
from cope_lsp.egress.tally import Day, Tally
from cope_lsp.errors import CopeError

ID_SHOWN = 12
"""Characters of a request's id in the table; far more than tell two requests apart."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `sent` takes."""
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="show the text of this request; its start will do"
    )
    parser.add_argument("--last", type=int, default=20, metavar="N", help="how many requests")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, _loaded: Loaded) -> int:
    """Print the record, or the text of one request."""
    audit = Audit()
    requests = tuple(audit.entries())
    if arguments.id:
        print(_text(audit, requests, arguments.id))
        return 0
    last = requests[-max(arguments.last, 1) :]
    days = _days()
    if arguments.json:
        print(json.dumps([*map(asdict, last), *map(_as_sent, days)]))
    elif last or days:
        _print(last)
        _print_days(days)
    else:
        print("nothing ever left this machine")
    return 0


def _text(audit: Audit, requests: tuple[Sent, ...], start: str) -> str:
    found = {sent.id for sent in requests if sent.id.startswith(start)}
    if len(found) != 1:
        number = "several requests begin with" if found else "there is no request"
        raise CopeError(f"{number} {start}; see: cope-lsp sent")
    (sent_id,) = found
    text = audit.text_of(sent_id)
    if text is None:
        msg = f"the text of {sent_id} was not kept; hosted.keep_sent = true keeps that of the next ones"
        raise CopeError(msg)
    return text


def _days() -> tuple[Day, ...]:
    try:
        return tuple(Tally().days())
    except OSError as error:
        raise CopeError(str(error)) from error


def _as_sent(day: Day) -> dict[str, str | int]:
    """Return a day's completions in the shape of a request; each alone is not recorded, so there is no id."""
    sent = Sent("", day.day, day.endpoint, "", "completions", day.bytes, "")
    return asdict(sent) | {"requests": day.requests}


def _print_days(days: tuple[Day, ...]) -> None:
    if not days:
        return
    table = Table("day (UTC)", "completions by", "requests", "bytes", box=None, pad_edge=False)
    for day in days:
        table.add_row(day.day, escape(day.endpoint), str(day.requests), str(day.bytes))
    Console().print(table)


def _print(requests: tuple[Sent, ...]) -> None:
    if not requests:
        return
    table = Table("when (UTC)", "for", "to", "bytes", "project", "id", box=None, pad_edge=False)
    for sent in requests:
        row = (sent.at.removesuffix("+00:00"), sent.purpose, sent.endpoint, str(sent.bytes), sent.workspace)
        table.add_row(*map(escape, row), f"[dim]{sent.id[:ID_SHOWN]}[/]")
    Console().print(table)
