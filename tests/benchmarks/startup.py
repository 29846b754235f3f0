"""How long an editor waits: for `initialize`, and for the first ghost text of a fresh process."""

import asyncio
import time
from pathlib import Path

from cope_lsp.models.catalog import embedded_path
from tests.benchmarks.editor import SERVER, editor, home, processes
from tests.benchmarks.measure import Measurement, median
from tests.benchmarks.peers import llama_server, post

TEXT = 'def main():\n    print(1)\n\n\nif __name__ == "__'

MINIMAL_SERVER = "from pygls.lsp.server import LanguageServer; LanguageServer('minimal', '1').start_io()"


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
    async with home() as environment:
        started = time.perf_counter()
        async with editor(environment, arguments) as session:
            if arguments != SERVER:
                return session.initialized_s, 0.0, 0.0
            session.open(TEXT)
            shown = await session.ghost_text(len(TEXT))
            ghost = time.perf_counter() - started
            assert shown, "the embedded model suggests nothing here any more: choose another text"
            memory = sum(process.memory_info().rss for process in processes(environment))
            return session.initialized_s, ghost, memory / 1e6


def _first_infill() -> float:
    started = time.perf_counter()
    with llama_server(Path(embedded_path()), threads=1) as address:
        body = {"input_prefix": TEXT, "input_suffix": "", "n_predict": 40, "temperature": 0, "stop": ["\n"]}
        post(address, "/infill", body)
        return time.perf_counter() - started
