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
    prompts = [await _draw(model, threads, number, PROMPT_TOKENS, 1) for number in range(repetitions)]
    # A model may end its text early: such a run says less about speed and is not counted.
    texts = [await _draw(model, threads, number, 8, GENERATE_TOKENS) for number in range(2 * repetitions)]
    texts = [usage for usage in texts if usage.output_tokens == GENERATE_TOKENS]
    assert len(texts) >= repetitions, "the model ends its texts early: choose another prompt"
    prompt = median([(u.prompt_tokens - u.cached_tokens) / u.prefill_s for u in prompts])
    generate = median([u.output_tokens / u.decode_s for u in texts])
    return [
        Measurement(f"{name}: prompt of 600 tokens", "tokens/s", prompt, "llama-bench", bench.prompt),
        Measurement(f"{name}: {GENERATE_TOKENS} tokens", "tokens/s", generate, "llama-bench", bench.generate),
    ]


async def _draw(model: Path, threads: int, number: int, prompt_tokens: int, tokens: int) -> Usage:
    """Draw one text in a fresh engine: llama-bench too measures from an empty context."""
    engine = EngineProcess(model, EngineSettings(threads=threads))
    prompt = (Text(f"{number} " + "x = y + 1\n" * PROMPT_TOKENS, prompt_tokens, "head"),)
    generation = Generation(prompt, Limits(tokens, 120.0), Sampling(temperature=0.8, seed=number))
    try:
        async with aclosing(engine.generate(generation)) as answers:
            (usage,) = [answer async for answer in answers if isinstance(answer, Usage)]
            return usage
    finally:
        await engine.close()
