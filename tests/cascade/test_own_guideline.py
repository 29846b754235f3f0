"""A small model that plans by a guideline where it would by a goal: the paper's ablation."""

from dataclasses import replace

import pytest

from cope_lsp.cascade import dialogue, prompts
from cope_lsp.cascade.confidence import Judged
from cope_lsp.cascade.plan import Plan, Plans, handed_on
from cope_lsp.cascade.prompts import Answer, Parts

PARTS = Parts("", "def peak(readings):", "Return the peak.", goal="the peak", guideline="Guess.")


def test_it_stands_where_an_own_goal_would() -> None:
    text = prompts.plain(replace(PARTS, goal=""), "guideline-and-code")
    assert text == 'def peak(readings):\n    """Return the peak."""\n    # Guideline:'


def test_it_is_read_with_its_draft() -> None:
    answer = prompts.read(PARTS, "guideline-and-code", " Take  max.\n    return max(readings)\n\nx = 1\n")
    assert answer == Answer(guideline="Take max.", draft="    return max(readings)\n")
    assert not prompts.is_finished(PARTS, "guideline-and-code", " Take max.\n    return")


@pytest.mark.parametrize(
    "text",
    [
        "Guideline: Take max.\n```python\ndef peak(readings):\n    return max(readings)\n```",
        "**Guideline**: Take max.\ndef peak(readings):\n    return max(readings)\n",
    ],
)
def test_a_chat_model_says_it_in_its_first_line(text: str) -> None:
    answer = dialogue.read(PARTS, "guideline-and-code", text)
    assert answer.draft == "    return max(readings)\n"
    assert answer.goal == ""


def test_it_goes_on_as_what_it_is() -> None:
    plan = Plan("guideline", "Take max.", "nano")
    assert handed_on([Judged("a"), Judged("a")], [plan, plan]) == Plans(guideline=plan)
    assert handed_on([Judged(None)], [None]) == Plans()
