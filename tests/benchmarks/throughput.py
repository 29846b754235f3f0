"""Tokens per second of the engine beside llama-bench, on the same file, one sequence, the same threads."""

from contextlib import aclosing
from pathlib import Path

from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import Generation, Limits, Sampling, Text, Usage
from tests.benchmarks.measure import Measurement, median
from tests.benchmarks.peers import llama_bench

PROMPT_TOKENS = 600
GENERATE_TOKENS = 128


async def measure(name: str, model: Path, *, threads: int, repetitions: int) -> list[Measurement]:
    """Measure prompt evaluation and generation of one model file."""
    bench = llama_bench(
        model,
        prompt=PROMPT_TOKENS,
        generate=GENERATE_TOKENS,
        threads=threads,
        repetitions=repetitions,
    )
    usages = await _run(model, threads, repetitions)
    prompt = median([(u.prompt_tokens - u.cached_tokens) / u.prefill_s for u in usages])
    generate = median([u.output_tokens / u.decode_s for u in usages])
    return [
        Measurement(f"{name}: prompt of 600 tokens", "tokens/s", prompt, "llama-bench", bench.prompt),
        Measurement(f"{name}: {GENERATE_TOKENS} tokens", "tokens/s", generate, "llama-bench", bench.generate),
    ]


async def _run(model: Path, threads: int, repetitions: int) -> list[Usage]:
    engine = EngineProcess(model, EngineSettings(threads=threads))
    try:
        # A first token of its own keeps each prompt from being remembered.
        texts = [f"{n} " + "x = y + 1\n" * PROMPT_TOKENS for n in range(4 * repetitions)]
        usages = [await _draw(engine, text) for text in texts]
    finally:
        await engine.close()
    # A model may end its text early; such a run says less about speed and is not counted.
    complete = [usage for usage in usages if usage.output_tokens == GENERATE_TOKENS]
    assert len(complete) >= repetitions, "the model ends its texts early: choose another prompt"
    return complete


async def _draw(engine: EngineProcess, text: str) -> Usage:
    prompt = (Text(text, PROMPT_TOKENS, "head"),)
    generation = Generation(prompt, Limits(GENERATE_TOKENS, 120.0), Sampling())
    async with aclosing(engine.generate(generation)) as answers:
        async for answer in answers:
            if isinstance(answer, Usage):
                return answer
    raise AssertionError("a generation ends with its usage")
