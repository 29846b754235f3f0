"""`cope-lsp config`: which settings hold, where each came from, and what there is to set."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.config import Config, Loaded, settings
from cope_lsp.loading import user_file
from cope_lsp.setting import Setting

ACTIONS = ("show", "path", "schema")

_WHO = {
    "user": "the user only",
    "tighten": "the user; a project or an editor may tighten it",
    "any": "the user, a project, an editor",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `config` takes."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        default="show",
        help="show what holds here and why (the default); the path of your file; all that can be set",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Do what was asked."""
    match arguments.action:
        case "path":
            _print_path(as_json=arguments.json)
        case "schema":
            _print_schema(as_json=arguments.json)
        case _:
            _print_effective(loaded, as_json=arguments.json)
    return 0


def _print_path(*, as_json: bool) -> None:
    file = user_file()
    print(json.dumps({"path": str(file), "exists": file.exists()}) if as_json else file)


def _print_effective(loaded: Loaded, *, as_json: bool) -> None:
    rows = [
        (setting.key, _plain(getattr(loaded.config, name)), loaded.origins.get(setting.key, "default"))
        for name, setting, _ in settings()
    ]
    if as_json:
        shown = [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]
        print(json.dumps({"settings": shown, "problems": list(loaded.problems)}))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for key, value, origin in rows:
        style = "dim" if origin == "default" else "bold"
        table.add_row(f"[{style}]{key}[/]", escape(_written(value)), f"[dim]{escape(origin)}[/]")
    Console().print(table)
    print(f"\nYours are in {user_file()}; `cope-lsp config schema` lists what can be set.")


def _print_schema(*, as_json: bool) -> None:
    entries = list(_schema())
    if as_json:
        print(json.dumps({"settings": entries}))
        return
    console = Console()
    for entry in entries:
        console.print(f"[bold]{entry['key']}[/] = {escape(_written(entry['default']))}", highlight=False)
        console.print(f"  {escape(entry['help'])}", highlight=False)
        limits = _limits(entry)
        who = f"May be set by {_WHO[entry['reach']]}, or by {entry['environment']}."
        console.print(f"  [dim]{escape(f'{limits} {who}'.strip())}[/]", highlight=False)


def _schema() -> Iterator[dict[str, Any]]:
    """Yield what is known of each setting, for programs; what is not known is left out."""
    types = {entry.name: str(entry.type) for entry in fields(Config)}
    for name, setting, default in settings():
        yield {
            "key": setting.key,
            "type": _type_of(types[name], default),
            "default": _plain(default),
            "help": setting.help,
            "reach": setting.reach,
            "environment": setting.environment,
            **_more(setting),
        }


def _more(setting: Setting) -> dict[str, Any]:
    known = {
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "choices": list(setting.choices) or None,
        "pattern": setting.pattern or None,
        "shape": setting.shape or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _type_of(annotation: str, default: object) -> str:
    if "Path" in annotation:
        return "path"
    return {bool: "boolean", int: "integer", tuple: "list"}.get(type(default), "string")


def _limits(entry: dict[str, Any]) -> str:
    if choices := entry.get("choices"):
        return f"One of {', '.join(choices)}."
    if "minimum" in entry:
        return f"{entry['minimum']} to {entry['maximum']}."
    return f"Such as {entry['shape']}." if "shape" in entry and entry["shape"].startswith("a URL") else ""


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def _written(value: object) -> str:
    """Return a value as TOML has it, and nothing for none."""
    return "" if value is None else json.dumps(value, ensure_ascii=False)
