"""Samples drawn together are the samples drawn alone."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from tests.engine.conftest import draw, generation
from tests.random_model import write_exact_copy

SAMPLES = 8
TOKENS = 48
PROMPT_CHARACTERS = 1200


def prompts(count: int) -> list[str]:
    """Return places in the standard library, the text before them cut to a window."""
    choose = random.Random(1)
    files = sorted(Path(json.__file__).parent.parent.glob("*.py"))
    texts = []
    for _ in range(count):
        text = choose.choice(files).read_text("utf-8", "replace")
        end = choose.randrange(min(200, len(text)), len(text) + 1)
        texts.append(text[max(0, end - PROMPT_CHARACTERS) : end])
    return texts


@pytest.fixture(scope="module")
def exact_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_exact_copy(tmp_path_factory.mktemp("models") / "exact.gguf")


@pytest.mark.timeout(900)
async def test_greedy_text_is_equal_with_and_without_batching(
    exact_model: Path, scale: Callable[[int, int], int]
) -> None:
    """Without quantised weights, whose rounding makes the last bit of a sum decide between two tokens."""
    engine = EngineProcess(exact_model, EngineSettings(cache_type="f32"))
    try:
        for text in prompts(scale(12, 200)):
            alone = await draw(engine, generation(text, tokens=TOKENS))
            together = await draw(engine, generation(text, tokens=TOKENS, samples=SAMPLES))
            assert together.texts == alone.texts * SAMPLES
    finally:
        await engine.close()
