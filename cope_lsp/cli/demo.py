"""`cope-lsp demo`: the main job on a sample project, through the real server and the real model."""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from cope_lsp.cli import demo_solve
from cope_lsp.config import Loaded
from cope_lsp.engine.child import kill_child
from cope_lsp.errors import CopeError
from cope_lsp.models import catalog
from cope_lsp.text import TextBuffer, units

SAMPLE = "inventory.py"

PLACES = (
    "        self.items.app",
    "        return [item.name for ",
    "        return sum(item.value() for item in ",
    "    with open(path) as ",
    "        data = json.",
    "    inventory = load(",
    'if __name__ == "__',
    "    def names(",
)
"""Ends of lines in the sample. What the author wrote after each is taken away and asked of the model."""

ANSWER_TIMEOUT_S = 60.0


class DemoError(CopeError):
    """The demonstration could not run."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One place of the demonstration."""

    line: int
    before: str
    ghost: str
    author: str
    milliseconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `demo` takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Run the demonstration; exit 1 when no ghost text came at all."""
    with tempfile.TemporaryDirectory(prefix="cope-lsp-demo-") as folder:
        source = resources.files("cope_lsp.cli") / "sample" / SAMPLE
        with resources.as_file(source) as file:
            path = Path(shutil.copy(file, folder))
        text = path.read_text("utf-8")
        console = Console(quiet=arguments.json)
        _introduce(console, catalog.resolve(loaded.config.model_path))
        shown = asyncio.run(_session(path, text, loaded, console))
        offered = sum(bool(place.ghost) for place in shown)
        console.print(f"[bold]{offered} of {len(shown)}[/] places got ghost text.\n")
        told = (
            asyncio.run(demo_solve.run(console, Path(folder), loaded.config.model_path, quiet=arguments.json))
            if offered
            else []
        )
    if arguments.json:
        print(json.dumps({"shown": [asdict(place) for place in shown], "told": told}))
    _conclude(console)
    return int(not told or told[0]["status"] != 0)


def _introduce(console: Console, model: Path) -> None:
    console.print(f"[bold]Ghost text[/] from {escape(model.name)} on this machine. No network is used.")
    console.print(
        "A language server was started as an editor would start it. Each line below was cut off "
        "and the model was asked to go on: [black on bright_cyan]its text[/], and below it "
        "[dim]what the author wrote[/].\n"
    )


async def _session(path: Path, text: str, loaded: Loaded, console: Console) -> list[Shown]:
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # an answer may come after an interrupt
    client = LanguageClient("cope-lsp-demo", "1")
    model = loaded.config.model_path
    extra = ["--model", str(model.absolute())] if model else []
    await client.start_io(sys.executable, "-P", "-m", "cope_lsp", "serve", "--stdio", *extra)
    try:
        await _initialize(client, path.parent)
        shown = []
        for place in PLACES:
            shown.append(await _ask(client, path, text, place))
            _print_place(console, path, shown[-1])
        await asyncio.wait_for(client.shutdown_async(None), ANSWER_TIMEOUT_S)
        client.exit(None)
    except TimeoutError as error:
        msg = f"the server did not answer within {ANSWER_TIMEOUT_S:.0f} s; try `cope-lsp doctor`"
        raise DemoError(msg) from error
    finally:
        await _stop(client)
    return shown


async def _stop(client: LanguageClient) -> None:
    """End the server at once, and with it its engine; pygls itself would only wait for it."""
    server = client._server  # noqa: SLF001 - pygls has no public way to its child
    if server is not None:
        kill_child(server)
    await client.stop()  # type: ignore[no-untyped-call]


async def _initialize(client: LanguageClient, folder: Path) -> None:
    capabilities = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            inline_completion=types.InlineCompletionClientCapabilities()
        )
    )
    params = types.InitializeParams(capabilities, root_uri=folder.as_uri())
    await asyncio.wait_for(client.initialize_async(params), ANSWER_TIMEOUT_S)
    client.initialized(types.InitializedParams())


async def _ask(client: LanguageClient, path: Path, text: str, place: str) -> Shown:
    """Open `text` with one line cut off after `place`, at a path of its own, and ask what follows."""
    start = text.index(place) + len(place)
    end = text.index("\n", start)
    cut = text[:start] + text[end:]
    uri = path.with_stem(f"{path.stem}_{start}").as_uri()
    item = types.TextDocumentItem(uri, "python", 0, cut)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    line, character = TextBuffer(cut, "utf-16").position(start)
    began = time.perf_counter()
    answer = await asyncio.wait_for(
        client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
                text_document=types.TextDocumentIdentifier(uri),
                position=types.Position(line, character),
            )
        ),
        ANSWER_TIMEOUT_S,
    )
    took = (time.perf_counter() - began) * 1000
    items = answer.items if isinstance(answer, types.InlineCompletionList) else answer or []
    ghost = str(items[0].insert_text) if items else ""
    return Shown(line, place, ghost, text[start:end], took)


def _print_place(console: Console, path: Path, place: Shown) -> None:
    console.print(f"[dim]{path.name}:{place.line + 1}, {place.milliseconds:.0f} ms[/]")
    line = Text("  " + place.before)
    line.append(place.ghost or "(nothing)", "black on bright_cyan" if place.ghost else "dim")
    console.print(line)
    author = " " * (2 + units(place.before, "utf-16")) + place.author
    console.print(Text(author + "   <- the author", "dim"), "")


def _conclude(console: Console) -> None:
    console.print(
        "The embedded model is tiny and knows a little Python; it shows that everything works. "
        "A larger one: cope-lsp models. In your editor: see README.md. Is all well? cope-lsp doctor"
    )
