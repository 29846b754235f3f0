"""`cope-lsp complete`: one completion, for scripts and for a first look."""

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from cope_lsp.assistant import Assistant
from cope_lsp.cli.files import language_of, read_text
from cope_lsp.config import Loaded
from cope_lsp.text import TextBuffer
from cope_lsp.values import Completion, CompletionRequest, Document, Silence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `complete` takes."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--line", type=int, required=True, help="0-based, as in LSP")
    parser.add_argument("--character", type=int, required=True, help="0-based, in UTF-16 units, as in LSP")
    parser.add_argument("--language", help="an LSP language id; by default from the file's name")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print the completion; exit 0 also when there is nothing to suggest, 1 when no model could be asked."""
    path: Path = arguments.file
    text = read_text(path)
    document = Document(path.absolute().as_uri(), arguments.language or language_of(path), text)
    offset = TextBuffer(text, "utf-16").offset(arguments.line, arguments.character)
    request = CompletionRequest(document, offset, explicit=True)
    completion = asyncio.run(_complete(loaded, request))
    print(_as_json(completion) if arguments.json else _as_text(completion))
    return int(isinstance(completion, Silence) and completion.reason == "model-unavailable")


async def _complete(loaded: Loaded, request: CompletionRequest) -> Completion:
    assistant = Assistant.from_config(loaded.config)
    try:
        return await assistant.complete(request)
    finally:
        await assistant.close()


def _as_text(completion: Completion) -> str:
    if isinstance(completion, Silence):
        return f"(nothing: {completion.reason}{': ' * bool(completion.detail)}{completion.detail})"
    return completion.text


def _as_json(completion: Completion) -> str:
    kind = "silence" if isinstance(completion, Silence) else "suggestion"
    return json.dumps({"kind": kind} | asdict(completion))
