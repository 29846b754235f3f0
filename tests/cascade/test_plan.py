"""Which plans go on from one stage to the next."""

from dataclasses import replace

import pytest

from cope_lsp.cascade.confidence import Judged
from cope_lsp.cascade.plan import USER, Plan, Plans, handed_on, memory_key, not_refuted


def goal(text: str) -> Plan:
    return Plan("goal", text, "small")


GOALS = [goal("the largest"), goal("the smallest"), goal("the smallest of all"), None]


def test_the_goal_behind_the_majority_goes_on() -> None:
    drafts = [Judged("max"), Judged("min"), Judged("min"), Judged("max(x)")]
    assert handed_on(drafts, GOALS) == Plans(goal=GOALS[1])


def test_that_all_failed_does_not_change_what_most_wanted() -> None:
    drafts = [Judged("max", "failed"), Judged("min", "failed"), Judged("min", "failed"), Judged(None)]
    assert handed_on(drafts, GOALS).goal == GOALS[1]


def test_where_no_draft_is_of_use_the_first_goal_goes_on() -> None:
    assert handed_on([Judged(None), Judged(None)], [None, GOALS[1]]).goal == GOALS[1]
    assert handed_on([], []) == Plans()


def test_a_majority_without_a_goal_takes_the_first_there_is() -> None:
    assert handed_on([Judged("a"), Judged("b"), Judged("b")], [GOALS[0], None, None]).goal == GOALS[0]


def test_a_guideline_joins_the_goal() -> None:
    guideline = Plan("guideline", "Sort, then take the first.", "large")
    both = Plans(goal=GOALS[0]).joined_by(guideline)
    assert both == Plans(GOALS[0], guideline)
    assert both.joined_by(goal("another")) == Plans(goal("another"), guideline)


SORT = Plan("guideline", "Sort, then take the first.", "large")
BOTH = Plans(GOALS[0], SORT)
FAILED = [Judged("a", "failed"), Judged("b", "failed")]


@pytest.mark.parametrize(("drafts", "kept"), [
    ([Judged("a", "failed"), Judged("b", "failed"), Judged(None)], Plans()),
    ([Judged("a", "failed"), Judged("b", "passed")], BOTH),
    ([Judged("a", "failed"), Judged(None)], BOTH),  # one draft may be bad by itself
    ([Judged("a", "failed"), Judged("a", "failed")], BOTH),  # and so may two that are the same
    ([Judged("a"), Judged("b")], BOTH),  # no test ran
    ([], BOTH),
])  # fmt: skip
def test_a_plan_that_tests_refuted_is_not_handed_on(drafts: list[Judged], kept: Plans) -> None:
    assert not_refuted(BOTH, drafts) == kept


def test_what_the_user_said_is_always_handed_on() -> None:
    mine = replace(SORT, author=USER)
    assert not_refuted(Plans(GOALS[0], mine), FAILED) == Plans(guideline=mine)


def test_what_was_wrong_belongs_to_what_a_plan_is_remembered_under() -> None:
    assert memory_key("shop.py:total") == memory_key("shop.py:total", "")
    assert len({memory_key("a"), memory_key("a", "fails"), memory_key("b", "fails")}) == 3
