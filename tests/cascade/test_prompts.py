import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.cascade.prompts import Answer, Ask, Parts, is_finished, plain, read

PEAK = Parts(
    context="from datetime import date\n\n\n",
    signature="def peak(readings):",
    docstring="Return how high the readings ever climbed.",
    goal="the largest of the readings",
    guideline="Take max with default 0.",
)
HEAD = '''from datetime import date


def peak(readings):
    """Return how high the readings ever climbed."""
'''
METHOD = Parts("class Log:\n", "    def last(self):", "Return the last entry.", goal="the last entry")
LINES = st.lists(st.text(st.characters(blacklist_characters="\n"), max_size=12), max_size=6).map("\n".join)


def parts(*, goal: bool, guideline: bool) -> Parts:
    return Parts(
        PEAK.context,
        PEAK.signature,
        PEAK.docstring,
        PEAK.goal if goal else "",
        PEAK.guideline if guideline else "",
    )


@pytest.mark.parametrize(
    ("given_parts", "ask", "end"),
    [
        pytest.param(parts(goal=False, guideline=False), "code", "", id="code without a plan"),
        pytest.param(
            parts(goal=True, guideline=False),
            "code",
            "    # Goal: the largest of the readings\n",
            id="a goal",
        ),
        pytest.param(
            parts(goal=False, guideline=True),
            "code",
            "    # Guideline: Take max with default 0.\n",
            id="a guideline",
        ),
        pytest.param(
            PEAK,
            "code",
            "    # Goal: the largest of the readings\n    # Guideline: Take max with default 0.\n",
            id="both, the goal first",
        ),
        pytest.param(PEAK, "goal-and-code", "    # Goal:", id="an own goal, whatever is known"),
        pytest.param(PEAK, "goal", "    # Goal:", id="a goal alone"),
        pytest.param(parts(goal=False, guideline=False), "guideline", "    # Guideline:", id="a guideline"),
        pytest.param(
            PEAK,
            "guideline",
            "    # Goal: the largest of the readings\n    # Guideline:",
            id="a guideline for a goal",
        ),
    ],
)
def test_a_prompt_is_the_function_as_far_as_it_is_known(given_parts: Parts, ask: Ask, end: str) -> None:
    assert plain(given_parts, ask) == HEAD + end


def test_a_plan_of_several_lines_becomes_one_comment() -> None:
    text = plain(Parts("", "def f():", guideline="First this.\n  Then that. "), "code")
    assert text == "def f():\n    # Guideline: First this. Then that.\n"


def test_a_function_without_docstring_has_no_empty_one() -> None:
    assert plain(Parts("", "def f():"), "code") == "def f():\n"


def test_a_method_is_indented_one_deeper_than_its_signature() -> None:
    expected = (
        "class Log:\n    def last(self):\n        "
        '"""Return the last entry."""\n        # Goal: the last entry\n'
    )
    assert plain(METHOD, "code") == expected


@pytest.mark.parametrize("docstring", ['Say "hello"', 'A """ inside', "A back\\slash", "ends with \\"])
def test_any_docstring_is_still_one_string(docstring: str) -> None:
    module = ast.parse(plain(Parts("", "def f():", docstring), "code"))
    assert ast.get_docstring(module.body[0]) == docstring  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ask", "text", "expected"),
    [
        pytest.param("code", "    return 1\n", Answer(draft="    return 1\n"), id="a body"),
        pytest.param(
            "code",
            "    return 1\n\n\ndef g():\n    pass\n",
            Answer(draft="    return 1\n"),
            id="then another",
        ),
        pytest.param(
            "code", "    if x:\n\n        y()", Answer(draft="    if x:\n\n        y()\n"), id="no end"
        ),
        pytest.param("code", "def g():\n    return 1\n", Answer(), id="nothing of this function"),
        pytest.param(
            "goal-and-code",
            " the largest\n    return max(x)\nprint(1)",
            Answer(goal="the largest", draft="    return max(x)\n"),
            id="a goal and its draft",
        ),
        pytest.param("goal-and-code", " the largest", Answer(goal="the largest"), id="cut off in the goal"),
        pytest.param("goal", " the largest\n    return", Answer(goal="the largest"), id="a goal alone"),
        pytest.param(
            "guideline", "  Take  max.\n    return", Answer(guideline="Take max."), id="a guideline"
        ),
    ],
)
def test_an_answer_is_taken_apart(ask: Ask, text: str, expected: Answer) -> None:
    assert read(PEAK, ask, text) == expected


@pytest.mark.parametrize(
    ("ask", "text", "finished"),
    [
        ("code", "    return 1\n", False),
        ("code", "    return 1\n\n\n", False),
        ("code", "    return 1\nd", True),
        ("goal", " the largest", False),
        ("goal", " the largest\n", True),
        ("guideline", " Take max.\n", True),
        ("goal-and-code", " the largest\n    return", False),
        ("goal-and-code", " the largest\n    return 1\n\nx", True),
    ],
)
def test_an_answer_is_finished_where_the_next_part_of_the_file_begins(
    ask: Ask, text: str, *, finished: bool
) -> None:
    assert is_finished(PEAK, ask, text) is finished


def test_the_draft_of_a_method_ends_where_the_next_method_begins() -> None:
    text = "        return self.entries[-1]\n\n    def first(self):\n        return self.entries[0]\n"
    assert read(METHOD, "code", text).draft == "        return self.entries[-1]\n"


@given(goal=LINES, guideline=LINES, text=LINES)
def test_whatever_a_model_writes_a_plan_is_one_line_and_a_draft_is_indented(
    goal: str, guideline: str, text: str
) -> None:
    asked = Parts("", "def f():", "", goal, guideline)
    answer = read(asked, "goal-and-code", f"{goal}\n{text}")
    assert "\n" not in answer.goal + read(asked, "guideline", guideline).guideline
    assert all(line.startswith(" ") for line in answer.draft.split("\n") if line.strip())
