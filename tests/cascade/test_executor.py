"""The small model as executor, in both formats: one that goes on with a text, and one that converses."""

from contextlib import aclosing
from pathlib import Path

import pytest

from cope_lsp.cascade import executor
from cope_lsp.cascade.prompts import Answer, Ask, Parts
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models.catalog import embedded_path
from cope_lsp.models.local import LocalModel
from cope_lsp.values import NamedToken
from tests import vocabularies
from tests.vocabularies import write_model

TWICE = Parts("", "def evaluate_stock_count(stock_count):", "Find twice the stock count.")
SPEED = Parts(
    "", "def speed_summary(speed):", "Return double the bare size of the speed, be it plus or minus."
)


async def drawn(
    path: Path, ask: Ask, samples: int, seed: int = 0, parts: Parts = TWICE
) -> list[tuple[Answer, int]]:
    model = LocalModel(path, EngineSettings(), restarts_max=0)
    try:
        async with aclosing(executor.draw(model, parts, ask, samples, seed)) as answers:
            return [answer async for answer in answers]
    finally:
        await model.close()


async def test_each_draft_of_the_first_stage_has_a_goal_of_its_own() -> None:
    answers = await drawn(embedded_path(), "goal-and-code", 8, parts=SPEED)
    assert len(answers) == 8
    assert all(answer.goal for answer, _ in answers)
    assert len({answer.goal for answer, _ in answers}) > 1
    assert all(answer.draft.startswith("    ") for answer, _ in answers)
    assert all(tokens > 0 for _, tokens in answers)


async def test_what_it_can_do_most_drafts_do() -> None:
    answers = await drawn(embedded_path(), "goal-and-code", 8)
    assert sum("return stock_count * 2" in answer.draft for answer, _ in answers) >= 4


async def test_the_seed_decides_what_is_drawn() -> None:
    texts = []
    for seed in (1, 1, 2):
        answers = await drawn(embedded_path(), "goal-and-code", 4, seed, SPEED)
        texts.append(sorted(answer.goal + answer.draft for answer, _ in answers))
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.timeout(300)
async def test_a_model_that_converses_is_asked_in_its_own_format(tmp_path: Path) -> None:
    """Its weights are random and its vocabulary is Qwen's: what it says is noise, and is read as a draft."""
    path = write_model(tmp_path / "m.gguf", vocabularies.QWEN)
    model = LocalModel(path, EngineSettings(), restarts_max=0)
    info = await model.info()
    await model.close()
    assert info.chat == "chatml"
    prompt = executor._prompt(info, TWICE, "goal-and-code")
    assert [part.name for part in prompt if isinstance(part, NamedToken)].count("<|im_start|>") == 3
    answers = await drawn(path, "goal-and-code", 2)
    assert len(answers) == 2
    assert all(not answer.draft or answer.draft.startswith("    ") for answer, _ in answers)
