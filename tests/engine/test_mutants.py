"""Hostile model files: thousands of broken headers end no server and hang none."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from cope_lsp.engine.header import Header, read_header
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import EngineUnavailableError, GenerationError, ModelFileError
from cope_lsp.values import Generation, Limits, Sampling, Text
from tests.conftest import scaled
from tests.engine.conftest import Answer, draw
from tests.engine.mutants import Original, murderous, mutant
from tests.random_model import Shape, write_random_model

PARTS = 10
MUTANTS = scaled(60, 1000)
"""In each part: 600 in all, or 10,000."""
HEADER_S_MAX = 5.0
LOAD_S_MAX = 30.0
EXPECTED = {
    "refused by us": ModelFileError,
    "refused": ModelFileError,
    "died": EngineUnavailableError,
}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "good.gguf"
    return write_random_model(path, Shape(width=32, layers=1, heads=2, feed_forward=64, context_tokens=512))


class Load(Protocol):
    def __call__(self, path: Path) -> str: ...


@contextmanager
def loader() -> Iterator[Load]:
    """Start what loads files in forks of itself; the call returns what became of a file."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.loader"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def load(path: Path) -> str:
        stdin.write(f"{path}\t{LOAD_S_MAX}\n")
        stdin.flush()
        return stdout.readline().partition("\t")[0]

    with process:
        yield load
        stdin.close()


@pytest.mark.timeout(1200)  # 1,000 files in the full form
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_broken_header_is_refused_or_dies_in_the_worker(
    original: Path, tmp_path: Path, part: int
) -> None:
    read, path = Original.read(original), tmp_path / "mutant.gguf"
    ends: Counter[str] = Counter()
    kept: dict[str, bytes] = {}
    with loader() as load:
        for seed in range(part * MUTANTS, (part + 1) * MUTANTS):
            data = mutant(read, seed)
            path.write_bytes(data)
            started = time.monotonic()
            found = read_header(path)
            assert time.monotonic() - started < HEADER_S_MAX, seed
            end = load(path) if isinstance(found, Header) else "refused by us"
            ends[end] += 1
            kept[end] = data
            assert end in ("refused by us", "works", "refused", "died"), (seed, end)
    print(f"part {part}: {dict(ends)}")  # noqa: T201  # seen with pytest -s, or when the test fails
    assert sum(ends.values()) == MUTANTS
    assert ends["refused by us"] > MUTANTS / 3
    for end, data in kept.items():
        if part and end != "died":  # each end has been seen in the first part; a death is worth more looks
            continue
        await check_that_an_engine_survives(data, end, original, tmp_path)


async def check_that_an_engine_survives(data: bytes, end: str, original: Path, folder: Path) -> None:
    """The engine as the server has it answers in time, and works again when the file is a good one."""
    path = folder / "served.gguf"
    path.write_bytes(data)
    wanted = Generation((Text("def add(a, b):", 100, "tail"),), Limits(4, 20.0), Sampling())
    engine = EngineProcess(path, EngineSettings(context_tokens=512), restarts_max=100)
    (outcome,) = await asyncio.gather(
        asyncio.wait_for(draw(engine, wanted), LOAD_S_MAX), return_exceptions=True
    )
    await engine.close()
    assert isinstance(outcome, Answer | GenerationError if end == "works" else EXPECTED[end]), outcome
    path.write_bytes(original.read_bytes())
    again = EngineProcess(path, EngineSettings(context_tokens=512), restarts_max=100)
    assert (await draw(again, wanted)).samples
    await again.close()


async def test_a_worker_that_a_file_killed_is_replaced(original: Path, tmp_path: Path) -> None:
    """The same engine looks at the file again, which may have become a good one."""
    path = tmp_path / "changing.gguf"
    path.write_bytes(murderous(original.read_bytes()))
    engine = EngineProcess(path, EngineSettings(context_tokens=512))
    with pytest.raises(EngineUnavailableError, match="died while it loaded"):
        await engine.start()
    path.write_bytes(original.read_bytes())
    assert (await engine.start()).parameters
    await engine.close()
