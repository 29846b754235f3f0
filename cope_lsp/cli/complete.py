"""`cope-lsp complete`: one completion, for scripts and for a first look."""

import argparse
import asyncio
import json
import shlex
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from cope_lsp.assistant import Assistant
from cope_lsp.cli.files import language_of, project_of, read_text
from cope_lsp.completion.note import Note, unheard
from cope_lsp.config import Loaded
from cope_lsp.errors import CopeError
from cope_lsp.text import TextBuffer
from cope_lsp.values import Completion, CompletionRequest, Document, Silence

INDEX_WAIT_S = 5.0
"""For the definitions of other files; an editor has them by the time that somebody types."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `complete` takes."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--line", type=int, required=True, help="0-based, as in LSP")
    parser.add_argument("--character", type=int, required=True, help="0-based, in UTF-16 units, as in LSP")
    parser.add_argument("--language", help="an LSP language id; by default from the file's name")
    parser.add_argument("--explain", action="store_true", help="also tell what led to it")
    parser.add_argument("--unasked", action="store_true", help="as while somebody types, not as for a key")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print the completion; exit 0 also when there is nothing to suggest, 1 when no model could be asked."""
    path: Path = arguments.file
    text = read_text(path)
    document = Document(path.absolute().as_uri(), arguments.language or language_of(path), text)
    offset = TextBuffer(text, "utf-16").offset(arguments.line, arguments.character)
    request = CompletionRequest(document, offset, explicit=not arguments.unasked)
    steps: list[tuple[str, str]] = []
    note = _noting(steps) if arguments.explain else unheard
    completion = asyncio.run(_complete(loaded, request, project_of(path), note))
    if arguments.json:
        print(_as_json(completion, steps if arguments.explain else None))
    else:
        _print_steps(steps)
        print(_as_text(completion, _place(arguments)))
    return int(isinstance(completion, Silence) and completion.reason == "model-unavailable")


def _noting(steps: list[tuple[str, str]]) -> Note:
    return lambda heading, text: steps.append((heading, text))


def _place(arguments: argparse.Namespace) -> str:
    return f"{shlex.quote(str(arguments.file))} --line {arguments.line} --character {arguments.character}"


async def _complete(loaded: Loaded, request: CompletionRequest, workspace: Path, note: Note) -> Completion:
    assistant = Assistant.from_config(loaded.config)
    try:
        with suppress(CopeError):  # without a model the completion says so
            await assistant.warm(request.document.uri)
            assistant.related.opened(request.document, workspace)
            await assistant.related.ready(workspace, INDEX_WAIT_S)
        return await assistant.complete(request, note)
    finally:
        await assistant.close()


def _print_steps(steps: list[tuple[str, str]]) -> None:
    width = max((len(heading) for heading, _ in steps), default=0)
    for heading, text in steps:
        print(f"{heading:{width}}  {text}")


def _as_text(completion: Completion, place: str) -> str:
    if isinstance(completion, Silence):
        said = f"(nothing: {completion.reason}{': ' * bool(completion.detail)}{completion.detail})"
        hint = f"\nTo have drafts of the function written and checked: cope-lsp solve {place}"
        return said + hint * completion.offers_solve
    return completion.text


def _as_json(completion: Completion, steps: list[tuple[str, str]] | None) -> str:
    kind = "silence" if isinstance(completion, Silence) else "suggestion"
    more = {} if steps is None else {"steps": [{"heading": each, "text": text} for each, text in steps]}
    return json.dumps({"kind": kind} | asdict(completion) | more)
