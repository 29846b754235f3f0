"""`cope-lsp consent`: which project's text may go to which server."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.config import Loaded
from cope_lsp.egress.consent import Consent, ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.errors import CopeError

ACTIONS = ("list", "allow", "deny", "forget")

_STYLES = {"allowed": "green", "denied": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `consent` takes."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        default="list",
        help="list all answers (the default); allow or deny; forget an answer, to be asked again",
    )
    parser.add_argument(
        "--workspace", type=Path, default=Path(), metavar="DIR", help="the project; default: this directory"
    )
    parser.add_argument("--endpoint", metavar="URL", help="the server; default: that of the settings")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Do what was asked."""
    store = ConsentStore()
    if arguments.action == "list":
        _list(tuple(store.all()), as_json=arguments.json)
        return 0
    workspace = _folder(arguments.workspace)
    endpoint = _endpoint(arguments.endpoint or loaded.config.hosted_endpoint)
    _change(store, arguments.action, workspace, endpoint)
    answer = store.answer(workspace, endpoint)
    if arguments.json:
        print(json.dumps({"workspace": str(workspace), "endpoint": endpoint, "answer": answer}))
    else:
        print(f"{workspace} -> {endpoint}: {answer or 'you will be asked'}")
    return 0


def _change(store: ConsentStore, action: str, workspace: Path, endpoint: str) -> None:
    if action == "forget":
        try:
            store.forget(workspace, endpoint)
        except OSError as error:
            msg = f"the answer cannot be removed: {error.strerror}"
            raise CopeError(msg) from error
    else:
        store.record(workspace, endpoint, "allowed" if action == "allow" else "denied")


def _folder(path: Path) -> Path:
    if not path.is_dir():
        msg = f"{path} is not a directory"
        raise CopeError(msg)
    return path.resolve()


def _endpoint(url: str) -> str:
    try:
        return endpoint_of(url)
    except ValueError as error:
        raise CopeError(str(error)) from error


def _list(answers: tuple[Consent, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(answer) for answer in answers]))
    elif not answers:
        print("no project was allowed or denied anything; nothing may be sent")
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for answer in answers:
            style = _STYLES[answer.answer]
            shown = (escape(answer.workspace), escape(answer.endpoint), f"[dim]{answer.at}[/]")
            table.add_row(f"[{style}]{answer.answer}[/]", *shown)
        Console().print(table)
