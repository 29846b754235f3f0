"""`cope-lsp models`: which models are here, which are worth having, and which one is used."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from cope_lsp.cli import models_bench, models_list, models_pull, models_server
from cope_lsp.config import Loaded
from cope_lsp.errors import CopeError
from cope_lsp.loading import load
from cope_lsp.models import catalog, choose
from cope_lsp.models.store import Held, Store, sum_of

Act = Callable[[argparse.Namespace, Loaded], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `models` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    parser.set_defaults(act=models_list.run)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    _action(actions, "list", models_list.run, "what is here and what suits this machine (the default)")

    pull = _action(actions, "pull", models_pull.run, "fetch a model, or take in a file of this machine")
    pull.add_argument("model", metavar="MODEL", help="a name of the list, OWNER/REPOSITORY[/FILE], or a path")
    pull.add_argument("--revision", metavar="NAME", help="a commit, a tag or a branch of the repository")
    pull.add_argument("--sha256", metavar="SUM", default="", help="what the file's sum must be")
    pull.add_argument("--link", action="store_true", help="link to a file of this machine, do not copy it")
    pull.add_argument("--by-hand", action="store_true", help="tell how to carry the file here, fetch nothing")
    pull.add_argument("--yes", action="store_true", help="agree to requests to the hub without being asked")

    use = _action(actions, "use", _use, "use a model from now on")
    use.add_argument(
        "model",
        metavar="MODEL",
        help='a name of the list, a GGUF file, or the URL of a server; "embedded": that of the package',
    )
    use.add_argument("--workspace", type=Path, metavar="DIR", help="only in this project")
    use.add_argument("--yes", action="store_true", help="agree to a server without being asked")

    _action(actions, "verify", _verify, "check every file that is here against its sha256")

    bench = _action(actions, "bench", models_bench.run, "measure how fast a model is on this machine")
    bench.add_argument("model", metavar="MODEL", nargs="?", help="default: the one that is used")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Do what was asked; `verify` exits 1 when a file is not what it was."""
    code: int = arguments.act(arguments, loaded)
    return code


def _action(actions: Any, name: str, act: Act, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.set_defaults(act=act)
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document"
    )
    return parser


# -- use -----------------------------------------------------------------------------------------------


def _use(arguments: argparse.Namespace, loaded: Loaded) -> int:
    workspace: Path | None = arguments.workspace
    if workspace is not None and not workspace.is_dir():
        msg = f"{workspace} is not a directory"
        raise CopeError(msg)
    if models_server.is_url(arguments.model):
        return models_server.use(arguments, loaded)
    path = choose.file_of(arguments.model, Store())
    choose.remember(path, workspace)
    effective = load(project=workspace or Path.cwd())
    chosen, used = str(catalog.resolve(path)), models_list.used(effective.config)
    if arguments.json:
        print(json.dumps({"chosen": chosen, "used": used}))
        return 0
    where = f"in {workspace.resolve()}" if workspace else "wherever nothing else is said"
    print(f"{chosen} is used from now on, {where}")
    if used != chosen:
        key = "model.endpoint" if effective.config.model_endpoint else "model.path"
        origin = effective.origins.get(key, "the defaults")
        print(f"but here {used} is used, because of: {origin}", file=sys.stderr)
    return 0


# -- verify --------------------------------------------------------------------------------------------


def _verify(arguments: argparse.Namespace, loaded: Loaded) -> int:
    store = Store()
    console = Console(stderr=True, quiet=arguments.json)
    rows = [_embedded_row()]
    for held in store.noted():
        with console.status(f"reading {escape(held.name)}"):
            rows.append(_row(held))
    rows += _missing_choices(loaded)
    if arguments.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            style = "green" if row["state"] == "ok" else "bold red"
            Console().print(f"[{style}]{row['state']}[/] {escape(row['name'])} [dim]{escape(row['fact'])}[/]")
    return int(any(row["state"] != "ok" for row in rows))


def _embedded_row() -> dict[str, str]:
    expected, found = catalog.embedded_sha256(), sum_of(catalog.embedded_path())
    if not expected:
        return _told("embedded", "ok", f"sha256 {found}; its model card names none to compare")
    if expected == found:
        return _told("embedded", "ok", f"sha256 {found}")
    return _told("embedded", "changed", f"sha256 {found}, not {expected}; install cope-lsp again")


def _row(held: Held) -> dict[str, str]:
    try:
        found = sum_of(held.path)
    except OSError as error:
        return _told(held.name, "unreadable", f"{held.path}: {error.strerror}")
    if found == held.sha256:
        return _told(held.name, "ok", f"sha256 {found}")
    fact = f"sha256 {found}, not {held.sha256}; delete {held.path} and pull it again"
    return _told(held.name, "changed", fact)


def _missing_choices(loaded: Loaded) -> list[dict[str, str]]:
    path = loaded.config.model_path
    if path is None or path.is_file():
        return []
    step = "choose another: cope-lsp models use"
    return [_told("model.path", "missing", f"{path} ({loaded.origins['model.path']}); {step}")]


def _told(name: str, state: str, fact: str) -> dict[str, str]:
    return {"name": name, "state": state, "fact": fact}
