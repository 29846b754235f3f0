"""How chat models are asked, and what is made of their answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.cascade import dialogue
from cope_lsp.cascade.prompts import Answer, Ask, Parts

PLAIN = Parts("import re\n\n\n", "def total(amounts):", "Sum them.")
METHOD = Parts("class Till:\n", "    def total(self, amounts) -> int:", "Sum them.")


def test_a_question_shows_the_function_and_its_plans() -> None:
    parts = Parts(PLAIN.context, PLAIN.signature, PLAIN.docstring, "the sum", "Call sum.")
    assert dialogue.question(parts, "It fails: x") == (
        'import re\n\n\ndef total(amounts):\n    """Sum them."""\n    # Goal: the sum\n'
        "    # Guideline: Call sum.\n    ...\n\nIt fails: x\n"
    )


ANSWERS: dict[str, tuple[Ask, str, Answer]] = {
    "a block": (
        "code",
        "Here it is:\n```python\ndef total(amounts):\n    return sum(amounts)\n```\nDone.",
        Answer(draft="    return sum(amounts)\n"),
    ),
    "no block": (
        "code",
        "def total(amounts):\n  return sum(amounts)\n",
        Answer(draft="    return sum(amounts)\n"),
    ),
    "the body alone": ("code", "return sum(amounts)", Answer(draft="    return sum(amounts)\n")),
    "a block that never ends": (
        "code",
        "```\ndef total(amounts):\n    return sum(amounts)",
        Answer(draft="    return sum(amounts)\n"),
    ),
    "its docstring again": (
        "code",
        '```py\ndef total(amounts):\n    """Sum."""\n    return 1\n```',
        Answer(draft="    return 1\n"),
    ),
    "on one line": ("code", "```\ndef total(amounts): return 1\n```", Answer(draft="    return 1\n")),
    "with an import of its own": (
        "code",
        "```\nimport re\nimport math\n\ndef total(amounts):\n    return math.fsum(amounts)\n```",
        Answer(draft="    import math\n    return math.fsum(amounts)\n"),
    ),
    "with another function": (
        "code",
        "```\ndef other():\n    pass\n\ndef total(amounts):\n    # add\n    return 1\n\nprint(1)\n```",
        Answer(draft="    return 1\n"),
    ),
    "what does not parse": (
        "code",
        "```\ndef total(amounts):\n    return (\n```",
        Answer(draft="    return (\n"),
    ),
    "nothing": ("code", "", Answer()),
    "a docstring and nothing else": ("code", '```\ndef total(amounts):\n    """Sum."""\n```', Answer()),
    "a goal and a block": (
        "goal-and-code",
        "Goal: the sum of all.\n```python\ndef total(amounts):\n    return 1\n```",
        Answer(goal="the sum of all.", draft="    return 1\n"),
    ),
    "a goal in bold, no block": (
        "goal-and-code",
        "**Goal:** the sum\ndef total(amounts):\n    return 1\n",
        Answer(goal="the sum", draft="    return 1\n"),
    ),
    "no goal": (
        "goal-and-code",
        "```\ndef total(amounts):\n    return 1\n```",
        Answer(draft="    return 1\n"),
    ),
    "a guideline": ("guideline", " Call sum.\nMind\nNone. ", Answer(guideline="Call sum. Mind None.")),
    "a guideline with code": ("guideline", "Call sum.\n```\nsum(x)\n```", Answer(guideline="Call sum.")),
    "a goal alone": ("goal", "The sum.", Answer(goal="The sum.")),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_taken_apart(name: str) -> None:
    ask, text, expected = ANSWERS[name]
    assert dialogue.read(PLAIN, ask, text) == expected


@pytest.mark.parametrize("text", [
    "class Till:\n    def total(self, amounts) -> int:\n        return 1\n",
    "def total(self, amounts):\n    return 1",
    "    def total(self, amounts):\n        return 1",
    "return 1",
])  # fmt: skip
def test_the_body_of_a_method_is_as_deep_as_in_its_class(text: str) -> None:
    assert dialogue.body_of(METHOD, text) == "        return 1\n"


@given(st.text(max_size=80), st.sampled_from(["code", "goal-and-code", "goal", "guideline"]))
def test_whatever_is_answered_is_indented_or_nothing(text: str, ask: Ask) -> None:
    answer = dialogue.read(PLAIN, ask, text)
    assert not answer.draft or answer.draft.endswith("\n")
    assert "\n" not in answer.goal + answer.guideline
