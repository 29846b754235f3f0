"""How long a warm request takes with 1.5 billion parameters: somebody types, and pauses after each key."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from gguf import GGMLQuantizationType

from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.completer import Completer
from cope_lsp.completion.pace import Pace
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import CompletionRequest, Document, Suggestion
from tests.benchmarks.keystrokes import read
from tests.benchmarks.measure import Measurement, median, p95
from tests.benchmarks.typing import Overheard
from tests.random_model import DESKTOP, write_random_model

KEYS = 8
"""For each repetition."""

WARM_UP_S = 45.0
"""After the first request: the engine reads ahead what it could not show in time, a thousand tokens."""

PAUSE_S = 1.0
"""Until the next key: what the engine reads ahead it reads then."""

TYPED = "    for position, entry in enumerate(sorted(entries, key=len)):"


def measure(repetitions: int) -> list[Measurement]:
    """Measure requests at the end of a line that grows, in the middle of a long file."""
    with tempfile.TemporaryDirectory() as folder:
        model = write_random_model(Path(folder) / "desktop.gguf", DESKTOP, kind=GGMLQuantizationType.Q4_0)
        waits, tokens = asyncio.run(_typed(model, KEYS * repetitions))
    what = f"1.5B Q4_0: a warm request, {len(waits)} keys"
    return [
        Measurement(f"{what}, median", "ms", median(waits)),
        Measurement(f"{what}, 95 of 100", "ms", p95(waits)),
        Measurement(f"{what}, tokens written, median", "tokens", median(tokens)),
    ]


async def _typed(model: Path, keys: int) -> tuple[list[float], list[float]]:
    """Return milliseconds and tokens of each request but the first, which is not warm."""
    text = read().text
    at = text.find("\n\n", len(text) // 2) + 1
    engine = Overheard(model, EngineSettings(threads=len(os.sched_getaffinity(0))), restarts_max=0)
    syntax = SyntaxReader()
    waits, tokens = [], []
    try:
        for typed in range(min(keys, len(TYPED) - 1) + 1):
            engine.listen()
            line = TYPED[: typed + 1]
            request = CompletionRequest(
                Document("file:///typed.py", "python", text[:at] + line + text[at:]), at + len(line)
            )
            started = time.perf_counter()
            answer = await Completer(engine, syntax, Pace()).complete(request)  # which remembers nothing yet
            waits.append(1e3 * (time.perf_counter() - started))
            tokens.append(sum(usage.output_tokens for usage in engine.usages))
            assert isinstance(answer, Suggestion) or engine.usages
            await asyncio.sleep(PAUSE_S if typed else WARM_UP_S)
    finally:
        await engine.close()
        await syntax.close()
    return waits[1:], [float(each) for each in tokens[1:]]
