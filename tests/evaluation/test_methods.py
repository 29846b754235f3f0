"""What each method shows to whom, and what it makes of the answers."""

from dataclasses import replace

import pytest

from cope_lsp.evaluation.methods import METHODS, Drafted, Draw, run
from cope_lsp.evaluation.tasks import Task
from cope_lsp.values import Sampling
from tests.evaluation.conftest import HEAD, PEAK, Scribe

BODY = "    return max(readings)\n"
GAP = Task(
    id="gap", kind="infilling", context="def f(a):\n", suffix="    return b\n", hidden_tests=("assert f(1)",)
)


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("no-plan", HEAD),
        ("perfect-goal", HEAD + "    # Goal: the largest of the readings\n"),
        ("perfect-guideline", HEAD + "    # Guideline: Take max with default 0.\n"),
        (
            "perfect-goal+perfect-guideline",
            HEAD + "    # Goal: the largest of the readings\n    # Guideline: Take max with default 0.\n",
        ),
    ],
)
async def test_a_draft_is_asked_for_under_the_plans_of_the_task(method: str, shown: str) -> None:
    executor = Scribe(BODY + "\nprint(peak([1]))\n")
    drafted = await run(PEAK, METHODS[method], Draw(), executor)
    assert executor.prompts == [shown]
    assert drafted.drafts == (BODY,)
    assert drafted.executor_tokens == 7
    assert executor.asked[0].sampling.temperature == 0


@pytest.mark.parametrize("kind", ["goal", "guideline"])
async def test_every_sample_goes_on_from_a_plan_of_its_own(kind: str) -> None:
    executor = Scribe(" second  plan\n    return 2\n", " first\n    return 1\n")
    drafted = await run(PEAK, METHODS[f"own-{kind}"], Draw(samples=2, temperature=0.7, seed=3), executor)
    assert executor.prompts == [f"{HEAD}    # {kind.capitalize()}:"]
    assert drafted.drafts == ("    return 1\n", "    return 2\n")
    assert (drafted.goals or drafted.guidelines) == ("first", "second plan")
    assert bool(drafted.goals) == (kind == "goal")
    sampling = executor.asked[0].sampling
    assert (sampling.temperature, sampling.seed, executor.asked[0].samples) == (0.7, 3, 2)


async def test_a_model_that_ends_with_its_plan_is_asked_for_the_rest() -> None:
    executor = Scribe(" the top", " the top\n" + BODY, BODY)
    drafted = await run(PEAK, METHODS["own-goal"], Draw(samples=2, seed=5), executor)
    assert drafted.drafts == (BODY, BODY)
    assert executor.prompts[1] == HEAD + "    # Goal: the top\n"
    assert executor.asked[1].samples == 1
    assert executor.asked[1].sampling == Sampling(0.8, seed=6)
    assert drafted.executor_tokens == 21


async def test_a_planner_writes_once_and_greedily_for_all_samples() -> None:
    executor, planner = Scribe(BODY, BODY, BODY), Scribe(" Take max.")
    drafted = await run(PEAK, METHODS["planner-guideline"], Draw(samples=3), executor, planner)
    assert planner.prompts == [HEAD + "    # Guideline:"]
    assert (planner.asked[0].samples, planner.asked[0].sampling.temperature) == (1, 0)
    assert executor.prompts == [HEAD + "    # Guideline: Take max.\n"]
    assert drafted == Drafted((BODY,) * 3, (), ("Take max.",), executor_tokens=21, planner_tokens=7)


async def test_an_own_goal_and_the_planners_guideline_are_shown_together() -> None:
    executor, planner = Scribe(" the top", BODY), Scribe(" Take max.")
    drafted = await run(PEAK, METHODS["own-goal+planner-guideline"], Draw(), executor, planner)
    assert executor.prompts == [
        HEAD + "    # Goal:",
        HEAD + "    # Goal: the top\n    # Guideline: Take max.\n",
    ]
    assert planner.prompts == [HEAD + "    # Guideline:"]
    assert (drafted.goals, drafted.guidelines) == (("the top",), ("Take max.",))


async def test_an_executor_writes_its_guideline_with_its_goal_in_sight() -> None:
    executor = Scribe(" the top", " Take max.", BODY)
    await run(PEAK, METHODS["own-goal+own-guideline"], Draw(), executor)
    assert executor.prompts[1] == HEAD + "    # Goal: the top\n    # Guideline:"


async def test_code_above_is_shown_and_kept() -> None:
    executor = Scribe(BODY)
    task = replace(PEAK, context="import math\n\n\n")
    drafted = await run(task, METHODS["no-plan"], Draw(), executor)
    assert executor.prompts == ["import math\n\n\n" + HEAD]
    assert task.program(drafted.drafts[0]).startswith("import math\n\n\ndef peak(readings):\n    return")


async def test_a_model_that_writes_nothing_has_written_an_empty_draft() -> None:
    assert (await run(PEAK, METHODS["no-plan"], Draw(), Scribe(""))).drafts == ("",)


async def test_a_gap_is_filled_as_ghost_text_is() -> None:
    executor = Scribe("    b = a")
    drafted = await run(GAP, METHODS["no-plan"], Draw(), executor)
    assert executor.prompts == ["<prefix>def f(a):\n<suffix>\n    return b\n<middle>"]
    assert executor.asked[0].limits.lines_max == 1
    assert GAP.program(drafted.drafts[0]) == "def f(a):\n    b = a\n    return b\n"


async def test_a_gap_has_no_plan() -> None:
    with pytest.raises(ValueError, match="without a plan"):
        await run(GAP, METHODS["own-goal"], Draw(), Scribe("x"))
