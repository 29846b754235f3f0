"""The samples of one stage as one batch, beside llama-server's `n` and the high-level `Llama` in sequence."""

import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

from cope_lsp.engine.header import Header, read_header
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import Generation, Limits, Sample, Sampling, Text
from tests.benchmarks.measure import Measurement, median
from tests.benchmarks.peers import llama_server, post

SAMPLES = 8
TOKENS = 48
DRAWS_MAX = 60
PROMPT_TOKENS = 600
CONTEXT_TOKENS = 2048


async def measure(name: str, model: Path, *, threads: int, repetitions: int) -> list[Measurement]:
    """Measure the three ways one after the other, each on prompts that it has not seen."""
    prefix = _prefix_tokens(model)
    ours = median(await _engine(model, prefix, threads, repetitions))
    server = median(_server(model, prefix, threads, repetitions))
    sequence = median(_high_level(model, prefix, threads, repetitions))
    what = f"{name}: {SAMPLES} samples of {TOKENS} tokens on a prefix of {prefix}"
    return [
        Measurement(what, "s", ours, f"llama-server, n: {SAMPLES}", server),
        Measurement(what, "s", ours, "high-level Llama, in sequence", sequence),
    ]


def _prefix_tokens(model: Path) -> int:
    """Return how long a prefix is: llama-server takes none that is longer than a model was trained on."""
    header = read_header(model)
    assert isinstance(header, Header)
    return min(PROMPT_TOKENS, (header.context_tokens or PROMPT_TOKENS + 2 * TOKENS) - 2 * TOKENS)


def _prompt(number: int) -> str:
    """Return a text of more than `PROMPT_TOKENS` tokens with a beginning of its own."""
    return f"# {number}\nVALUES = {{\n" + '    "a": 1,\n' * PROMPT_TOKENS


async def _engine(model: Path, prefix: int, threads: int, repetitions: int) -> list[float]:
    engine = EngineProcess(model, EngineSettings(threads=threads, context_tokens=CONTEXT_TOKENS))
    try:
        await engine.start()
        complete: list[float] = []
        for number in range(DRAWS_MAX):  # a run with a sample that ended early is not counted
            seconds, tokens = await _draw(engine, prefix, number)
            complete += [seconds] if tokens == SAMPLES * TOKENS else []
            if len(complete) == repetitions:
                return complete
    finally:
        await engine.close()
    runs = f"all but {len(complete)} of {DRAWS_MAX} runs"
    msg = f"{model.name} ended samples early in {runs}: choose another prompt"
    raise AssertionError(msg)


async def _draw(engine: EngineProcess, prefix: int, number: int) -> tuple[float, int]:
    prompt = (Text(_prompt(number), prefix, "head"),)
    sampling = Sampling(temperature=0.8, seed=number)
    wanted = Generation(prompt, Limits(TOKENS, 120.0), sampling, SAMPLES, "batch")
    started = time.perf_counter()
    async with aclosing(engine.generate(wanted)) as answers:
        tokens = sum([answer.tokens async for answer in answers if isinstance(answer, Sample)])
    return time.perf_counter() - started, tokens


def _server(model: Path, prefix: int, threads: int, repetitions: int) -> list[float]:
    with llama_server(model, threads=threads, slots=SAMPLES) as address:
        seconds = []
        for number in range(repetitions):
            body = {
                "prompt": _tokens(address, prefix, number),
                "n": SAMPLES,
                "n_predict": TOKENS,
                "seed": number,
            }
            options = {"ignore_eos": True, "cache_prompt": False, "temperature": 0.8, "top_k": 40}
            started = time.perf_counter()
            answers = post(address, "/completion", body | options)
            seconds.append(time.perf_counter() - started)
            assert [answer["tokens_predicted"] for answer in answers] == [TOKENS] * SAMPLES
        return seconds


def _tokens(address: str, prefix: int, number: int) -> list[int]:
    tokens: list[int] = post(address, "/tokenize", {"content": _prompt(number)})["tokens"]
    return tokens[:prefix]


def _high_level(model: Path, prefix: int, threads: int, repetitions: int) -> list[float]:
    from llama_cpp import Llama  # noqa: PLC0415 - native code, wanted by this one measurement

    llama: Any = Llama(
        str(model), n_ctx=CONTEXT_TOKENS, n_threads=threads, n_threads_batch=threads, verbose=False
    )
    seconds = []
    for number in range(repetitions):
        tokens = llama.tokenize(_prompt(number).encode(), add_bos=False)[:prefix]
        started = time.perf_counter()
        for seed in range(SAMPLES):
            llama.create_completion(tokens, max_tokens=TOKENS, temperature=0.8, seed=seed)
        seconds.append(time.perf_counter() - started)
    llama.close()
    return seconds
