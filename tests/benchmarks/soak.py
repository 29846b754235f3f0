"""Whether memory grows: `python -m tests.benchmarks.soak --requests 20000` asks the embedded model so often.

The requests differ as those of a long day do: keys in a growing text, other places, drafts, and some that are
cancelled. The slope is that of a line through all samples after the first quarter, in which caches fill.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

import psutil

from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models.catalog import embedded_path
from cope_lsp.values import Generation, Limits, Sampling, Text
from tests.benchmarks.measure import Measurement

SAMPLES = 200
"""Of memory."""

CANCELLED_SHARE = 0.1
DRAFTED_SHARE = 0.05
DRAFTS = 8
TOKENS_MAX = 24
PROMPT_TOKENS_MAX = 1024
DEADLINE_S = 60.0
PER_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident megabytes after so many requests."""

    requests: int
    worker: float
    client: float


async def measure(requests: int) -> list[Measurement]:
    """Ask, and measure the memory of the engine's process and of this one."""
    engine = EngineProcess(embedded_path(), EngineSettings())
    source, dice = Path(__file__).read_text("utf-8"), random.Random(1)
    found: list[Memory] = []
    try:
        for number in range(1, requests + 1):
            is_cancelled = dice.random() < CANCELLED_SHARE
            await _ask(engine, _generation(source, number, dice), is_cancelled=is_cancelled)
            if number % max(1, requests // SAMPLES) == 0:
                found.append(_memory(engine, number))
                sys.stderr.write(f"{found[-1]}\n")
    finally:
        await engine.close()
    settled = found[len(found) // 4 :]
    return [
        Measurement("memory of the engine at the end (RSS)", "MB", settled[-1].worker),
        _slope("the engine", settled, [each.worker for each in settled]),
        _slope("its client", settled, [each.client for each in settled]),
    ]


def _generation(source: str, number: int, dice: random.Random) -> Generation:
    """Return the next request: mostly the next key in a text, now and then another place or some drafts."""
    at = number % len(source) if dice.random() < 1 - DRAFTED_SHARE else dice.randrange(len(source))
    prompt = (Text(source[: at + 1], PROMPT_TOKENS_MAX, "tail"),)
    limits = Limits(dice.randint(1, TOKENS_MAX), DEADLINE_S)
    if dice.random() < DRAFTED_SHARE:
        return Generation(prompt, limits, Sampling(temperature=0.8, seed=number), DRAFTS, "batch")
    return Generation(prompt, limits)


async def _ask(engine: EngineProcess, generation: Generation, *, is_cancelled: bool) -> None:
    async def drain() -> None:
        async with aclosing(engine.generate(generation)) as answers:
            async for _ in answers:
                pass

    running = asyncio.create_task(drain())
    if is_cancelled:
        await asyncio.sleep(0)
        running.cancel()
    await asyncio.wait({running})
    assert running.cancelled() or running.exception() is None


def _memory(engine: EngineProcess, requests: int) -> Memory:
    assert engine.pid is not None
    worker, client = psutil.Process(engine.pid), psutil.Process()
    return Memory(requests, worker.memory_info().rss / 1e6, client.memory_info().rss / 1e6)


def _slope(whose: str, found: Sequence[Memory], megabytes: Sequence[float]) -> Measurement:
    slope = linear_regression([each.requests for each in found], megabytes).slope
    return Measurement(f"growth of {whose} in {PER_REQUESTS} requests", "MB", slope * PER_REQUESTS)


def main() -> None:
    """Ask as often as the command line says, and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, metavar="N")
    for row in asyncio.run(measure(parser.parse_args().requests)):
        sys.stdout.write(f"{row.what}: {row.value:.2f} {row.unit}\n")


if __name__ == "__main__":
    main()
