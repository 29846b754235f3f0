"""The engine's life: files that are no models, workers that die, hang and print."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest

from cope_lsp.engine.process import RESTARTS_MAX, EngineProcess
from cope_lsp.errors import EngineUnavailableError, ModelFileError
from cope_lsp.models.catalog import embedded_path
from tests.engine.conftest import MakeEngine, draw, generation


def workers() -> list[psutil.Process]:
    """Return the engine's processes among our children."""
    return [each for each in psutil.Process().children() if "cope_lsp.engine.worker" in each.cmdline()]


async def test_nothing_runs_before_somebody_asks(engine: EngineProcess) -> None:
    assert engine.pid is None
    await engine.start()
    assert engine.pid is not None


async def test_ten_who_ask_at_once_share_one_worker(engine: EngineProcess) -> None:
    await asyncio.gather(*(engine.start() for _ in range(10)))
    assert len(workers()) == 1


async def test_who_stops_waiting_does_not_stop_the_loading(engine: EngineProcess) -> None:
    impatient = asyncio.create_task(engine.start())
    await asyncio.sleep(0)
    impatient.cancel()
    await engine.start()
    assert len(workers()) == 1


async def test_a_closed_engine_leaves_no_process(engine: EngineProcess) -> None:
    await engine.start()
    assert engine.pid is not None
    worker = psutil.Process(engine.pid)
    await engine.close()
    assert not worker.is_running()
    with pytest.raises(EngineUnavailableError, match="closed"):
        await engine.start()


async def exhaust(answers: AsyncIterator[object]) -> None:
    async for _ in answers:
        pass


def cut_off(path: Path) -> None:
    path.write_bytes(embedded_path().read_bytes()[:100_000])


def scrambled(path: Path) -> None:
    data = bytearray(embedded_path().read_bytes())
    data[8:4000] = os.urandom(3992)
    path.write_bytes(data)


NO_MODELS = {
    "missing": lambda _: None,
    "directory": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("this is no model\n"),
    "magic-only": lambda path: path.write_bytes(b"GGUF"),
    "cut-off": cut_off,
    "scrambled": scrambled,
}


@pytest.mark.parametrize("kind", NO_MODELS)
async def test_a_file_that_is_no_model_is_named_in_the_error(
    make_engine: MakeEngine, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "model.gguf"
    NO_MODELS[kind](path)
    engine = make_engine(path)
    with pytest.raises((ModelFileError, EngineUnavailableError), match=r"model\.gguf|died"):
        await engine.start()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
async def test_a_dead_worker_is_replaced(engine: EngineProcess, how: signal.Signals) -> None:
    await engine.start()
    assert engine.pid is not None
    dying = engine.pid
    os.kill(dying, signal.SIGSTOP)  # so that it certainly dies before it answers
    slow = asyncio.create_task(draw(engine, generation(tokens=200, temperature=1.5, samples=4)))
    await asyncio.sleep(0.01)
    os.kill(dying, how)
    with suppress(ProcessLookupError):  # killed for good, it needs no waking
        os.kill(dying, signal.SIGCONT)
    assert len((await slow).samples) == 4
    assert engine.pid != dying
    assert (await draw(engine, generation())).samples


async def test_samples_that_came_before_a_death_are_not_drawn_again(engine: EngineProcess) -> None:
    """Who had part of an answer is told, so that nothing is counted twice."""
    wanted = generation(tokens=1000, temperature=1.5, samples=8, priority="batch")
    async with aclosing(engine.generate(wanted)) as answers:
        await anext(answers)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(EngineUnavailableError, match="died"):
            await exhaust(answers)


async def test_a_worker_that_keeps_dying_is_given_up(engine: EngineProcess) -> None:
    for _ in range(RESTARTS_MAX + 1):
        await engine.start()
        assert engine.pid is not None
        dying = engine.pid
        os.kill(dying, signal.SIGKILL)
        while engine.pid == dying:
            await asyncio.sleep(0.01)
    with pytest.raises(EngineUnavailableError, match="the engine is off: it died"):
        await engine.start()
    assert engine.pid is None


async def test_a_worker_that_hangs_is_stopped_and_replaced(engine: EngineProcess) -> None:
    await engine.start()
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="did not answer"):
        await draw(engine, generation(deadline_s=0.1))
    assert time.monotonic() - started < 8
    assert (await draw(engine, generation())).samples


async def test_the_worker_ends_with_its_client() -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(embedded_path())], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    worker = psutil.Process(int(client.stdout.readline()))
    client.kill()
    client.wait()
    client.stdout.close()
    worker.wait(timeout=5)


CLIENT = """
import asyncio, sys
from pathlib import Path
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import Generation, Limits, Sampling, Text

async def main():
    engine = EngineProcess(Path(sys.argv[1]), EngineSettings())
    await engine.start()
    print(engine.pid, flush=True)
    while True:
        prompt = (Text("x = ", 9, "tail"),)
        async for _ in engine.generate(Generation(prompt, Limits(3000, 60.0), Sampling(1.5))):
            pass

asyncio.run(main())
"""


async def test_a_repository_cannot_slip_its_own_modules_into_the_worker(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "queue", "cattrs", "llama_cpp", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken over')\n")
    monkeypatch.chdir(tmp_path)
    assert (await draw(make_engine(), generation(tokens=2))).samples
