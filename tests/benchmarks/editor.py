"""An editor as the benchmarks play it: pygls' client with a real server that knows nothing of this user."""

import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from lsprotocol import types
from pygls.lsp.client import LanguageClient

SERVER = ("-P", "-m", "cope_lsp", "serve", "--stdio")
URI = "file:///benchmark.py"
_HOME = "COPE_BENCHMARK_HOME"
"""Marks all processes of one editor: an engine that servers share is no child of any of them."""

_PLACES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")


@dataclass(slots=True)
class Editor:
    """A client whose server is initialized, with one Python file open."""

    client: LanguageClient
    pid: int
    initialized_s: float
    """From the start of the process to the answer to `initialize`."""
    text: str = ""
    _version: int = field(default=0, repr=False)

    def open(self, text: str) -> None:
        """Show a file."""
        self.text, self._version = text, 1
        document = types.TextDocumentItem(URI, "python", self._version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(document))

    def replace(self, start: int, end: int, text: str) -> None:
        """Change the file between two offsets."""
        self._version += 1
        where = types.Range(self._position(start), self._position(end))
        change = types.TextDocumentContentChangePartial(range=where, text=text)
        document = types.VersionedTextDocumentIdentifier(self._version, URI)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        self.text = self.text[:start] + text + self.text[end:]

    async def ghost_text(self, offset: int) -> str:
        """Return what is suggested unasked at an offset; "" when nothing is."""
        automatic = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic)
        where = types.TextDocumentIdentifier(URI), self._position(offset)
        answer = await self.client.text_document_inline_completion_async(
            types.InlineCompletionParams(automatic, *where)
        )
        assert isinstance(answer, types.InlineCompletionList)
        texts = [item.insert_text for item in answer.items]
        assert all(isinstance(text, str) for text in texts)
        return str(texts[0]) if texts else ""

    def _position(self, offset: int) -> types.Position:
        line_start = self.text.rfind("\n", 0, offset) + 1
        return types.Position(self.text.count("\n", 0, offset), offset - line_start)


@asynccontextmanager
async def home() -> AsyncIterator[dict[str, str]]:
    """Yield the environment of a user without settings, data or engines."""
    with tempfile.TemporaryDirectory(prefix="cope") as folder:
        Path(folder).chmod(0o700)
        yield dict.fromkeys(_PLACES, folder) | {_HOME: folder}


def settings(model: Path, threads: int) -> dict[str, str]:
    """Return the environment that lets a server run a model on so many threads."""
    return {"COPE_LSP_MODEL_PATH": str(model), "COPE_LSP_MODEL_THREADS": str(threads)}


@asynccontextmanager
async def editor(environment: dict[str, str], arguments: tuple[str, ...] = SERVER) -> AsyncIterator[Editor]:
    """Start a server and initialize it; kill it at the end, as an editor's end may."""
    client = LanguageClient("benchmark", "1")
    started = time.perf_counter()
    await client.start_io(sys.executable, *arguments, env=os.environ | environment)
    server = client._server
    assert server is not None
    await client.initialize_async(types.InitializeParams(_capabilities()))
    initialized = time.perf_counter() - started
    client.initialized(types.InitializedParams())
    try:
        yield Editor(client, server.pid, initialized)
        await client.shutdown_async(None)
        client.exit(None)
    finally:
        server.kill()
        await client.stop()  # type: ignore[no-untyped-call]  # pygls annotates no result


def processes(environment: dict[str, str]) -> list[psutil.Process]:
    """Return all processes of the servers and engines that were started with an environment."""
    return [process for process in psutil.process_iter() if _home_of(process) == environment[_HOME]]


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_HOME)
    except psutil.Error:
        return None


def _capabilities() -> types.ClientCapabilities:
    inline = types.InlineCompletionClientCapabilities()
    return types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(inline_completion=inline)
    )
