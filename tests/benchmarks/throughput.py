"""Tokens per second of the engine beside llama-bench, on the same file, one sequence, the same threads."""

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import Generation, Limits, Text, Usage
from tests.benchmarks.measure import Measurement, median
from tests.benchmarks.peers import llama_bench

PROMPT_TOKENS = 600
GENERATE_TOKENS = 128
DRAWS_MAX = 60

_LONG = Text("x = y + 1\n" * PROMPT_TOKENS, PROMPT_TOKENS, "head")
_OPEN = Text('VALUES = {\n    "a": 1,\n    "b":', 64, "head")
"""A text that models rarely end soon."""


async def measure(name: str, model: Path, *, threads: int, repetitions: int) -> list[Measurement]:
    """Measure prompt evaluation and generation of one model file."""
    bench, without = (
        llama_bench(
            model,
            prompt=PROMPT_TOKENS,
            generate=GENERATE_TOKENS,
            threads=threads,
            repetitions=repetitions,
            options=options,
        )
        for options in ((), ("-fa", "0"))
    )
    prompts = [await _draw(model, threads, number, _LONG, 1) for number in range(repetitions)]
    texts = await _whole_texts(model, threads, repetitions)
    prompt = median([(u.prompt_tokens - u.cached_tokens) / u.prefill_s for u in prompts])
    generate = median([u.output_tokens / u.decode_s for u in texts])
    peers = [("llama-bench", bench), ("llama-bench -fa 0", without)]
    return [
        row
        for peer, speed in peers
        for row in (
            Measurement(f"{name}: prompt of 600 tokens", "tokens/s", prompt, peer, speed.prompt),
            Measurement(f"{name}: {GENERATE_TOKENS} tokens", "tokens/s", generate, peer, speed.generate),
        )
    ]


async def _whole_texts(model: Path, threads: int, repetitions: int) -> list[Usage]:
    """Return the usage of texts of full length: one that its model ended early says less about speed."""
    texts: list[Usage] = []
    for number in range(DRAWS_MAX):
        usage = await _draw(model, threads, number, _OPEN, GENERATE_TOKENS)
        texts += [usage] if usage.output_tokens == GENERATE_TOKENS else []
        if len(texts) == repetitions:
            return texts
    msg = f"{model.name} ended all but {len(texts)} of {DRAWS_MAX} texts early: choose another prompt"
    raise AssertionError(msg)


async def _draw(model: Path, threads: int, number: int, text: Text, tokens: int) -> Usage:
    """Draw one text in a fresh engine: llama-bench too measures from an empty context."""
    engine = EngineProcess(model, EngineSettings(threads=threads, speculation="never"))
    prompt = (replace(text, text=f"# {number}\n{text.text}"),)
    generation = Generation(prompt, Limits(tokens, 120.0))
    try:
        async with aclosing(engine.generate(generation)) as answers:
            (usage,) = [answer async for answer in answers if isinstance(answer, Usage)]
            return usage
    finally:
        await engine.close()
