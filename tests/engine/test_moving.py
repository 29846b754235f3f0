"""The text after the cursor is taken along while somebody types before it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType

from cope_lsp.engine.lanes import DRIFT_MAX, behind_mark, common_prefix
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import FimMark, Generation, Limits, Prompt, Text
from tests.engine.conftest import Answer, draw, generation
from tests.random_model import Shape, write_random_model

SUFFIX = "".join(f"def step_{n}(x):\n    return x + {n}\n\n\n" for n in range(12))
PREFIX = "import json\n\n\n" + SUFFIX.replace("step", "before")
TYPED = "def area(width, height):\n    return width"
MARK = 9


@pytest.mark.parametrize(
    ("old", "new", "kept", "expected"),
    [
        ([1, 2, 9, 5, 6, 7], [1, 2, 3, 9, 5, 6, 7], 2, (2, 3, 3)),
        ([1, 2, 3, 9, 5, 6, 7], [1, 2, 9, 5, 6, 7, 8], 2, (3, 2, 4)),
        ([1, 2, 9, 5, 6, 7], [1, 3, 9, 5, 8, 7], 1, (2, 2, 2)),
        ([1, 2, 9, 5], [1, 2, 9, 5], 3, None),  # what is kept holds the mark
        ([1, 2, 9, 5], [1, 2, 3, 9], 2, None),  # the last token is evaluated in any case
        ([1, 2], [1, 2, 9, 5], 2, None),
        ([1, 2, 9, 5], [1, 2, 3], 2, None),
        ([], [9, 1], 0, None),
    ],
)
def test_what_two_prompts_share_behind_the_mark(
    old: list[int], new: list[int], kept: int, expected: tuple[int, int, int] | None
) -> None:
    assert common_prefix(old, new) >= min(kept, len(new) - 1)
    assert behind_mark(old, new, kept, MARK) == expected


# -- with llama.cpp -----------------------------------------------------------------------------------


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[EngineProcess]:
    """Yield an engine on a network of one layer, in which no token's memory depends on those before it."""
    path = write_random_model(tmp_path / "flat.gguf", Shape(layers=1), kind=GGMLQuantizationType.F32)
    made = EngineProcess(path, EngineSettings(cache_type="f32", parked_bytes_max=0))
    yield made
    await made.close()


def infilling(prefix: str, suffix: str = SUFFIX) -> Prompt:
    before, after = Text(prefix, 900, "tail"), Text(suffix, 900, "head", joined=True)
    return (FimMark("prefix"), before, FimMark("suffix"), after, FimMark("middle"))


async def ask(engine: EngineProcess, prompt: Prompt, samples: int = 1) -> Answer:
    return await draw(engine, Generation(prompt, Limits(12, 30.0), samples=samples))


async def ask_cold(engine: EngineProcess, prompt: Prompt) -> Answer:
    """Return the answer of an engine that remembers nothing: beside batch jobs idle lanes are emptied."""
    for text in ("another text", "and one more"):
        await draw(engine, generation(text, tokens=1, priority="batch"))
    answer = await ask(engine, prompt)
    assert answer.usage.cached_tokens <= 1
    return answer


def keystrokes() -> list[str]:
    """Return what stands before the cursor: typed, a part deleted again, and typed."""
    typed = [TYPED[:end] for end in range(1, len(TYPED) + 1)]
    deleted = [TYPED[:end] for end in range(len(TYPED), 20, -1)]
    return [PREFIX + text for text in (*typed, *deleted, *typed[25:30])]


async def test_a_key_costs_a_few_tokens_and_draws_what_a_fresh_start_draws(engine: EngineProcess) -> None:
    prompts = [infilling(prefix) for prefix in keystrokes()]
    cold = [(await ask_cold(engine, prompt)).texts for prompt in prompts]
    await ask(engine, infilling(PREFIX))
    warm = [await ask(engine, prompt) for prompt in prompts]
    assert [answer.texts for answer in warm] == cold
    evaluated = [answer.usage.prompt_tokens - answer.usage.cached_tokens for answer in warm]
    whole = warm[0].usage.prompt_tokens
    anew = [tokens for tokens in evaluated if tokens > 8]
    assert len(anew) <= 1 + len(prompts) * 2 // DRIFT_MAX, "only what has drifted far is evaluated anew"
    assert sorted(evaluated)[len(evaluated) // 2] <= 4 < whole // 50


async def test_what_has_drifted_far_is_evaluated_anew(engine: EngineProcess) -> None:
    await ask(engine, infilling(PREFIX))
    near = await ask(engine, infilling(PREFIX + "x = 1\n" * 4))
    far = await ask(engine, infilling(PREFIX + "x = 1\n" * 40))
    again = await ask(engine, infilling(PREFIX + "x = 1\n" * 42))
    suffix_tokens = near.usage.cached_tokens // 3
    evaluated = [each.usage.prompt_tokens - each.usage.cached_tokens for each in (near, far, again)]
    assert evaluated[0] < DRIFT_MAX
    assert evaluated[1] > suffix_tokens
    assert evaluated[2] < DRIFT_MAX


async def test_several_samples_share_what_was_moved(engine: EngineProcess) -> None:
    cold = await ask_cold(engine, infilling(PREFIX + TYPED))
    await ask(engine, infilling(PREFIX))
    warm = await ask(engine, infilling(PREFIX + TYPED), samples=4)
    assert warm.texts == cold.texts * 4
    assert warm.usage.cached_tokens > warm.usage.prompt_tokens * 0.9


async def test_another_suffix_is_never_taken_for_this_one(engine: EngineProcess) -> None:
    other = SUFFIX.replace("step", "other")
    cold = await ask_cold(engine, infilling(PREFIX + "x", other))
    await ask(engine, infilling(PREFIX))
    assert (await ask(engine, infilling(PREFIX + "x", other))).texts == cold.texts
