"""Ghost text while drafts are being drawn, beside llama-server; and how long what was cancelled goes on."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import Generation, Limits, Sample, Sampling, Text
from tests.benchmarks.measure import Measurement, median, p95
from tests.benchmarks.peers import llama_server, post

REQUESTS = 30
"""For each repetition."""

CANCELLATIONS = 24
"""For each repetition, half of them while the prompt is read."""

PAUSE_S = 0.05
"""Between an answer and the next key; the drafts go on meanwhile."""

BEGIN_S = 1.0
"""Until drafts are surely being drawn; nothing tells it."""

SAMPLES = 8
SAMPLE_TOKENS = 96
INTERACTIVE_TOKENS = 8
DEADLINE_S = 120.0
PEER_S_MAX = 60.0
"""After so long llama-server is sent no more requests: beside drafts each may take it many seconds."""

PEER_REQUESTS_MIN = 4
PEER = f"llama-server -np {SAMPLES + 1}"
SLOT_TOKENS = 1024

LONG_PROMPT_TOKENS = 3000
LONG_TEXT_TOKENS = 400
CANCEL_AFTER_S = (0.02, 0.2)
"""Between these, a generation is surely at work."""

_DRAFTED = "# Tables of values\nVALUES = {\n" + '    "a": 1,\n' * 60
_EDITED = "def total(orders):\n    found = 0\n    for order in orders:\n        found += order.price\n" * 8
_LINE = (
    "result = [order.price * order.count for order in orders if order.is_paid and order.count > 0] + [0] * 8"
)


async def measure(name: str, model: Path, *, threads: int, repetitions: int) -> list[Measurement]:
    """Measure short warm requests alone and beside 8 drafts, and cancellations."""
    async with _engine(model, threads) as engine:
        alone = await _typed(engine, REQUESTS * repetitions)
        async with _drafting(engine):
            beside = await _typed(engine, REQUESTS * repetitions)
        reading = await _cancelled(engine, _reading, repetitions * CANCELLATIONS // 2)
        writing = await _cancelled(engine, _writing, repetitions * CANCELLATIONS // 2)
    peer_alone, peer_beside = await asyncio.to_thread(_in_llama_server, model, threads, repetitions)
    what = f"{name}: a warm request of {INTERACTIVE_TOKENS} tokens"
    drafts = f"beside {SAMPLES} drafts"
    slower = p95(beside) / p95(alone), p95(peer_beside) / p95(peer_alone)
    return [
        Measurement(f"{what}, 95 of 100", "ms", p95(alone), PEER, p95(peer_alone)),
        Measurement(f"{what}, {drafts}, 95 of 100", "ms", p95(beside), PEER, p95(peer_beside)),
        Measurement(f"{what}, {drafts}: times as long, 95 of 100", "times", slower[0], PEER, slower[1]),
        *(
            Measurement(f"{name}: cancelled while {doing} to idle, {share}", "ms", pick(times))
            for doing, times in (("it reads", reading), (f"it writes {SAMPLES} drafts", writing))
            for share, pick in (("median", median), ("95 of 100", p95))
        ),
    ]


@asynccontextmanager
async def _engine(model: Path, threads: int) -> AsyncGenerator[EngineProcess, None]:
    engine = EngineProcess(model, EngineSettings(threads=threads))
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


# -- beside drafts ------------------------------------------------------------------------------------


async def _typed(engine: EngineProcess, requests: int) -> list[float]:
    """Return the milliseconds of requests at the end of a line that grows by a character each time."""
    times = []
    for number in range(requests + 1):
        await asyncio.sleep(PAUSE_S)
        limits = Limits(INTERACTIVE_TOKENS, DEADLINE_S)
        generation = Generation((Text(_text(number), SLOT_TOKENS, "tail"),), limits)
        started = time.perf_counter()
        async with aclosing(engine.generate(generation)) as answers:
            assert [answer async for answer in answers]
        times.append(1e3 * (time.perf_counter() - started))
    return times[1:]  # the first one reads the file


def _text(number: int) -> str:
    """Return a text whose last line has grown `number` times; it begins anew at its end."""
    return _EDITED + _LINE[: 1 + number % len(_LINE)]


@asynccontextmanager
async def _drafting(engine: EngineProcess) -> AsyncGenerator[None, None]:
    """Draw drafts, always 8 at once, again and again."""

    async def draw() -> None:
        seed = 0
        while True:
            limits, sampling = Limits(SAMPLE_TOKENS, DEADLINE_S), Sampling(temperature=0.8, seed=seed)
            wanted = Generation((Text(_DRAFTED, SLOT_TOKENS, "head"),), limits, sampling, SAMPLES, "batch")
            async with aclosing(engine.generate(wanted)) as answers:
                async for answer in answers:
                    assert not isinstance(answer, Sample) or answer.finish != "deadline"
            seed += SAMPLES

    drawing = asyncio.create_task(draw())
    try:
        await asyncio.sleep(BEGIN_S)
        yield
        assert not drawing.done()
    finally:
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)


def _in_llama_server(model: Path, threads: int, repetitions: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of the same requests without drafts and beside them."""
    requests, slots = REQUESTS * repetitions, SAMPLES + 1
    with llama_server(model, threads=threads, slots=slots, slot_tokens=SLOT_TOKENS) as address:
        alone = _infills(address, requests)
        with _drafting_there(address):
            return alone, _infills(address, requests)


def _infills(address: str, requests: int) -> list[float]:
    times = []
    for number in range(requests + 1):
        time.sleep(PAUSE_S)
        text = {"input_prefix": _text(number), "input_suffix": ""}
        options = {"n_predict": INTERACTIVE_TOKENS, "ignore_eos": True, "temperature": 0}
        started = time.perf_counter()
        post(address, "/infill", text | options)
        times.append(1e3 * (time.perf_counter() - started))
        if number >= PEER_REQUESTS_MIN and sum(times) > 1e3 * PEER_S_MAX:
            break
    return times[1:]


@contextmanager
def _drafting_there(address: str) -> Iterator[None]:
    ended = threading.Event()

    def draw() -> None:
        while not ended.is_set():
            body = {"prompt": _DRAFTED, "n": SAMPLES, "n_predict": SAMPLE_TOKENS, "temperature": 0.8}
            post(address, "/completion", body | {"ignore_eos": True})

    drawing = threading.Thread(target=draw)
    drawing.start()
    time.sleep(BEGIN_S)
    try:
        yield
    finally:
        ended.set()
        drawing.join()


# -- cancelled ----------------------------------------------------------------------------------------


async def _cancelled(engine: EngineProcess, make: Callable[[int], Generation], count: int) -> list[float]:
    """Return the milliseconds from closing a generation to the moment when the engine could begin another.

    The engine is asked then what it does. It takes the question after the cancellation, as it would take
    another request, and answers how many generations are left: none.
    """
    dice, number = random.Random(1), 0
    times: list[float] = []
    while len(times) < count:
        number += 1
        assert number <= 4 * count + 10, "too many generations end before they are cancelled"
        running = asyncio.create_task(_drain(engine, make(number)))
        await asyncio.sleep(dice.uniform(*CANCEL_AFTER_S))
        if running.done():
            continue
        started = time.perf_counter()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        status = await engine.status()
        assert status is not None
        assert status.generations == 0
        times.append(1e3 * (time.perf_counter() - started))
    return times


async def _drain(engine: EngineProcess, generation: Generation) -> None:
    async with aclosing(engine.generate(generation)) as answers:
        async for _ in answers:
            pass


def _reading(number: int) -> Generation:
    """Return a generation that reads a long prompt, of which nothing is remembered."""
    text = f"# {number}\n" + f"x{number} = y + 1\n" * LONG_PROMPT_TOKENS
    return Generation((Text(text, LONG_PROMPT_TOKENS, "head"),), Limits(1, DEADLINE_S))


def _writing(number: int) -> Generation:
    """Return drafts of a table that goes on and on."""
    prompt = (Text(_DRAFTED, SLOT_TOKENS, "head"),)
    sampling = Sampling(temperature=0.8, seed=SAMPLES * number)
    return Generation(prompt, Limits(LONG_TEXT_TOKENS, DEADLINE_S), sampling, SAMPLES, "batch")
