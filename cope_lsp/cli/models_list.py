"""`cope-lsp models list`: the models that are here, those worth having, and what suits this machine."""

import argparse
import asyncio
import json
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.config import Config, Loaded
from cope_lsp.errors import CopeError
from cope_lsp.models import catalog, hardware
from cope_lsp.models.catalog import Recommended
from cope_lsp.models.hardware import Machine
from cope_lsp.models.local import LocalModel
from cope_lsp.models.store import Held, Store


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print what is here and what is recommended."""
    store = Store()
    held = tuple(store.held())
    machine = hardware.look(asyncio.run(_gpu(loaded.config)))
    best = hardware.best(catalog.recommended(), machine)
    rows = [_entry(entry, store, machine, best) for entry in catalog.recommended()]
    if arguments.json:
        here = [asdict(model) | {"path": str(model.path), "name": model.name} for model in held]
        document = {
            "used": used(loaded.config),
            "here": here,
            "recommended": rows,
            "machine": asdict(machine),
        }
        print(json.dumps(document | {"best": best.name if best else None}))
    else:
        _print(Console(), loaded, held, rows, machine)
    return 0


def used(config: Config) -> str:
    """Return the address of the server, or the path of the file, that is used."""
    return config.model_endpoint or str(catalog.resolve(config.model_path))


async def _gpu(config: Config) -> bool | None:
    """Ask the engine, with the model that is always here, whether this build can use a GPU."""
    model = LocalModel.from_config(Config(threads=config.threads))
    try:
        return (await model.info()).gpu
    except CopeError:
        return None
    finally:
        await model.close()


def _entry(entry: Recommended, store: Store, machine: Machine, best: Recommended | None) -> dict[str, Any]:
    more = {
        "read_on": entry.read_on.isoformat(),
        "memory_bytes": entry.memory_bytes,
        "is_open": entry.is_open,
        "is_here": store.of(entry) is not None,
        "objection": hardware.objection(entry, machine),
        "is_best": entry == best,
    }
    return asdict(entry) | more


def _print(
    console: Console, loaded: Loaded, held: tuple[Held, ...], rows: list[dict[str, Any]], machine: Machine
) -> None:
    config = loaded.config
    shown = "the embedded model"
    if config.model_endpoint or config.model_path:
        origin = loaded.origins["model.endpoint" if config.model_endpoint else "model.path"]
        shown = f"{escape(used(config))} [dim]({escape(origin)})[/]"
    console.print(f"[bold]Used here:[/] {shown}\n")
    if held:
        table = Table("here", "size", "path", box=None, pad_edge=False)
        for model in held:
            table.add_row(escape(model.name), _size(model.bytes), f"[dim]{escape(str(model.path))}[/]")
        console.print(table)
        console.print()
    console.print(_recommended_table(rows))
    console.print(f"\n{_machine_sentence(machine)}")
    best = next((row["name"] for row in rows if row["is_best"]), None)
    if best:
        console.print(f"Suits it best: [green]{best}[/]. To have it: cope-lsp models pull {best}")
    else:
        console.print("No model of the list suits it; the embedded one does.")
    console.print("[dim]A licence in yellow has terms of its own: read it before you use the model.[/]")


def _recommended_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("worth having", "size", "memory", "licence", ""):
        table.add_column(column, no_wrap=True)
    table.add_column("repository")
    for row in rows:
        licence = escape(row["licence"])
        table.add_row(
            f"[green]{row['name']}[/]" if row["is_best"] else row["name"],
            _size(row["bytes_about"]),
            _size(row["memory_bytes"]),
            licence if row["is_open"] else f"[yellow]{licence}[/]",
            "here" if row["is_here"] else f"[dim]{row['objection']}[/]",
            f"[dim]{escape(row['repository'])}[/]",
        )
    return table


def _machine_sentence(machine: Machine) -> str:
    memory = "unknown" if machine.memory_bytes is None else _size(machine.memory_bytes)
    gpu = {True: "can use a GPU", False: "runs on the CPU only", None: "could not be asked"}[machine.gpu]
    cores = f"{machine.cores} core{'' if machine.cores == 1 else 's'}"
    return f"This machine: {memory} of memory, {cores}; this build of llama.cpp {gpu}."


def _size(size: int | None) -> str:
    if size is None:
        return "unknown"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
