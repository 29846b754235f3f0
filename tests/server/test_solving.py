"""What a solve says while it runs, and what it lets through in the end."""

import pytest

from cope_lsp.cascade.confidence import Judged
from cope_lsp.cascade.decide import STAGES
from cope_lsp.cascade.family import Assessed, Draft
from cope_lsp.cascade.outcome import DraftChecked, Event, PlanWritten, StageStarted
from cope_lsp.cascade.plan import Plan
from cope_lsp.checks.base import Judgement, Verdict
from cope_lsp.context.target import target_at
from cope_lsp.server.solving import Course, strayed
from tests.server.editor import STUB


def checked(number: int, *verdicts: tuple[str, Judgement]) -> DraftChecked:
    told = tuple(Verdict(check, judgement, "", 1.0) for check, judgement in verdicts)
    return DraftChecked(number, Draft("    pass\n"), Assessed(Judged(None), told))


def test_the_course_names_stage_draft_and_what_failed() -> None:
    guideline = Plan("guideline", "Sort first.", "the large model")
    events: list[tuple[Event, str]] = [
        (StageStarted(1, STAGES[0], 0), "stage 1"),
        (checked(1, ("syntax", "passed"), ("tests", "passed")), "stage 1, draft 1 of 8"),
        (checked(2, ("syntax", "passed"), ("tests", "failed")), "stage 1, draft 2 of 8 (1 failed: tests)"),
        (checked(3, ("tests", "unknown")), "stage 1, draft 3 of 8 (1 failed: tests)"),
        (checked(4, ("syntax", "failed")), "stage 1, draft 4 of 8 (2 failed: tests, syntax)"),
        (StageStarted(1, STAGES[0], 1), "stage 1"),
        (checked(9, ("tests", "failed")), "stage 1, draft 9 of 16 (3 failed: tests, syntax)"),
        (PlanWritten(guideline, 5), "stage 1: guideline of the large model"),
        (StageStarted(2, STAGES[1], 0), "stage 2"),
        (checked(1, ("tests", "passed")), "stage 2, draft 1 of 8"),
    ]
    course = Course()
    assert [course.after(event) for event, _ in events] == [said for _, said in events]


@pytest.mark.parametrize(
    "draft",
    [
        "    return price * 2\n",
        "    def inner():\n        return price\n\n    return inner() * 2\n",
        '    text = """\nnot indented\n"""\n    return text\n',
        "    return price * 2\n    # done\n",
        "    s = '漢 😀'\n    return s\n",
    ],
)
def test_a_draft_that_is_the_body_of_its_function_passes(draft: str) -> None:
    target = target_at(STUB, 3)
    assert strayed(target, draft, target.with_body(draft)) == ""


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        ("    return price\n\n\nimport os\nos.remove('x')\n", "goes on after"),
        ("    return price\n\n\ndef other():\n    return 2\n", "goes on after"),
        ("    return price\n\n\nclass Other:\n    pass\n", "goes on after"),
        ("    return price\n  # x\n\nx = 1  # y\n", "goes on after"),
        ("pass\n    return price\n", "goes on after"),
        ("    return (\n", "does not leave a function"),
        ('    """\n', "does not leave a function"),
        ("    return 'a\u202eb'\n", "characters"),
        ("    return 'a\u200bb'\n", "characters"),
        ("    return '\x1b[31m'\n", "characters"),
        ("    return 1\r\n", "characters"),
        ("    return 1 # \U000e0041\n", "characters"),
    ],
)
def test_a_draft_that_does_anything_else_is_held_back(draft: str, said: str) -> None:
    target = target_at(STUB, 3)
    assert said in strayed(target, draft, target.with_body(draft))
