"""How long an editor waits: for `initialize`, and for the first ghost text of a fresh process."""

import asyncio
import sys
import time
from pathlib import Path

import psutil
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from cope_lsp.models.catalog import embedded_path
from tests.benchmarks.measure import Measurement, median
from tests.benchmarks.peers import llama_server, post

TEXT = 'def main():\n    print(1)\n\n\nif __name__ == "__'

MINIMAL_SERVER = "from pygls.lsp.server import LanguageServer; LanguageServer('minimal', '1').start_io()"
SERVER = ("-P", "-m", "cope_lsp", "serve", "--stdio")


def measure(repetitions: int) -> list[Measurement]:
    """Measure both waits and the memory behind them."""
    ours = [asyncio.run(_session(SERVER)) for _ in range(repetitions)]
    minimal = [asyncio.run(_session(("-c", MINIMAL_SERVER))) for _ in range(repetitions)]
    peer = [_first_infill() for _ in range(repetitions)]
    initialize, ghost, memory = (median(values) for values in zip(*ours, strict=True))
    return [
        Measurement(
            "start of the process to the answer to initialize",
            "s",
            initialize,
            "a pygls server without features",
            median([session[0] for session in minimal]),
        ),
        Measurement(
            "start of the process to the first ghost text, nothing warm",
            "s",
            ghost,
            "llama-server's first /infill",
            median(peer),
        ),
        Measurement("memory of server and worker (RSS)", "MB", memory),
    ]


async def _session(arguments: tuple[str, ...]) -> tuple[float, float, float]:
    """Return (seconds to initialize, seconds to the first ghost text, MB)."""
    client = LanguageClient("benchmark", "1")
    started = time.perf_counter()
    await client.start_io(sys.executable, *arguments)
    server = client._server
    assert server is not None
    await client.initialize_async(types.InitializeParams(_capabilities()))
    initialized = time.perf_counter() - started
    ghost, memory = 0.0, 0.0
    if arguments == SERVER:
        client.initialized(types.InitializedParams())
        await _ghost_text(client)
        ghost = time.perf_counter() - started
        memory = _resident_mb(server.pid)
    await client.shutdown_async(None)
    client.exit(None)
    server.kill()
    await client.stop()  # type: ignore[no-untyped-call]  # pygls annotates no result
    return initialized, ghost, memory


def _capabilities() -> types.ClientCapabilities:
    inline = types.InlineCompletionClientCapabilities()
    return types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(inline_completion=inline)
    )


async def _ghost_text(client: LanguageClient) -> None:
    document = types.TextDocumentItem("file:///load.py", "python", 1, TEXT)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    lines = TEXT.split("\n")
    params = types.InlineCompletionParams(
        types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
        types.TextDocumentIdentifier(document.uri),
        types.Position(len(lines) - 1, len(lines[-1])),
    )
    answer = await client.text_document_inline_completion_async(params)
    assert isinstance(answer, types.InlineCompletionList)
    assert answer.items, "the embedded model suggests nothing here any more: choose another text"


def _first_infill() -> float:
    started = time.perf_counter()
    with llama_server(Path(embedded_path()), threads=1) as address:
        body = {"input_prefix": TEXT, "input_suffix": "", "n_predict": 40, "temperature": 0, "stop": ["\n"]}
        post(address, "/infill", body)
        return time.perf_counter() - started


def _resident_mb(pid: int) -> float:
    server = psutil.Process(pid)
    family = [server, *server.children(recursive=True)]
    total: int = sum(process.memory_info().rss for process in family)
    return total / 1e6
