"""What the engine draws: the real llama.cpp, in its process, on the embedded model."""

import asyncio
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import replace
from math import exp, sqrt
from pathlib import Path
from statistics import mean

import pytest

from cope_lsp.engine.process import EngineProcess
from cope_lsp.errors import GenerationError
from cope_lsp.values import FimMark, Generation, Limits, Sample, Sampling, Text
from tests.engine.conftest import MakeEngine, draw, generation, prompt
from tests.random_model import Shape, write_random_model

LONG_TEXT = "import json\n\n\n" + "".join(f"def step_{n}(x):\n    return x + {n}\n\n\n" for n in range(30))


async def test_the_model_tells_what_it_is(engine: EngineProcess) -> None:
    info = await engine.start()
    assert info.fim
    assert info.languages == ("python",)
    assert info.parameters > 500_000
    assert info.context_tokens >= 512


async def test_greedy_text_is_the_same_every_time(engine: EngineProcess) -> None:
    first, second = [await draw(engine, generation(LONG_TEXT)) for _ in range(2)]
    assert first.texts == second.texts
    assert first.usage.output_tokens > 0


async def test_a_prompt_seen_before_is_not_evaluated_again(engine: EngineProcess) -> None:
    first = await draw(engine, generation(LONG_TEXT, tokens=2))
    again = await draw(engine, generation(LONG_TEXT, tokens=2))
    longer = await draw(engine, generation(LONG_TEXT + "def last(x):\n", tokens=2))
    assert first.usage.cached_tokens == 0
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1
    assert longer.usage.cached_tokens > 0.9 * first.usage.prompt_tokens


async def test_what_is_remembered_does_not_change_what_is_drawn(engine: EngineProcess) -> None:
    """Reuse after a shared prefix gives the text of a fresh start."""
    prompts = [LONG_TEXT, LONG_TEXT[:-40] + "class A:\n    ", LONG_TEXT[:200], LONG_TEXT]
    warm = [(await draw(engine, generation(text))).texts for text in prompts]
    cold = []
    for text in prompts:
        fresh = EngineProcess(engine.model_path, engine.settings)
        cold.append((await draw(fresh, generation(text))).texts)
        await fresh.close()
    assert warm == cold


async def test_samples_come_from_their_seeds(engine: EngineProcess) -> None:
    wanted = generation(samples=6, temperature=1.0, seed=7)
    first, second = await draw(engine, wanted), await draw(engine, wanted)
    other = await draw(engine, generation(samples=6, temperature=1.0, seed=8))
    assert sorted(sample.index for sample in first.samples) == list(range(6))
    assert first.texts == second.texts
    assert len(set(first.texts)) > 1
    assert other.texts != first.texts


async def test_log_probabilities_come_when_asked(engine: EngineProcess) -> None:
    wanted = replace(generation(LONG_TEXT, tokens=24), logprobs=True)
    greedy = (await draw(engine, wanted)).samples[0]
    hot = replace(wanted, sampling=Sampling(temperature=2.0, top_k=0, top_p=1.0, min_p=0.0))
    surprising = (await draw(engine, hot)).samples[0]
    assert greedy.logprobs is not None
    assert surprising.logprobs is not None
    assert len(greedy.logprobs) == greedy.tokens
    assert max(greedy.logprobs) <= 0
    assert mean(surprising.logprobs) < mean(greedy.logprobs)
    assert (await draw(engine, generation())).samples[0].logprobs is None


async def test_log_probabilities_agree_with_how_often_a_token_is_drawn(engine: EngineProcess) -> None:
    """At temperature 1 without cuts a token is drawn as often as its probability says."""
    plain = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=3)
    wanted = Generation(prompt(LONG_TEXT), Limits(1, 60.0), plain, samples=600, logprobs=True)
    drawn = (await draw(engine, wanted)).samples
    text, count = Counter(sample.text for sample in drawn if sample.text).most_common(1)[0]
    chosen = next(sample for sample in drawn if sample.text == text)
    assert chosen.logprobs is not None
    probability = exp(chosen.logprobs[0])
    spread = sqrt(probability * (1 - probability) / len(drawn))
    assert abs(count / len(drawn) - probability) < 4 * spread


async def test_more_samples_than_sequences_are_drawn_in_turns(make_engine: MakeEngine) -> None:
    engine = make_engine(sequences=3)
    answer = await draw(engine, generation(samples=10, temperature=1.0))
    assert sorted(sample.index for sample in answer.samples) == list(range(10))


async def test_samples_that_do_not_fit_together_are_drawn_in_turns(make_engine: MakeEngine) -> None:
    engine = make_engine(context_tokens=512)
    answer = await draw(engine, generation(samples=8, tokens=200, temperature=1.0))
    assert len(answer.samples) == 8


async def test_a_full_memory_forgets_old_prompts_and_goes_on(make_engine: MakeEngine) -> None:
    engine = make_engine(context_tokens=512)
    for n in range(12):
        answer = await draw(engine, generation(f"# {n}\n" + LONG_TEXT[: 300 + 10 * n], tokens=20))
        assert len(answer.samples) == 1


async def test_a_prompt_that_does_not_fit_is_an_error_and_the_engine_lives(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(context_tokens=512)
    with pytest.raises(GenerationError, match="do not fit"):
        await draw(engine, generation(LONG_TEXT * 4))
    assert (await draw(engine, generation())).samples


async def test_an_empty_prompt_is_a_prompt(engine: EngineProcess) -> None:
    assert len((await draw(engine, generation(""))).samples) == 1


async def test_text_at_the_deadline_is_given_as_far_as_it_came(engine: EngineProcess) -> None:
    await engine.start()
    started = time.monotonic()
    answer = await draw(engine, generation(tokens=900, temperature=1.5, deadline_s=0.2, samples=4))
    assert time.monotonic() - started < 3
    assert len(answer.samples) == 4
    assert {sample.finish for sample in answer.samples} <= {"deadline", "eog"}


async def test_a_cancelled_generation_frees_the_engine(engine: EngineProcess) -> None:
    await engine.start()
    slow = generation(tokens=3000, temperature=1.5, samples=8, priority="batch")
    for _ in range(20):
        async with aclosing(engine.generate(slow)) as answers:
            waiting = asyncio.ensure_future(anext(answers))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    started = time.monotonic()
    await draw(engine, generation(tokens=4))
    assert time.monotonic() - started < 2


async def test_who_has_enough_samples_may_stop_early(engine: EngineProcess) -> None:
    async with aclosing(engine.generate(generation(samples=8, temperature=1.0, tokens=200))) as answers:
        first = await anext(answers)
    assert isinstance(first, Sample)
    assert (await draw(engine, generation(tokens=4))).samples


async def test_interactive_work_overtakes_batch_work(make_engine: MakeEngine, tmp_path: Path) -> None:
    shape = Shape(width=256, layers=8, feed_forward=1024)  # slow enough: the batch takes seconds
    engine = make_engine(write_random_model(tmp_path / "slow.gguf", shape))
    await engine.start()
    slow = generation(tokens=400, temperature=1.5, samples=8, priority="batch", deadline_s=60)
    batch = asyncio.create_task(draw(engine, slow))
    await asyncio.sleep(0.05)
    answer = await draw(engine, generation(tokens=4))
    assert answer.samples
    assert not batch.done()
    assert len((await batch).samples) == 8


async def test_interactive_work_in_between_does_not_change_the_samples(engine: EngineProcess) -> None:
    wanted = generation(tokens=100, samples=4, priority="batch")
    alone = await draw(engine, wanted)
    disturbed = asyncio.create_task(draw(engine, wanted))
    for n in range(10):
        await draw(engine, generation(f"x = {n}", tokens=4))
    assert (await disturbed).texts == alone.texts


async def test_a_special_token_written_as_text_stays_text(engine: EngineProcess) -> None:
    """A document that contains the name of a control token cannot end or redirect the prompt."""
    plain = await draw(engine, generation("x = '<|endoftext|>'\ny = "))
    assert plain.usage.prompt_tokens > 10


async def test_a_model_without_fim_tokens_refuses_such_a_prompt(
    make_engine: MakeEngine, model_without_fim: Path
) -> None:
    engine = make_engine(model_without_fim)
    assert not (await engine.start()).fim
    wanted = Generation((FimMark("prefix"), Text("x", 9, "tail")), Limits(4, 5.0))
    with pytest.raises(GenerationError, match="fill-in-the-middle"):
        await draw(engine, wanted)
    assert (await draw(engine, generation(tokens=4))).samples
