"""`cope-lsp sent`: what left this machine, request by request."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.config import Loaded
from cope_lsp.egress.audit import Audit, Sent
from cope_lsp.errors import CopeError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `sent` takes."""
    parser.add_argument("id", nargs="?", metavar="ID", help="show the text of this request")
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
    if arguments.json:
        print(json.dumps([asdict(sent) for sent in last]))
    elif last:
        _print(last)
    else:
        print("nothing ever left this machine")
    return 0


def _text(audit: Audit, requests: tuple[Sent, ...], sent_id: str) -> str:
    text = audit.text_of(sent_id)
    if text is not None:
        return text
    if any(sent.id == sent_id for sent in requests):
        msg = f"the text of {sent_id} was not kept; hosted.keep_sent = true keeps that of the next ones"
    else:
        msg = f"there is no request {sent_id}; see: cope-lsp sent"
    raise CopeError(msg)


def _print(requests: tuple[Sent, ...]) -> None:
    table = Table("when (UTC)", "for", "to", "bytes", "project", "id", box=None, pad_edge=False)
    for sent in requests:
        row = (sent.at.removesuffix("+00:00"), sent.purpose, sent.endpoint, str(sent.bytes), sent.workspace)
        table.add_row(*map(escape, row), f"[dim]{sent.id}[/]")
    Console().print(table)
